/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows of packets for tests of merging, each packet at the end of guarded memory.
 */
#ifndef XESP_TESTS_MERGE_RIG_H
#define XESP_TESTS_MERGE_RIG_H

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/merge.h"
#include "tests/lib/guard.h"
#include "tests/lib/merged.h"
#include "tests/lib/packet.h"

#define ROOM 2048
#define TCP_OPTIONS 12

static struct guard memory[XESP_BURST_MAX];
static uint32_t random_state = 1;

static inline uint32_t next_random(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % below;
}

/* ---- packets ------------------------------------------------------------------------------------------ */

/* What comes next in a flow. */
struct flow {
	uint8_t family;
	uint8_t protocol;
	uint8_t tcp_options;
	bool same_id;
	uint16_t port;
	uint16_t id;
	uint32_t seq;
};

static inline uint32_t l4_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? 20 : 40;
}

static inline uint8_t protocol_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[9] : ip[6];
}

/* Header checksum, and that of the transport header from its usual place on. */
static inline void fix_checksums(uint8_t *ip, uint32_t len)
{
	bool v4 = ip[0] >> 4 == 4;
	uint32_t l4 = l4_of(ip);
	uint8_t *at = ip + l4 + (protocol_of(ip) == IPPROTO_TCP ? 16 : 6);
	uint32_t sum = (uint16_t)~packet_checksum(0, ip + (v4 ? 12 : 8), v4 ? 8 : 32);
	uint16_t checksum;

	if (v4) {
		packet_put16(ip + 10, 0);
		packet_put16(ip + 10, packet_checksum(0, ip, 20));
	}
	packet_put16(at, 0);
	checksum = packet_checksum(sum + protocol_of(ip) + len - l4, ip + l4, len - l4);
	packet_put16(at, checksum == 0 && protocol_of(ip) == IPPROTO_UDP ? 0xffff : checksum);
}

static inline void write_l4(struct flow *flow, uint8_t *l4, uint32_t header, uint32_t payload)
{
	packet_put16(l4, flow->port);
	packet_put16(l4 + 2, 5001);
	if (flow->protocol == IPPROTO_UDP) {
		packet_put16(l4 + 4, (uint16_t)(8 + payload));
	} else {
		packet_put16(l4 + 4, (uint16_t)(flow->seq >> 16));
		packet_put16(l4 + 6, (uint16_t)flow->seq);
		packet_put16(l4 + 10, 77);
		l4[12] = (uint8_t)(header / 4 << 4);
		l4[13] = 0x10;
		packet_put16(l4 + 14, 500);
		memset(l4 + 20, 1, header - 20);
	}
	for (uint32_t i = 0; i < payload; i++)
		l4[header + i] = (uint8_t)next_random(256);
}

/* The flow's next packet, at the end of the memory number `i`. */
static inline struct merged_packet make(struct flow *flow, size_t i, uint32_t payload)
{
	bool v4 = flow->family == 4;
	uint32_t l3 = v4 ? 20 : 40;
	uint32_t header = flow->protocol == IPPROTO_UDP ? 8u : 20u + flow->tcp_options;
	uint32_t len = l3 + header + payload;
	uint8_t *ip = memory[i].end - len;

	memset(ip, 0, l3 + header);
	ip[0] = v4 ? 0x45 : 0x60;
	memcpy(ip + (v4 ? 12 : 8), packet_addr(flow->family, 0), v4 ? 4 : 16);
	memcpy(ip + (v4 ? 16 : 24), packet_addr(flow->family, 1), v4 ? 4 : 16);
	packet_put16(ip + (v4 ? 2 : 4), (uint16_t)(v4 ? len : len - 40));
	ip[v4 ? 9 : 6] = flow->protocol;
	ip[v4 ? 8 : 7] = 61;
	if (v4) {
		packet_put16(ip + 4, flow->id);
		packet_put16(ip + 6, 0x4000);
	}
	write_l4(flow, ip + l3, header, payload);
	fix_checksums(ip, len);
	flow->seq += payload;
	flow->id = (uint16_t)(flow->id + !flow->same_id);
	return (struct merged_packet){ip, len};
}

static inline struct flow flow_of(uint8_t family, uint8_t protocol)
{
	return (struct flow){.family = family,
			     .protocol = protocol,
			     .tcp_options = protocol == IPPROTO_TCP ? TCP_OPTIONS : 0,
			     .port = 40000,
			     .id = 0xffff,
			     .seq = 0xfffffff0};
}

/* Number of groups. */
static inline size_t merge_all(struct merge *merge, const struct merged_packet *packets, size_t count)
{
	const char *wrong;

	merge_begin(merge, true);
	for (size_t i = 0; i < count; i++)
		merge_add(merge, (uint8_t)i, packets[i].packet, packets[i].len);
	wrong = merged_wrong(merge, packets, count);
	if (wrong)
		fail_msg("%s", wrong);
	return merge->count;
}

static inline int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		memory[i] = guard_new(ROOM);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		guard_free(&memory[i]);
	return 0;
}

#endif
