/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rare packets in the life of an SA: the first, those that reach a lifetime, those from another address.
 * An event for which the ring has no room is told with the next packet instead, so none of them is lost.
 */
#include "dataplane/esp_watch.h"

#include "dataplane/esp_event.h"

static bool tell(const struct esp_packet *packet, const struct event *event)
{
	if (!packet->events)
		return true;
	if (!event_ring_has_room(packet->events))
		return false;
	event_push(packet->events, event);
	return true;
}

/* Once: `flag` says that it was. */
static void tell_once(struct esp_packet *packet, uint8_t flag, enum event_type type, enum event_limit limit)
{
	struct sa_watch *watch = &packet->sa->watch;
	struct event event;

	if (watch->told & flag)
		return;
	esp_event_fill(packet, (uint8_t)type, &event);
	event.limit = (uint8_t)limit;
	if (tell(packet, &event))
		watch->told |= flag;
}

/* ---- lifetimes --------------------------------------------------------------------------------------- */

static uint64_t limit_or_never(uint64_t limit)
{
	return limit ? limit : UINT64_MAX;
}

static void watch_soft(struct esp_packet *packet, uint64_t packets, uint64_t bytes)
{
	const struct sa_limits *limits = &packet->sa->params.limits;

	if (bytes >= limit_or_never(limits->byte_soft))
		tell_once(packet, SA_TOLD_SOFT_BYTES, EVENT_SOFT_LIFETIME, EVENT_LIMIT_BYTES);
	if (packets >= limit_or_never(limits->packet_soft))
		tell_once(packet, SA_TOLD_SOFT_PACKETS, EVENT_SOFT_LIFETIME, EVENT_LIMIT_PACKETS);
}

/* The packet that reaches a limit still passes; one that exceeds it does not, and none after either. */
static bool watch_hard(struct esp_packet *packet, uint64_t packets, uint64_t bytes)
{
	const struct sa_limits *limits = &packet->sa->params.limits;
	struct sa_watch *watch = &packet->sa->watch;
	uint64_t packet_hard = limit_or_never(limits->packet_hard);
	uint64_t byte_hard = limit_or_never(limits->byte_hard);
	bool over = watch->expired || packets > packet_hard || bytes > byte_hard;

	if (!watch->expired && packets >= packet_hard)
		watch->expired = EVENT_LIMIT_PACKETS;
	else if (!watch->expired && bytes >= byte_hard)
		watch->expired = EVENT_LIMIT_BYTES;
	if (watch->expired)
		tell_once(packet, SA_TOLD_HARD, EVENT_HARD_LIFETIME, (enum event_limit)watch->expired);
	return over;
}

/* ---- the peer's address ------------------------------------------------------------------------------ */

static bool peer_equal(const struct sa_peer *a, const struct sa_peer *b)
{
	return a->addr[0] == b->addr[0] && a->addr[1] == b->addr[1] && a->port == b->port;
}

static bool addr_known(const struct sa_peer *peer)
{
	return peer->addr[0] || peer->addr[1];
}

/* The control thread may be reading. */
static void peer_store(struct sa_watch *watch, const struct sa_peer *peer)
{
	uint32_t version = atomic_load_explicit(&watch->peer_version, memory_order_relaxed);

	atomic_store_explicit(&watch->peer_version, version + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	__atomic_store_n(&watch->peer.addr[0], peer->addr[0], __ATOMIC_RELAXED);
	__atomic_store_n(&watch->peer.addr[1], peer->addr[1], __ATOMIC_RELAXED);
	__atomic_store_n(&watch->peer.port, peer->port, __ATOMIC_RELAXED);
	atomic_store_explicit(&watch->peer_version, version + 2, memory_order_release);
}

void esp_watch_read_peer(const struct sa *sa, struct sa_peer *ret_peer)
{
	const struct sa_watch *watch = &sa->watch;
	struct sa_peer peer;
	uint32_t version;

	do {
		version = atomic_load_explicit(&watch->peer_version, memory_order_acquire);
		peer.addr[0] = __atomic_load_n(&watch->peer.addr[0], __ATOMIC_RELAXED);
		peer.addr[1] = __atomic_load_n(&watch->peer.addr[1], __ATOMIC_RELAXED);
		peer.port = __atomic_load_n(&watch->peer.port, __ATOMIC_RELAXED);
		atomic_thread_fence(memory_order_acquire);
	} while ((version & 1) ||
		 atomic_load_explicit(&watch->peer_version, memory_order_relaxed) != version);
	*ret_peer = peer;
}

/* A peer of which address or port was not known before has not moved. */
static bool peer_completes(const struct sa_peer *known, const struct sa_peer *peer)
{
	if (addr_known(known) && (known->addr[0] != peer->addr[0] || known->addr[1] != peer->addr[1]))
		return false;
	return !addr_known(known) || !known->port;
}

static struct sa_peer peer_of(const struct esp_packet *packet)
{
	const uint8_t *ip = packet->frame + packet->meta.l3_offset;
	bool v4 = packet->meta.family == 4;
	struct sa_peer peer = {{0, 0}, 0};

	memcpy(peer.addr, ip + (v4 ? IPV4_SRC : IPV6_SRC), v4 ? 4 : 16);
	if (packet->meta.form != XESP_FORM_NATIVE)
		memcpy(&peer.port, esp_meta_udp(packet), sizeof(peer.port));
	return peer;
}

static void fill_mapping(const struct esp_packet *packet, struct event *ret_event)
{
	const struct sa_watch *watch = &packet->sa->watch;

	esp_event_fill(packet, EVENT_MAPPING_CHANGE, ret_event);
	memcpy(ret_event->src, watch->peer.addr, sizeof(ret_event->src));
	ret_event->sport = ntohs(watch->peer.port);
	memcpy(ret_event->old_src, watch->peer_told.addr, sizeof(ret_event->old_src));
	ret_event->old_sport = ntohs(watch->peer_told.port);
}

/* RFC 7296 section 2.23: only a packet that is newer than all before it shows where the peer is now. Without
 * replay protection any packet may be an old one; with a table of the classifier that is just being changed,
 * one of the other family may come here. */
static bool proves_peer(const struct esp_packet *packet)
{
	const struct sa *sa = packet->sa;

	return sa->replay.window && packet->seq == sa->replay.top &&
	       sa->params.dst.family == (packet->meta.family == 4 ? AF_INET : AF_INET6);
}

/* Of several changes in a second, the newest is told when the second is over. */
static void watch_peer(struct esp_packet *packet, uint64_t now)
{
	struct sa_watch *watch = &packet->sa->watch;
	struct sa_peer peer = peer_of(packet);
	struct event event;

	if (!esp_watch_same_peer(packet)) {
		if (peer_completes(&watch->peer, &peer) && peer_equal(&watch->peer, &watch->peer_told))
			watch->peer_told = peer;
		peer_store(watch, &peer);
	}
	if (peer_equal(&watch->peer, &watch->peer_told) || watch->peer_told_at == now)
		return;
	fill_mapping(packet, &event);
	if (!tell(packet, &event))
		return;
	/* First, so that an engine that takes over tells again what may be lost. */
	watch->mappings++;
	atomic_signal_fence(memory_order_seq_cst);
	watch->peer_told = watch->peer;
	watch->peer_told_at = now;
}

/* ---- all together ------------------------------------------------------------------------------------ */

static uint64_t next_of(uint8_t told, uint8_t soft_flag, uint64_t soft, uint64_t hard)
{
	uint64_t next = limit_or_never(hard);

	if (!(told & soft_flag) && limit_or_never(soft) < next)
		next = soft;
	return next;
}

/* What was not told yet makes every packet come here. */
static void set_next(struct sa *sa)
{
	const struct sa_limits *limits = &sa->params.limits;
	struct sa_watch *watch = &sa->watch;

	watch->packets_next =
		next_of(watch->told, SA_TOLD_SOFT_PACKETS, limits->packet_soft, limits->packet_hard);
	watch->bytes_next = next_of(watch->told, SA_TOLD_SOFT_BYTES, limits->byte_soft, limits->byte_hard);
	if (!(watch->told & SA_TOLD_FIRST_USE) || watch->expired ||
	    !peer_equal(&watch->peer, &watch->peer_told))
		watch->packets_next = 0;
}

enum xesp_reason esp_watch_event(struct esp_packet *packet, uint64_t packets, uint64_t bytes, uint64_t now)
{
	struct sa *sa = packet->sa;
	bool over;

	if (!atomic_load_explicit(&sa->counters.first_used, memory_order_relaxed))
		atomic_store_explicit(&sa->counters.first_used, now, memory_order_relaxed);
	tell_once(packet, SA_TOLD_FIRST_USE, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	watch_soft(packet, packets, bytes);
	over = watch_hard(packet, packets, bytes);
	if (!over && proves_peer(packet))
		watch_peer(packet, now);
	set_next(sa);
	if (over)
		return XESP_REASON_EXPIRED;
	atomic_store_explicit(&sa->counters.packets, packets, memory_order_relaxed);
	atomic_store_explicit(&sa->counters.bytes, bytes, memory_order_relaxed);
	return XESP_REASON_NONE;
}
