/* SPDX-License-Identifier: BSD-2-Clause */
/* Which SA and which way a packet of the host takes, and what becomes of it where there is none. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/icmp_refuse.h"
#include "dataplane/sa_out_watch.h"
#include "dataplane/send_private.h"
#include "dataplane/tcp_mss.h"
#include "dataplane/wire.h"

#define IPV4_DONT_FRAGMENT 0x4000
#define IPV4_MTU_MIN 68	  /* RFC 791 */
#define IPV6_MTU_MIN 1280 /* RFC 8200 section 5 */
#define WAITING_MS 10

/* ---- making it ---------------------------------------------------------------------------------------- */

int send_new(const struct send_config *config, struct send **ret_send)
{
	struct send *send = calloc(1, sizeof(*send));
	int err;

	if (!send)
		return -ENOMEM;
	err = iv_pool_new(&send->ivs);
	if (err) {
		free(send);
		return err;
	}
	send->config = *config;
	send->blocked_socket = -1;
	*ret_send = send;
	return 0;
}

void send_free(struct send *send)
{
	if (!send)
		return;
	iv_pool_free(send->ivs);
	free(send);
}

void send_set_spd(struct send *send, const struct spd *spd, bool mss_clamp)
{
	send->spd = spd;
	send->mss_clamp = mss_clamp;
	memset(&send->flows, 0, sizeof(send->flows));
}

/* ---- counting and answering -------------------------------------------------------------------------------
 */

void send_count(struct send *send, enum xesp_reason reason)
{
	_Atomic uint64_t *counter = &send->config.counters[reason - XESP_ENGINE_REASON_FIRST];

	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static bool may_answer(struct send *send)
{
	if (send->answers_second != send->now) {
		send->answers_second = send->now;
		send->answers = 0;
	}
	return send->answers++ < XESP_REFUSALS_PER_SECOND;
}

/* What the sender is to do: nothing less than it says, so that it does not send the same again. */
static uint32_t mtu_to_tell(const struct gso *gso, const struct send_path *path)
{
	uint32_t longest = gso_segment_bytes(gso, 0), mtu = esp_out_inner_max(path->sa, path->way.mtu);
	uint32_t least = gso->family == 4 ? IPV4_MTU_MIN : IPV6_MTU_MIN;

	if (mtu >= longest)
		mtu = longest - 1;
	return mtu < least ? least : mtu;
}

static void answer(struct send *send, const struct gso *gso, const struct send_path *path,
		   enum xesp_reason reason)
{
	uint8_t frame[sizeof(struct virtio_net_hdr) + ICMP_REFUSE_MAX];
	uint8_t *error = frame + SEND_VNET_BYTES;
	size_t len;

	switch (reason) {
	case XESP_REASON_SEND_REFUSED:
	case XESP_REASON_SEND_ENDED: len = icmp_refuse(gso->packet, gso->len, error); break;
	case XESP_REASON_SEND_NO_ROUTE: len = icmp_unreachable(gso->packet, gso->len, error); break;
	case XESP_REASON_SEND_TOO_BIG:
		len = icmp_too_big(gso->packet, gso->len, mtu_to_tell(gso, path), error);
		break;
	default: return;
	}
	if (!len || !may_answer(send))
		return;
	memset(frame, 0, SEND_VNET_BYTES);
	(void)!write(send->config.tun, frame, SEND_VNET_BYTES + len);
}

/* ---- which way ------------------------------------------------------------------------------------------
 */

/* SEND_WAITED: the packet has to wait. */
static enum xesp_reason find_way(const struct sa_out *sa, struct nexthop_way *ret_way)
{
	struct sa_out_ends ends;

	if (!sa->hop)
		return XESP_REASON_SEND_NO_ROUTE;
	nexthop_read(sa->hop, ret_way);
	if (ret_way->state == NEXTHOP_RESOLVING)
		return XESP_REASON_SEND_WAITED;
	if (ret_way->state != NEXTHOP_USABLE || !ret_way->port)
		return XESP_REASON_SEND_NO_ROUTE;
	sa_out_get_ends(sa, &ends);
	/* The source comes with the route; in transport mode it is the packet's. */
	if (ends.src.family == AF_UNSPEC && sa->mode != SA_MODE_TRANSPORT)
		return XESP_REASON_SEND_WAITED;
	return XESP_REASON_NONE;
}

static uint64_t look_of(const struct sa_out *sa, const uint8_t *inner)
{
	if (sa->mode != SA_MODE_TUNNEL)
		return 0;
	if (inner[0] >> 4 == 6)
		return 6ull << 32 | wire_get32(inner);
	return 4ull << 32 | (uint32_t)inner[1] << 16 |
	       (wire_get16(inner + IPV4_FRAGMENT) & IPV4_DONT_FRAGMENT);
}

static enum xesp_reason find_path(struct send *send, const struct gso *gso, struct spd_flow *flow,
				  struct send_path *path)
{
	enum xesp_reason reason;
	struct sa_out *sa;

	if (!spd_flow_of(gso->packet, gso->len, flow))
		return XESP_REASON_SEND_MALFORMED;
	sa = send->spd ? flow_cache_find(&send->flows, send->spd, flow) : NULL;
	path->sa = sa;
	if (!sa)
		return XESP_REASON_SEND_REFUSED;
	if (sa_out_watch_ended(sa, send->config.events))
		return XESP_REASON_SEND_ENDED;
	reason = find_way(sa, &path->way);
	if (reason)
		return reason;
	if (esp_out_split(sa, gso->packet, gso->len, &path->split))
		return XESP_REASON_SEND_MALFORMED;
	path->pad_to = esp_out_pad_to(sa, path->way.mtu);
	path->marker = sa->form == XESP_FORM_UDP_IKE ? SEND_MARKER_BYTES : 0;
	path->look = look_of(sa, gso->packet);
	return XESP_REASON_NONE;
}

/* ---- the path's MTU ---------------------------------------------------------------------------------------
 */

static uint32_t payload_of(const struct send_path *path, uint32_t inner_bytes)
{
	return inner_bytes - path->split.skip + path->split.prefix_bytes;
}

/* Of the outer packet around an inner one. */
static uint32_t outer_bytes(const struct send_path *path, uint32_t inner_bytes)
{
	const struct sa_out *sa = path->sa;
	uint32_t bytes = sa->outer_bytes + esp_out_bytes(sa, payload_of(path, inner_bytes), path->pad_to);

	/* Options of the host's header, which becomes the outer one. */
	if (sa->mode == SA_MODE_TRANSPORT)
		bytes += path->split.skip -
			 (sa->params.dst.family == AF_INET6 ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES);
	return bytes;
}

static bool fits(const struct send_path *path, uint32_t inner_bytes)
{
	return outer_bytes(path, inner_bytes) <= path->way.mtu;
}

/* What is too long is cut before it is sealed where that is allowed, so that no outer fragment has to get
 * through NATs and firewalls (RFC 4301 section 8.2.1 leaves it to us). Only whole packets go into transport
 * mode (RFC 4303 section 3.1.1), IPv6 must carry 1280 bytes (RFC 8200 section 5), and an SA that knows no
 * PMTU never says that something is too long: there the outer packet is cut. */
static enum xesp_reason check_length(const struct gso *gso, struct send_path *path, bool *ret_cut)
{
	uint32_t longest = gso_segment_bytes(gso, 0);
	bool may_cut = gso->family == 4 && !(wire_get16(gso->packet + IPV4_FRAGMENT) & IPV4_DONT_FRAGMENT);

	path->fragment_outer = false;
	*ret_cut = false;
	if (fits(path, longest))
		return XESP_REASON_NONE;
	if (may_cut && path->sa->mode == SA_MODE_TUNNEL) {
		*ret_cut = true;
		return XESP_REASON_NONE;
	}
	if (!may_cut && !(path->sa->params.flags & SA_FLAG_NO_PMTU_DISC) &&
	    (gso->family == 4 || longest > IPV6_MTU_MIN))
		return XESP_REASON_SEND_TOO_BIG;
	path->fragment_outer = true;
	return outer_bytes(path, longest) > SEND_PACKET_MAX ? XESP_REASON_SEND_TOO_BIG : XESP_REASON_NONE;
}

/* ---- one piece --------------------------------------------------------------------------------------------
 */

struct numbers {
	uint64_t next;
	uint32_t left;
};

/* For the first of `want` packets of `bytes` bytes in all, which alone has `one`. 0: the SA has ended. */
static uint64_t next_number(const struct send *send, struct sa_out *sa, struct numbers *numbers,
			    uint32_t want, uint64_t bytes, uint32_t one)
{
	if (!numbers->left) {
		numbers->left = want;
		numbers->next = sa_out_watch_take(sa, send->config.events, want, bytes);
		if (!numbers->next && want > 1) {
			numbers->left = 1;
			numbers->next = sa_out_watch_take(sa, send->config.events, 1, one);
		}
		if (!numbers->next)
			return 0;
	}
	numbers->left--;
	return numbers->next++;
}

/* The segments from `i` on, but the last all of the same length, are let go together. */
static uint64_t number_of_segment(const struct send *send, const struct gso *gso, uint32_t i,
				  const struct send_path *path, struct numbers *numbers)
{
	uint32_t left = gso->count - i, want = left < XESP_BURST_MAX ? left : XESP_BURST_MAX;
	uint32_t one = payload_of(path, gso_segment_bytes(gso, i));
	uint32_t last = payload_of(path, gso_segment_bytes(gso, i + want - 1));

	return next_number(send, path->sa, numbers, want, (uint64_t)(want - 1) * one + last, one);
}

static bool add_segment(struct send *send, const struct gso *gso, uint32_t i, const struct send_path *path,
			struct numbers *numbers)
{
	uint64_t seq = number_of_segment(send, gso, i, path, numbers);
	uint8_t *at;

	if (!seq)
		return false;
	at = send_burst_add(send, path, i, payload_of(path, gso_segment_bytes(gso, i)), seq);
	memcpy(at, path->split.prefix, path->split.prefix_bytes);
	gso_segment(gso, i, path->split.skip, at + path->split.prefix_bytes);
	return true;
}

static bool add_fragments(struct send *send, const struct gso *gso, uint32_t i, const struct send_path *path,
			  struct numbers *numbers)
{
	struct ip_fragments fragments;
	uint32_t len = gso_segment(gso, i, 0, send->whole);

	if (ip_fragment(send->whole, len, esp_out_inner_max(path->sa, path->way.mtu), 0, &fragments)) {
		send_burst_fail(send, XESP_REASON_SEND_MALFORMED);
		return true;
	}
	for (uint32_t j = 0; j < fragments.count; j++) {
		uint32_t bytes = ip_fragment_bytes(&fragments, j);
		uint64_t seq = next_number(send, path->sa, numbers, 1, bytes, bytes);

		if (!seq)
			return false;
		ip_fragment_write(&fragments, j, send_burst_add(send, path, 0, bytes, seq));
	}
	return true;
}

/* False: the SA ended before the piece did. */
static bool seal(struct send *send, const struct gso *gso, const struct send_path *path, bool cut)
{
	struct numbers numbers = {0};
	bool more = true;

	send_burst_open(send);
	for (uint32_t i = 0; i < gso->count && more; i++)
		if (cut && !fits(path, gso_segment_bytes(gso, i)))
			more = add_fragments(send, gso, i, path, &numbers);
		else
			more = add_segment(send, gso, i, path, &numbers);
	if (!more)
		send_burst_fail(send, XESP_REASON_SEND_ENDED);
	send_burst_close(send);
	return more;
}

static void count_refused(const struct send_path *path, const struct gso *gso)
{
	if (path->sa)
		atomic_fetch_add_explicit(&path->sa->counters.refused, gso->count, memory_order_relaxed);
}

/* SEND_WAITED: the piece has to wait; else its end is counted here, or when the burst is sent. */
enum xesp_reason send_piece(struct send *send, uint8_t *bytes, uint32_t len)
{
	struct send_path path = {0};
	struct virtio_net_hdr header;
	enum xesp_reason reason;
	struct spd_flow flow = {0};
	struct gso gso;
	bool cut = false;

	memcpy(&header, bytes, sizeof(header));
	if (gso_parse(&header, bytes + SEND_VNET_BYTES, len - SEND_VNET_BYTES, &gso)) {
		send_count(send, XESP_REASON_SEND_MALFORMED);
		return XESP_REASON_SEND_MALFORMED;
	}
	reason = find_path(send, &gso, &flow, &path);
	if (reason == XESP_REASON_SEND_WAITED)
		return reason;
	if (!reason)
		reason = check_length(&gso, &path, &cut);
	if (reason) {
		send_count(send, reason);
		count_refused(&path, &gso);
		answer(send, &gso, &path, reason);
		return reason;
	}
	if (send->mss_clamp && gso.kind == GSO_NONE && flow.protocol == IPPROTO_TCP && flow.has_ports)
		tcp_mss_clamp(bytes + SEND_VNET_BYTES, gso.len, esp_out_inner_max(path.sa, path.way.mtu),
			      gso.csum_start != 0);
	if (!seal(send, &gso, &path, cut))
		answer(send, &gso, &path, XESP_REASON_SEND_ENDED);
	return XESP_REASON_NONE;
}

/* ---- what was opened --------------------------------------------------------------------------------------
 */

/* That of the answers. */
static struct spd_flow reversed(const struct spd_flow *flow)
{
	struct spd_flow back = *flow;

	memcpy(back.src, flow->dst, sizeof(back.src));
	memcpy(back.dst, flow->src, sizeof(back.dst));
	back.sport = flow->dport;
	back.dport = flow->sport;
	return back;
}

/* Hosts behind a gateway learn from its TUN device's MTU, if ICMP gets through to them; by this they need
 * not. */
void send_clamp_opened(struct send *send, uint8_t *packet, uint32_t len)
{
	struct spd_flow flow = {0};
	struct nexthop_way way;
	struct sa_out *sa;

	if (!send->mss_clamp || !send->spd || !tcp_mss_is_syn(packet, len) ||
	    !spd_flow_of(packet, len, &flow))
		return;
	flow = reversed(&flow);
	sa = flow_cache_find(&send->flows, send->spd, &flow);
	if (!sa || !sa->hop)
		return;
	nexthop_read(sa->hop, &way);
	if (way.mtu)
		tcp_mss_clamp(packet, len, esp_out_inner_max(sa, way.mtu), false);
}

/* ---- the step ---------------------------------------------------------------------------------------------
 */

uint64_t send_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Nothing is taken from the TUN device that the interface would not take: it fills up, and the host's own
 * queueing is in charge. */
static bool is_blocked(struct send *send)
{
	struct pollfd fd = {.fd = send->blocked_socket, .events = POLLOUT};

	if (send->blocked_socket < 0)
		return false;
	if (poll(&fd, 1, 0) == 0 && send_now_ms() < send->blocked_until)
		return true;
	send->blocked_socket = -1;
	return false;
}

static bool read_some(struct send *send)
{
	uint32_t reads = 0;

	while (reads < XESP_BURST_MAX && send->done < XESP_BURST_MAX && send->blocked_socket < 0) {
		ssize_t n = read(send->config.tun, send->in, sizeof(send->in));

		if (n < 0)
			break;
		reads++;
		if ((size_t)n <= SEND_VNET_BYTES || (size_t)n == sizeof(send->in))
			send_count(send, XESP_REASON_SEND_MALFORMED);
		else if (send_piece(send, send->in, (uint32_t)n) == XESP_REASON_SEND_WAITED)
			send_wait_push(send, send->in, (uint32_t)n, send_now_ms());
	}
	return reads > 0;
}

bool send_step(struct send *send, uint64_t now)
{
	bool any;

	if (!send_tx_begin(send) || is_blocked(send))
		return false;
	send->now = now;
	send->done = 0;
	if (send->waiting.count)
		send_wait_retry(send);
	any = read_some(send);
	send_burst_flush(send);
	return any;
}

int send_timeout(const struct send *send)
{
	int ring = send_tx_timeout(send);
	int rest = send->waiting.count ? WAITING_MS : -1;

	if (send->blocked_socket >= 0)
		rest = SEND_BLOCKED_MS;
	return ring >= 0 && (rest < 0 || ring < rest) ? ring : rest;
}

int send_blocked(const struct send *send)
{
	return send->tx.waits ? SEND_BLOCKED_TIME : send->blocked_socket;
}
