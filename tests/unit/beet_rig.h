/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bench for tests of BEET mode: SAs between hosts, and what the header that is made has to be, field by
 * field.
 */
#ifndef XESP_TESTS_BEET_RIG_H
#define XESP_TESTS_BEET_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

#define BEETPH 94 /* IANA: next header of a pseudo-header */
#define ANY 253	  /* nobody's protocol (RFC 3692) */

/* packet_addr numbers; outer headers go from 2 to 0. */
enum { INNER_SRC = 1, INNER_DST = 3 };

static inline struct ip_prefix beet_host(uint8_t family, unsigned int i)
{
	struct ip_prefix result = {.addr.family = family == 4 ? AF_INET : AF_INET6,
				   .length = family == 4 ? 32 : 128};

	memcpy(result.addr.bytes, packet_addr(family, i), family == 4 ? 4 : 16);
	return result;
}

static inline struct sa_params beet_params(uint8_t inner)
{
	struct sa_params params = esp_rig_params(SA_MODE_BEET);

	params.selector.src = beet_host(inner, INNER_SRC);
	params.selector.dst = beet_host(inner, INNER_DST);
	return params;
}

static inline void beet_setup(struct esp_rig *rig, uint8_t inner)
{
	const struct sa_params params = beet_params(inner);

	esp_rig_setup(rig, &params, NULL);
}

static inline struct esp_rig_outer beet_outer(unsigned int i)
{
	return (struct esp_rig_outer){i % 2 ? 6 : 4, (uint8_t)(i / 2 % 3), 0};
}

/* What the made header has to be, field by field; `ds` to `flow` are as the outer header has them. */
struct beet_expected {
	uint8_t family;
	uint8_t protocol;
	uint8_t ds;
	uint8_t ttl;
	uint16_t id;
	uint16_t fragment;
	uint32_t flow;
	const uint8_t *options;
	size_t options_len;
	const uint8_t *payload;
	size_t payload_len;
};

static inline void beet_check_ipv4(const struct esp_packet *packet, const struct beet_expected *expected)
{
	const uint8_t *ip = packet->packet;
	size_t header = 20 + expected->options_len;

	assert_int_equal(packet->packet_len, header + expected->payload_len);
	assert_int_equal(ip[0], 0x40 | header / 4);
	assert_int_equal(ip[1], expected->ds);
	assert_int_equal(packet_get16(ip + 2), packet->packet_len);
	assert_int_equal(packet_get16(ip + 4), expected->id);
	assert_int_equal(packet_get16(ip + 6), expected->fragment);
	assert_int_equal(ip[8], expected->ttl);
	assert_int_equal(ip[9], expected->protocol);
	assert_int_equal(packet_checksum(0, ip, header), 0);
	assert_memory_equal(ip + 12, packet_addr4[INNER_SRC], 4);
	assert_memory_equal(ip + 16, packet_addr4[INNER_DST], 4);
	if (expected->options_len)
		assert_memory_equal(ip + 20, expected->options, expected->options_len);
	assert_memory_equal(ip + header, expected->payload, expected->payload_len);
}

static inline void beet_check_ipv6(const struct esp_packet *packet, const struct beet_expected *expected)
{
	const uint8_t *ip = packet->packet;

	assert_int_equal(packet->packet_len, 40 + expected->payload_len);
	assert_int_equal(packet_get16(ip), 0x6000 | expected->ds << 4 | expected->flow >> 16);
	assert_int_equal(packet_get16(ip + 2), expected->flow & 0xffff);
	assert_int_equal(packet_get16(ip + 4), expected->payload_len);
	assert_int_equal(ip[6], expected->protocol);
	assert_int_equal(ip[7], expected->ttl);
	assert_memory_equal(ip + 8, packet_addr6[INNER_SRC], 16);
	assert_memory_equal(ip + 24, packet_addr6[INNER_DST], 16);
	assert_memory_equal(ip + 40, expected->payload, expected->payload_len);
}

static inline void beet_check(const struct esp_packet *packet, const struct beet_expected *expected)
{
	assert_int_equal(packet->reason, XESP_REASON_DELIVERED);
	if (expected->family == 4)
		beet_check_ipv4(packet, expected);
	else
		beet_check_ipv6(packet, expected);
}

/* The fields that packet_build() gives the outer header. */
static inline struct beet_expected beet_expected_of(uint8_t inner, uint8_t outer, uint8_t protocol,
						    const uint8_t *payload, size_t len)
{
	return (struct beet_expected){
		.family = inner,
		.protocol = protocol,
		.ttl = 64,
		.id = outer == 4 ? 0x1234 : 0,
		.fragment = outer == 4 ? 0 : 0x4000,
		.payload = payload,
		.payload_len = len,
	};
}

#endif
