/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each opened packet means for the life of its SA: its counts, first use, lifetimes (RFC 4301 section
 * 4.4.2.1) and the peer's address behind a NAT (RFC 7296 section 2.23). A packet of which nothing is to be
 * said costs three comparisons; all else is esp_watch_event(). Pure; called by the worker that owns the SA.
 */
#ifndef XESP_DATAPLANE_ESP_WATCH_H
#define XESP_DATAPLANE_ESP_WATCH_H

#include "dataplane/esp.h"
#include "dataplane/esp_meta.h"
#include "dataplane/wire.h"

/* `packets` and `bytes` are the SA's counts with this packet. */
enum xesp_reason esp_watch_event(struct esp_packet *packet, uint64_t packets, uint64_t bytes, uint64_t now);

/* True if the packet comes from where the SA's last did. Native ESP has no port to compare: both forms may
 * alternate (RFC 7296 section 2.23). */
static inline bool esp_watch_same_peer(const struct esp_packet *packet)
{
	const struct sa_peer *peer = &packet->sa->watch.peer;
	const uint8_t *ip = packet->frame + packet->meta.l3_offset;
	bool native = packet->meta.form == XESP_FORM_NATIVE;

	if (!native && memcmp(esp_meta_udp(packet), &peer->port, 2) != 0)
		return false;
	return packet->meta.family == 4 ? !memcmp(ip + IPV4_SRC, peer->addr, 4)
					: !memcmp(ip + IPV6_SRC, peer->addr, 16);
}

/* Counts an authentic packet that was new in the window, which it has moved if it is the newest.
 * XESP_REASON_NONE, or XESP_REASON_EXPIRED if a hard lifetime forbids it: then it is not counted. */
static inline enum xesp_reason esp_watch(struct esp_packet *packet, uint32_t bytes, uint64_t now)
{
	struct sa *sa = packet->sa;
	uint64_t packets = atomic_load_explicit(&sa->counters.packets, memory_order_relaxed) + 1;
	uint64_t total = atomic_load_explicit(&sa->counters.bytes, memory_order_relaxed) + bytes;

	if (__builtin_expect(packets >= sa->watch.packets_next, 0) ||
	    __builtin_expect(total >= sa->watch.bytes_next, 0) ||
	    (packet->seq == sa->replay.top && __builtin_expect(!esp_watch_same_peer(packet), 0)))
		return esp_watch_event(packet, packets, total, now);
	atomic_store_explicit(&sa->counters.packets, packets, memory_order_relaxed);
	atomic_store_explicit(&sa->counters.bytes, total, memory_order_relaxed);
	return XESP_REASON_NONE;
}

/* Where the SA's packets come from now. Any thread. */
void esp_watch_read_peer(const struct sa *sa, struct sa_peer *ret_peer);

#endif
