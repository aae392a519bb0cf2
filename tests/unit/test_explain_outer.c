/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of loader/cli/explain_outer.c: what it reads of outer headers, at every length and of any content.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/explain_outer.c"

#define FRAME_MAX 128

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
};

static void put(struct frame *frame, const char *bytes, size_t count)
{
	assert_true(frame->len + count <= sizeof(frame->bytes));
	memcpy(frame->bytes + frame->len, bytes, count);
	frame->len += count;
}

#define PUT(frame, bytes) put(frame, bytes, sizeof(bytes) - 1)

#define IP4_ADDRS "\12\62\0\1\12\62\0\2" /* 10.50.0.1, 10.50.0.2 */
#define ESP_HEAD "\x10\0\0\1\0\0\0\x2a"

static void put_ethernet(struct frame *frame, unsigned int tags, const char *type)
{
	PUT(frame, "\2\0\0\0\0\2\2\0\0\0\0\1");
	for (unsigned int i = 0; i < tags; i++)
		put(frame, i + 1 < tags ? "\x88\xa8\0\5" : "\x81\0\0\7", 4);
	put(frame, type, 2);
}

static void put_ip4(struct frame *frame, char protocol)
{
	PUT(frame, "\x45\0\0\x30\0\0\0\0\x40");
	put(frame, &protocol, 1);
	PUT(frame, "\0\0" IP4_ADDRS);
}

static void put_ip6(struct frame *frame, char protocol)
{
	PUT(frame, "\x60\0\0\0\0\x20");
	put(frame, &protocol, 1);
	PUT(frame, "\x40");
	PUT(frame, "\xfd\x50\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfd\x50\0\0\0\0\0\0\0\0\0\0\0\0\0\2");
}

/* In a block of exactly this size, so that the sanitizer sees a read behind it. */
static struct explain_outer read_exactly(const struct frame *frame, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct explain_outer outer;

	assert_non_null(copy);
	memcpy(copy, frame->bytes, len);
	explain_outer_read(copy, len, &outer);
	free(copy);
	return outer;
}

static void expect(const struct explain_outer *outer, const char *src, const char *dst, bool has_esp)
{
	char text[IP_ADDR_TEXT_MAX];

	assert_string_equal(ip_addr_format(&outer->src, text), src);
	assert_string_equal(ip_addr_format(&outer->dst, text), dst);
	assert_int_equal(outer->has_esp, has_esp);
	if (has_esp) {
		assert_int_equal(outer->spi, 0x10000001);
		assert_int_equal(outer->seq, 42);
	}
}

/* The whole frame shows all; cut inside ESP's header only the addresses; inside IP's nothing. */
static void expect_at_all_lengths(const struct frame *frame, size_t ip_end, const char *src, const char *dst)
{
	for (size_t len = 0; len <= frame->len; len++) {
		struct explain_outer outer = read_exactly(frame, len);

		if (len < ip_end)
			expect(&outer, "none", "none", false);
		else
			expect(&outer, src, dst, len == frame->len);
	}
}

static void test_native(void **state)
{
	(void)state;
	for (unsigned int tags = 0; tags <= XESP_VLAN_TAGS_MAX; tags++) {
		struct frame frame = {.len = 0};

		put_ethernet(&frame, tags, "\x08\0");
		put_ip4(&frame, IPPROTO_ESP);
		PUT(&frame, ESP_HEAD);
		expect_at_all_lengths(&frame, ETH_HLEN + 4 * tags + 20, "10.50.0.1", "10.50.0.2");
	}
}

static void test_too_many_tags(void **state)
{
	struct frame frame = {.len = 0};
	struct explain_outer outer;

	(void)state;
	put_ethernet(&frame, XESP_VLAN_TAGS_MAX + 1, "\x08\0");
	put_ip4(&frame, IPPROTO_ESP);
	PUT(&frame, ESP_HEAD);
	outer = read_exactly(&frame, frame.len);
	expect(&outer, "none", "none", false);
}

static void test_udp_ipv6(void **state)
{
	struct frame frame = {.len = 0};

	(void)state;
	put_ethernet(&frame, 0, "\x86\xdd");
	put_ip6(&frame, IPPROTO_UDP);
	PUT(&frame, "\x11\x94\x11\x94\0\x20\0\0" ESP_HEAD);
	expect_at_all_lengths(&frame, ETH_HLEN + 40, "fd50::1", "fd50::2");
}

static void test_non_ike_marker(void **state)
{
	struct frame frame = {.len = 0};
	struct explain_outer outer;

	(void)state;
	put_ethernet(&frame, 0, "\x08\0");
	put_ip4(&frame, IPPROTO_UDP);
	PUT(&frame, "\x01\xf4\x01\xf4\0\x20\0\0"
		    "\0\0\0\0\0\0\0\0" ESP_HEAD);
	outer = read_exactly(&frame, frame.len);
	expect(&outer, "10.50.0.1", "10.50.0.2", true);
	outer = read_exactly(&frame, frame.len - 1);
	expect(&outer, "10.50.0.1", "10.50.0.2", false);
}

/* IP options are stepped over, an impossible header length is not followed. */
static void test_ip_options(void **state)
{
	struct frame frame = {.len = 0};
	struct explain_outer outer;

	(void)state;
	put_ethernet(&frame, 0, "\x08\0");
	put_ip4(&frame, IPPROTO_ESP);
	PUT(&frame, "\1\1\1\0" ESP_HEAD);
	frame.bytes[ETH_HLEN] = 0x46;
	expect_at_all_lengths(&frame, ETH_HLEN + 20, "10.50.0.1", "10.50.0.2");
	frame.bytes[ETH_HLEN] = 0x44;
	outer = read_exactly(&frame, frame.len);
	expect(&outer, "10.50.0.1", "10.50.0.2", false);
}

static void test_ipv6_extensions(void **state)
{
	struct frame frame = {.len = 0};
	struct explain_outer outer;

	(void)state;
	put_ethernet(&frame, 0, "\x86\xdd");
	put_ip6(&frame, IPPROTO_HOPOPTS);
	PUT(&frame, "\x3c\0\1\4\0\0\0\0");
	PUT(&frame, "\x32\1\1\xc\0\0\0\0\0\0\0\0\0\0\0\0" ESP_HEAD);
	expect_at_all_lengths(&frame, ETH_HLEN + 40, "fd50::1", "fd50::2");
	frame.bytes[ETH_HLEN + 48] = 43; /* a routing header */
	outer = read_exactly(&frame, frame.len);
	expect(&outer, "fd50::1", "fd50::2", false);
}

static void test_no_esp_header(void **state)
{
	struct frame frame = {.len = 0};
	struct explain_outer outer;

	(void)state;
	put_ethernet(&frame, 0, "\x08\0");
	put_ip4(&frame, IPPROTO_TCP);
	PUT(&frame, ESP_HEAD ESP_HEAD);
	outer = read_exactly(&frame, frame.len);
	expect(&outer, "10.50.0.1", "10.50.0.2", false);
	frame.bytes[ETH_HLEN + 9] = IPPROTO_ESP;
	frame.bytes[ETH_HLEN + 7] = 1; /* a later fragment */
	outer = read_exactly(&frame, frame.len);
	expect(&outer, "10.50.0.1", "10.50.0.2", false);
	frame.bytes[ETH_HLEN] = 0x65; /* the version denies the EtherType */
	outer = read_exactly(&frame, frame.len);
	expect(&outer, "none", "none", false);
}

/* Whatever the bytes, no read behind the end (the sanitizer watches), and no address without IP. */
static void test_random_frames(void **state)
{
	static const uint8_t types[][2] = {{0x08, 0x00}, {0x86, 0xdd}, {0x81, 0x00}, {0x88, 0xa8}};
	unsigned int seed = 4500;
	unsigned int with_esp = 0;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		struct frame frame = {.len = (size_t)rand_r(&seed) % FRAME_MAX};
		struct explain_outer outer;

		for (size_t i = 0; i < frame.len; i++)
			frame.bytes[i] = (uint8_t)rand_r(&seed);
		if (round % 4) {
			memcpy(frame.bytes + 12, types[(size_t)rand_r(&seed) % ARRAY_SIZE(types)], 2);
			frame.bytes[ETH_HLEN] = round % 8 > 4 ? 0x45 : 0x60;
			frame.bytes[ETH_HLEN + 9] = round % 3 ? IPPROTO_UDP : IPPROTO_ESP;
		}
		outer = read_exactly(&frame, frame.len);
		assert_int_equal(outer.src.family, outer.dst.family);
		assert_true(outer.src.family || !outer.has_esp);
		with_esp += outer.has_esp;
	}
	assert_true(with_esp > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_native),		cmocka_unit_test(test_too_many_tags),
		cmocka_unit_test(test_udp_ipv6),	cmocka_unit_test(test_non_ike_marker),
		cmocka_unit_test(test_ip_options),	cmocka_unit_test(test_no_esp_header),
		cmocka_unit_test(test_ipv6_extensions), cmocka_unit_test(test_random_frames),
	};

	return cmocka_run_group_tests_name("explain_outer", tests, NULL, NULL);
}
