/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ICMP error about a packet that is not sent: its bytes, and where none may be sent.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/checksum.h"
#include "dataplane/icmp_refuse.h"
#include "dataplane/wire.h"

#define PACKET_MAX 2000

static const uint8_t src4[] = {192, 0, 2, 1}, dst4[] = {198, 51, 100, 9};
static const uint8_t src6[] = {0x20, 1, 0x0d, 0xb8, [15] = 1}, dst6[] = {0x20, 1, 0x0d, 0xb8, [15] = 2};

static size_t packet4(uint8_t *packet, uint8_t protocol, size_t payload)
{
	memset(packet, 0x5a, IPV4_HEADER_BYTES + payload);
	memset(packet, 0, IPV4_HEADER_BYTES);
	packet[0] = 0x45;
	wire_put16(packet + IPV4_TOTAL_LENGTH, (uint16_t)(IPV4_HEADER_BYTES + payload));
	packet[IPV4_PROTOCOL] = protocol;
	memcpy(packet + IPV4_SRC, src4, sizeof(src4));
	memcpy(packet + IPV4_DST, dst4, sizeof(dst4));
	return IPV4_HEADER_BYTES + payload;
}

static size_t packet6(uint8_t *packet, uint8_t protocol, size_t payload)
{
	memset(packet, 0x5a, IPV6_HEADER_BYTES + payload);
	memset(packet, 0, IPV6_HEADER_BYTES);
	packet[0] = 0x60;
	wire_put16(packet + IPV6_PAYLOAD_LENGTH, (uint16_t)payload);
	packet[IPV6_NEXT_HEADER] = protocol;
	memcpy(packet + IPV6_SRC, src6, sizeof(src6));
	memcpy(packet + IPV6_DST, dst6, sizeof(dst6));
	return IPV6_HEADER_BYTES + payload;
}

static void test_answer4(void **state)
{
	uint8_t packet[PACKET_MAX];
	uint8_t answer[ICMP_REFUSE_MAX];

	(void)state;
	for (size_t payload = 8; payload < 1500; payload += 37) {
		size_t len = packet4(packet, IPPROTO_UDP, payload);
		size_t quoted = len < 548 ? len : 548;

		assert_int_equal(icmp_refuse(packet, len, answer), 28 + quoted);
		assert_int_equal(answer[0], 0x45);
		assert_int_equal(wire_get16(answer + IPV4_TOTAL_LENGTH), 28 + quoted);
		assert_int_equal(answer[IPV4_PROTOCOL], IPPROTO_ICMP);
		assert_memory_equal(answer + IPV4_SRC, packet + IPV4_DST, 4);
		assert_memory_equal(answer + IPV4_DST, packet + IPV4_SRC, 4);
		assert_int_equal(checksum_finish(checksum_add(0, answer, 20)), 0);
		assert_int_equal(answer[20], 3);
		assert_int_equal(answer[21], 13);
		assert_int_equal(checksum_finish(checksum_add(0, answer + 20, 8 + quoted)), 0);
		assert_memory_equal(answer + 28, packet, quoted);
	}
}

static void test_answer6(void **state)
{
	uint8_t packet[PACKET_MAX];
	uint8_t answer[ICMP_REFUSE_MAX];

	(void)state;
	for (size_t payload = 1; payload < 1900; payload += 41) {
		size_t len = packet6(packet, IPPROTO_TCP, payload);
		size_t quoted = len < 1232 ? len : 1232;
		uint64_t sum;

		assert_int_equal(icmp_refuse(packet, len, answer), 48 + quoted);
		assert_int_equal(answer[0], 0x60);
		assert_int_equal(wire_get16(answer + IPV6_PAYLOAD_LENGTH), 8 + quoted);
		assert_int_equal(answer[IPV6_NEXT_HEADER], IPPROTO_ICMPV6);
		assert_memory_equal(answer + IPV6_SRC, packet + IPV6_DST, 16);
		assert_memory_equal(answer + IPV6_DST, packet + IPV6_SRC, 16);
		assert_int_equal(answer[40], 1);
		assert_int_equal(answer[41], 1);
		sum = checksum_pseudo(6, answer + IPV6_SRC, answer + IPV6_DST, (uint32_t)(8 + quoted),
				      IPPROTO_ICMPV6);
		assert_int_equal(checksum_finish(checksum_add(sum, answer + 40, 8 + quoted)), 0);
		assert_memory_equal(answer + 48, packet, quoted);
	}
}

static void expect_none4(size_t offset, const char *bytes, size_t count)
{
	uint8_t packet[PACKET_MAX];
	uint8_t answer[ICMP_REFUSE_MAX];
	size_t len = packet4(packet, IPPROTO_UDP, 100);

	memcpy(packet + offset, bytes, count);
	assert_int_equal(icmp_refuse(packet, len, answer), 0);
}

/* RFC 1122 section 3.2.2. */
static void test_none4(void **state)
{
	(void)state;
	expect_none4(0, "\x44", 1);		       /* header shorter than a header */
	expect_none4(0, "\x15", 1);		       /* no IP version */
	expect_none4(IPV4_FRAGMENT, "\x00\x01", 2);    /* a later fragment */
	expect_none4(IPV4_SRC, "\0\0\0\0", 4);	       /* from nobody */
	expect_none4(IPV4_SRC, "\x7f\0\0\1", 4);       /* from loopback */
	expect_none4(IPV4_SRC, "\xe0\0\0\1", 4);       /* from a group */
	expect_none4(IPV4_DST, "\xe0\0\0\xfb", 4);     /* to a group */
	expect_none4(IPV4_DST, "\xff\xff\xff\xff", 4); /* to all */
}

static void expect_none6(size_t offset, const char *bytes, size_t count)
{
	uint8_t packet[PACKET_MAX];
	uint8_t answer[ICMP_REFUSE_MAX];
	size_t len = packet6(packet, IPPROTO_UDP, 100);

	memcpy(packet + offset, bytes, count);
	assert_int_equal(icmp_refuse(packet, len, answer), 0);
}

/* RFC 4443 section 2.4 e. */
static void test_none6(void **state)
{
	static const char zero[16];

	(void)state;
	expect_none6(IPV6_SRC, zero, 16);
	expect_none6(IPV6_SRC, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	expect_none6(IPV6_SRC, "\xff", 1);
	expect_none6(IPV6_DST, "\xff", 1);
}

/* No error about an error: every ICMP type, both families. */
static void test_icmp(void **state)
{
	uint8_t packet[PACKET_MAX];
	uint8_t answer[ICMP_REFUSE_MAX];

	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		size_t len = packet4(packet, IPPROTO_ICMP, 64);
		int query = type == 0 || type == 8 || type == 13 || type == 14;

		packet[20] = (uint8_t)type;
		assert_int_equal(icmp_refuse(packet, len, answer) != 0, query);
		len = packet6(packet, IPPROTO_ICMPV6, 64);
		packet[40] = (uint8_t)type;
		assert_int_equal(icmp_refuse(packet, len, answer) != 0, type >= 128);
	}
}

/* Every truncation, in memory of exactly that size. */
static void test_truncated(void **state)
{
	uint8_t packet[PACKET_MAX];
	uint8_t answer[ICMP_REFUSE_MAX];

	(void)state;
	for (size_t family = 4; family <= 6; family += 2) {
		size_t whole =
			family == 4 ? packet4(packet, IPPROTO_UDP, 40) : packet6(packet, IPPROTO_UDP, 40);
		size_t least = family == 4 ? 28 : 41;

		for (size_t len = 0; len <= whole; len++) {
			uint8_t *copy = malloc(len ? len : 1);

			memcpy(copy, packet, len);
			assert_int_equal(icmp_refuse(copy, len, answer) != 0, len >= least);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer4), cmocka_unit_test(test_answer6),
		cmocka_unit_test(test_none4),	cmocka_unit_test(test_none6),
		cmocka_unit_test(test_icmp),	cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests_name("icmp_refuse", tests, NULL, NULL);
}
