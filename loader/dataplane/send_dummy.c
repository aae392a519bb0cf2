/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/send_dummy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/esp_out.h"
#include "dataplane/iv_pool.h"
#include "dataplane/nexthop.h"
#include "dataplane/port.h"
#include "dataplane/sa_out_watch.h"

#define CACHE_LINE 64
#define ESP_HEADER_BYTES 8
#define FRONT (PORT_FRONT + NEXTHOP_LINK_BYTES + ESP_OUT_HEADER_MAX)
#define PAYLOAD_MAX XESP_TFC_PAD_MAX

_Static_assert(SEND_DUMMY_BYTES_MAX <= PAYLOAD_MAX, "there is room for those without TFC padding");

struct send_dummy {
	struct crypto_ctx *crypto; /* borrowed */
	struct iv_pool *ivs;
	struct event_ring events;
	uint8_t bytes[FRONT + ESP_OUT_FRONT_MAX + PAYLOAD_MAX + ESP_OUT_BACK_MAX];
};

int send_dummy_new(struct crypto_ctx *crypto, struct send_dummy **ret_dummy)
{
	struct send_dummy *dummy = aligned_alloc(CACHE_LINE, sizeof(*dummy));
	int err;

	if (!dummy)
		return -ENOMEM;
	memset(dummy, 0, sizeof(*dummy));
	dummy->crypto = crypto;
	err = iv_pool_new(&dummy->ivs);
	if (err) {
		free(dummy);
		return err;
	}
	*ret_dummy = dummy;
	return 0;
}

void send_dummy_free(struct send_dummy *dummy)
{
	if (!dummy)
		return;
	iv_pool_free(dummy->ivs);
	free(dummy);
}

bool send_dummy_event(struct send_dummy *dummy, struct event *ret_event)
{
	return event_pop(&dummy->events, ret_event);
}

static bool find_way(const struct sa_out *sa, struct nexthop_way *ret_way)
{
	const struct nexthop *hop = atomic_load(&sa->hop);
	struct sa_out_ends ends;

	if (!hop)
		return false;
	nexthop_read(hop, ret_way);
	sa_out_get_ends(sa, &ends);
	/* There is no inner packet to have the source from, in any mode. */
	return ret_way->state == NEXTHOP_USABLE && ret_way->port && ends.src.family != AF_UNSPEC;
}

/* Nobody can foretell the length, and what is sent next does not follow from it. */
static bool find_length(struct send_dummy *dummy, const struct sa_out *sa, uint32_t mtu,
			struct esp_out *packet)
{
	const uint8_t *random = iv_pool_take(dummy->ivs, 1);

	if (!random)
		return false;
	packet->payload_len = SEND_DUMMY_BYTES_MIN + *random;
	packet->pad_to = esp_out_pad_to(sa, mtu);
	return sa->outer_bytes + esp_out_bytes(sa, packet->payload_len, packet->pad_to) <= mtu;
}

static bool seal(struct send_dummy *dummy, struct esp_out *packet)
{
	const struct sa_out *sa = packet->sa;

	packet->esp = dummy->bytes + FRONT;
	packet->next_header = IPPROTO_NONE;
	packet->iv = sa->iv_random ? iv_pool_take(dummy->ivs, sa->iv_bytes) : NULL;
	/* Of the dummy before, sealed. */
	memset(packet->esp + ESP_HEADER_BYTES + sa->iv_bytes, 0, packet->payload_len);
	esp_out_burst(dummy->crypto, packet, 1);
	return packet->status == 0;
}

/* Headers in front, and the whole through the packet socket. The kernel completes no checksum: IPv4 has none
 * (RFC 3948 section 2.1), IPv6 a whole one. */
static bool send_sealed(const struct esp_out *packet, const struct nexthop_way *way)
{
	static const struct esp_out_split nothing = {.next_header = IPPROTO_NONE};
	uint32_t bytes = esp_out_header_bytes(packet->sa, &nothing);
	struct port_frame frame = {.bytes = packet->esp - bytes - NEXTHOP_LINK_BYTES,
				   .len = NEXTHOP_LINK_BYTES + bytes + packet->esp_len,
				   .count = 1};

	esp_out_headers(packet->sa, &nothing, packet->esp, packet->esp_len, false, packet->esp - bytes);
	memcpy(frame.bytes, way->link, NEXTHOP_LINK_BYTES);
	port_send(way->port, 0, &frame, 1);
	return !frame.failed;
}

bool send_dummy(struct send_dummy *dummy, struct sa_out *sa, uint64_t now)
{
	struct esp_out packet = {.sa = sa};
	struct nexthop_way way;

	if (sa_out_watch_ended(sa, &dummy->events) || !find_way(sa, &way) ||
	    !find_length(dummy, sa, way.mtu, &packet))
		return false;
	packet.seq = sa_out_watch_take(sa, &dummy->events, 1, packet.payload_len);
	if (!packet.seq || !seal(dummy, &packet) || !send_sealed(&packet, &way))
		return false;
	sa_out_count(sa, 1, packet.payload_len, now);
	return true;
}
