/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a gateway passes on, and what it changes in it. Checksums are judged by the tests' own sums.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "dataplane/forward.h"
#include "tests/lib/packet.h"

#define PACKET_MAX 2048

static size_t build(uint8_t family, uint8_t protocol, size_t data_len, uint8_t *out)
{
	const struct packet_spec spec = {.family = family,
					 .protocol = protocol,
					 .src = packet_addr(family, 0),
					 .dst = packet_addr(family, 1),
					 .sport = 1000,
					 .dport = 2000,
					 .data_len = data_len};

	return packet_build(&spec, out);
}

static void fix_header(uint8_t *ip)
{
	packet_put16(ip + 10, 0);
	packet_put16(ip + 10, packet_checksum(0, ip, 20));
}

/* In a block of its own size, so that what reads beyond is caught. */
static bool may(const uint8_t *packet, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	bool result;

	assert_non_null(copy);
	memcpy(copy, packet, len);
	result = forward_may(copy, (uint32_t)len);
	free(copy);
	return result;
}

static void test_plain_packets(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	uint8_t packet[PACKET_MAX];

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
			size_t len = build(family, protocols[i], 100, packet);

			assert_true(may(packet, len));
			assert_false(may(packet, len - 1));
			assert_false(may(packet, len + 1));
			for (size_t cut = 0; cut < len; cut++)
				assert_false(may(packet, cut));
		}
}

static void test_time_to_live(void **state)
{
	uint8_t packet[PACKET_MAX], before[PACKET_MAX];

	(void)state;
	for (unsigned int ttl = 0; ttl < 256; ttl++) {
		size_t len = build(4, IPPROTO_UDP, ttl, packet);

		packet[8] = (uint8_t)ttl;
		packet_put16(packet + 4, (uint16_t)(ttl * 257));
		fix_header(packet);
		assert_int_equal(may(packet, len), ttl > 1);
		memcpy(before, packet, len);
		forward_age(packet);
		assert_int_equal(packet[8], (uint8_t)(ttl - 1));
		assert_true(ttl == 0 || packet_ipv4_checksum_good(packet));
		packet[8] = before[8];
		memcpy(packet + 10, before + 10, 2);
		assert_memory_equal(packet, before, len);

		len = build(6, IPPROTO_UDP, ttl, packet);
		packet[7] = (uint8_t)ttl;
		assert_int_equal(may(packet, len), ttl > 1);
		memcpy(before, packet, len);
		forward_age(packet);
		assert_int_equal(packet[7], (uint8_t)(ttl - 1));
		packet[7] = before[7];
		assert_memory_equal(packet, before, len);
	}
}

/* TTL and checksum share no word with the identification, which runs through all values: so does the
 * checksum. */
static void test_every_checksum(void **state)
{
	uint8_t packet[PACKET_MAX];

	(void)state;
	build(4, IPPROTO_UDP, 0, packet);
	for (uint32_t id = 0; id < 65536; id++) {
		packet_put16(packet + 4, (uint16_t)id);
		packet[8] = 64;
		fix_header(packet);
		forward_age(packet);
		assert_true(packet_ipv4_checksum_good(packet));
	}
}

static void test_headers_for_the_kernel(void **state)
{
	static const uint8_t nop[8] = {1, 1, 1, 1};
	uint8_t packet[PACKET_MAX];
	size_t len;

	(void)state;
	len = build(4, IPPROTO_UDP, 10, packet);
	packet[10] ^= 1;
	assert_false(may(packet, len)); /* header checksum */
	packet[10] ^= 1;
	len = packet_insert(packet, len, 0, nop, 4);
	assert_false(may(packet, len)); /* options */
	len = build(6, IPPROTO_UDP, 10, packet);
	packet[6] = IPPROTO_HOPOPTS;
	assert_false(may(packet, len));
	packet[6] = IPPROTO_DSTOPTS; /* for the destination alone */
	assert_true(may(packet, len));
	packet[0] = 0x50;
	assert_false(may(packet, len));
	packet[0] = 0x45;
	assert_false(may(packet, len));
}

static void test_addresses_ipv4(void **state)
{
	static const struct {
		uint8_t addr[4];
		bool host;
	} cases[] = {
		{{0, 1, 2, 3}, false},	       {{127, 0, 0, 1}, false},	     {{126, 255, 255, 255}, true},
		{{128, 0, 0, 1}, true},	       {{169, 254, 0, 1}, false},    {{169, 253, 255, 255}, true},
		{{169, 255, 0, 1}, true},      {{223, 255, 255, 254}, true}, {{224, 0, 0, 1}, false},
		{{239, 255, 255, 255}, false}, {{240, 0, 0, 1}, false},	     {{255, 255, 255, 255}, false},
	};
	uint8_t packet[PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		size_t len = build(4, IPPROTO_UDP, 10, packet);

		memcpy(packet + (i % 2 ? 12 : 16), cases[i / 2].addr, 4);
		fix_header(packet);
		assert_int_equal(may(packet, len), cases[i / 2].host);
	}
}

static void test_addresses_ipv6(void **state)
{
	static const struct {
		uint8_t addr[16];
		bool host;
	} cases[] = {
		{{0}, false},
		{{[15] = 1}, false},
		{{[15] = 2}, true},
		{{[14] = 1}, true},
		{{0xfe, 0x80, [15] = 9}, false},
		{{0xfe, 0xbf, 0xff, [15] = 9}, false},
		{{0xfe, 0xc0, [15] = 9}, true},
		{{0xfd, 0, [15] = 9}, true},
		{{0xff, 2, [15] = 1}, false},
		{{0xff, 0x0e, [15] = 1}, false},
	};
	uint8_t packet[PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		size_t len = build(6, IPPROTO_UDP, 10, packet);

		memcpy(packet + (i % 2 ? 8 : 24), cases[i / 2].addr, 16);
		assert_int_equal(may(packet, len), cases[i / 2].host);
	}
}

/* ---- checksums that are to be finished -------------------------------------------------------------------
 */

static uint8_t *checksum_of(uint8_t *packet, uint8_t family, uint8_t protocol)
{
	return packet + (family == 4 ? 20 : 40) + (protocol == IPPROTO_TCP ? 16 : 6);
}

/* What a sender leaves there: the pseudo-header's sum. */
static void leave_unfinished(uint8_t *packet, size_t len, uint8_t family, uint8_t protocol)
{
	const uint8_t *addresses = packet + (family == 4 ? 12 : 8);
	size_t header = family == 4 ? 20 : 40;
	uint16_t sum = packet_checksum(protocol + (uint32_t)(len - header), addresses, family == 4 ? 8 : 32);

	packet_put16(checksum_of(packet, family, protocol), (uint16_t)~sum);
}

/* What the header asks for, done. */
static void finish(uint8_t *packet, size_t len, const struct virtio_net_hdr *header)
{
	size_t at = (size_t)header->csum_start + header->csum_offset;
	uint16_t sum = packet_checksum(0, packet + header->csum_start, len - header->csum_start);

	packet_put16(packet + at, sum ? sum : 0xffff);
}

static void test_unfinished(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	uint8_t packet[PACKET_MAX];

	(void)state;
	for (size_t data = 0; data < 300; data++)
		for (size_t i = 0; i < 4; i++) {
			uint8_t family = i / 2 ? 6 : 4, protocol = protocols[i % 2];
			struct virtio_net_hdr header = {0};
			size_t len = build(family, protocol, data, packet);

			leave_unfinished(packet, len, family, protocol);
			forward_unfinished(packet, (uint32_t)len, &header);
			assert_int_equal(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
			assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
			finish(packet, len, &header);
			assert_true(packet_upper_checksum_good(packet, len));
		}
}

/* Whole checksums are left alone, or come to the same. */
static void test_finished(void **state)
{
	uint8_t packet[PACKET_MAX], after[PACKET_MAX];
	unsigned int same = 0;

	(void)state;
	for (uint32_t i = 0; i < 70000; i++) {
		struct virtio_net_hdr header = {0};
		size_t len = build(4, IPPROTO_UDP, 2, packet);

		packet_put16(packet + 28, (uint16_t)i);
		packet_put16(packet + 26, 0);
		packet_put16(packet + 26, packet_checksum(IPPROTO_UDP + 10, packet + 12, len - 12));
		if (packet_get16(packet + 26) == 0)
			continue;
		assert_true(packet_upper_checksum_good(packet, len));
		forward_unfinished(packet, (uint32_t)len, &header);
		if (!header.flags)
			continue;
		same++;
		memcpy(after, packet, len);
		finish(after, len, &header);
		assert_memory_equal(after, packet, len);
	}
	assert_in_range(same, 1, 4);
}

static void test_nothing_to_finish(void **state)
{
	uint8_t packet[PACKET_MAX];
	struct virtio_net_hdr header = {0};
	size_t len = build(4, IPPROTO_UDP, 10, packet);

	(void)state;
	packet_put16(packet + 26, 0);
	forward_unfinished(packet, (uint32_t)len, &header); /* UDP without a checksum */
	leave_unfinished(packet, len, 4, IPPROTO_UDP);
	packet_put16(packet + 6, 0x2000); /* a fragment: nobody has the rest */
	forward_unfinished(packet, (uint32_t)len, &header);
	packet_put16(packet + 6, 0x0001);
	forward_unfinished(packet, (uint32_t)len, &header);
	packet_put16(packet + 6, 0x4000);
	packet[9] = IPPROTO_ICMP;
	forward_unfinished(packet, (uint32_t)len, &header);
	packet[9] = IPPROTO_TCP; /* 18 bytes: no TCP header */
	leave_unfinished(packet, len, 4, IPPROTO_TCP);
	forward_unfinished(packet, (uint32_t)len, &header);
	assert_int_equal(header.flags, 0);
	leave_unfinished(packet, len, 4, IPPROTO_UDP);
	packet[9] = IPPROTO_UDP;
	leave_unfinished(packet, len, 4, IPPROTO_UDP);
	forward_unfinished(packet, (uint32_t)len, &header);
	assert_int_equal(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
}

/* Bytes of a peer's choice, with a header that is sound as far as it must be: nothing beyond them is touched,
 * and only the hop count changes. */
static void test_hostile(void **state)
{
	uint8_t built[PACKET_MAX];
	uint32_t passed = 0, random = 1;

	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		uint8_t family = i % 2 ? 4 : 6;
		size_t len = build(family, IPPROTO_UDP, 0, built);
		struct virtio_net_hdr header = {0};
		uint8_t *copy;

		random = random * 1664525 + 1013904223;
		len -= (random >> 8) % 9; /* no room for the header of what it says it is */
		built[(random >> 16) % len] ^= (uint8_t)(random >> 24);
		packet_put16(built + (family == 4 ? 2 : 4), (uint16_t)(family == 4 ? len : len - 40));
		built[family == 4 ? 9 : 6] = (uint8_t[]){IPPROTO_UDP, IPPROTO_TCP, 1, 0}[(random >> 12) % 4];
		if (family == 4)
			fix_header(built);
		copy = malloc(len);
		assert_non_null(copy);
		memcpy(copy, built, len);
		if (forward_may(copy, (uint32_t)len)) {
			passed++;
			forward_unfinished(copy, (uint32_t)len, &header);
			assert_memory_equal(copy, built, len);
			assert_true(header.csum_start + header.csum_offset + 2u <= len);
			forward_age(copy);
			assert_memory_equal(copy + (family == 4 ? 12 : 8), built + (family == 4 ? 12 : 8),
					    len - (family == 4 ? 12 : 8));
		}
		free(copy);
	}
	assert_in_range(passed, 50000, 199999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_packets),	  cmocka_unit_test(test_time_to_live),
		cmocka_unit_test(test_every_checksum),	  cmocka_unit_test(test_headers_for_the_kernel),
		cmocka_unit_test(test_addresses_ipv4),	  cmocka_unit_test(test_addresses_ipv6),
		cmocka_unit_test(test_unfinished),	  cmocka_unit_test(test_finished),
		cmocka_unit_test(test_nothing_to_finish), cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
