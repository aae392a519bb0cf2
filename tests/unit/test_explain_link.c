/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of loader/cli/explain_link.c: which EtherType each captured link layer becomes, and captures that
 * end anywhere. The CLI is no library, so that its source is part of this program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/explain_link.c"

#define ROOM 64
#define PACKET 5 /* bytes behind each link-layer header */

struct link_case {
	int link;
	const char *header; /* bytes in front of the packet */
	size_t header_len;
	uint8_t first; /* byte of the packet */
	uint16_t type; /* wanted */
};

#define BYTES(text) (text), sizeof(text) - 1

static const struct link_case cases[] = {
	{DLT_RAW, BYTES(""), 0x45, ETH_P_IP},
	{DLT_RAW, BYTES(""), 0x60, ETH_P_IPV6},
	{DLT_RAW, BYTES(""), 0x50, TYPE_UNKNOWN},
	{14, BYTES(""), 0x45, ETH_P_IP},
	{101, BYTES(""), 0x6f, ETH_P_IPV6},
	{DLT_IPV4, BYTES(""), 0x60, ETH_P_IP},
	{DLT_IPV6, BYTES(""), 0x45, ETH_P_IPV6},
	{DLT_NULL, BYTES("\2\0\0\0"), 0x45, ETH_P_IP},
	{DLT_NULL, BYTES("\0\0\0\2"), 0x45, ETH_P_IP},
	{DLT_NULL, BYTES("\12\0\0\0"), 0x60, ETH_P_IPV6},
	{DLT_NULL, BYTES("\30\0\0\0"), 0x60, ETH_P_IPV6},
	{DLT_NULL, BYTES("\0\0\0\34"), 0x60, ETH_P_IPV6},
	{DLT_NULL, BYTES("\36\0\0\0"), 0x60, ETH_P_IPV6},
	{DLT_NULL, BYTES("\27\0\0\0"), 0x45, TYPE_UNKNOWN},
	{DLT_NULL, BYTES("\2\0\0\2"), 0x45, TYPE_UNKNOWN},
	{DLT_NULL, BYTES("\2\1\0\0"), 0x45, TYPE_UNKNOWN},
	{DLT_LOOP, BYTES("\0\0\0\2"), 0x45, ETH_P_IP},
	{DLT_LOOP, BYTES("\0\0\0\30"), 0x60, ETH_P_IPV6},
	{DLT_LINUX_SLL, BYTES("\0\0\0\1\0\6\1\2\3\4\5\6\0\0\x08\x00"), 0x45, ETH_P_IP},
	{DLT_LINUX_SLL, BYTES("\0\0\0\1\0\6\1\2\3\4\5\6\0\0\x86\xdd"), 0x60, ETH_P_IPV6},
	{DLT_LINUX_SLL, BYTES("\0\0\0\1\0\6\1\2\3\4\5\6\0\0\x08\x06"), 0x00, ETH_P_ARP},
	{DLT_LINUX_SLL2, BYTES("\x08\x00\0\0\0\0\0\2\0\1\0\6\1\2\3\4\5\6\0\0"), 0x45, ETH_P_IP},
	{DLT_LINUX_SLL2, BYTES("\x86\xdd\0\0\0\0\0\2\0\1\0\6\1\2\3\4\5\6\0\0"), 0x60, ETH_P_IPV6},
};

/* In a block of exactly this size, so that the sanitizer sees a read behind it. */
static uint8_t *captured(const struct link_case *link, size_t bytes)
{
	uint8_t whole[ROOM] = {0};
	uint8_t *data = malloc(bytes ? bytes : 1);

	assert_non_null(data);
	memcpy(whole, link->header, link->header_len);
	for (size_t i = 0; i < PACKET; i++)
		whole[link->header_len + i] = (uint8_t)(link->first + i);
	memcpy(data, whole, bytes);
	return data;
}

static void test_link_types(void **state)
{
	static const uint8_t no_address[2 * ETH_ALEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct link_case *row = &cases[i];
		uint8_t *data = captured(row, row->header_len + PACKET);
		uint8_t frame[ROOM];
		size_t len = 0;

		memset(frame, 0xee, sizeof(frame));
		assert_true(explain_link_supported(row->link));
		assert_int_equal(explain_link_to_ethernet(row->link, data, row->header_len + PACKET, frame,
							  sizeof(frame), &len),
				 0);
		assert_int_equal(len, ETH_HLEN + PACKET);
		assert_memory_equal(frame, no_address, sizeof(no_address));
		if (bytes_be16(frame + 12) != row->type)
			fail_msg("case %zu: type %04x, wanted %04x", i, bytes_be16(frame + 12), row->type);
		assert_memory_equal(frame + ETH_HLEN, data + row->header_len, PACKET);
		assert_int_equal(frame[len], 0xee);
		free(data);
	}
}

/* Every length up to the link-layer header is no packet; every longer one is what there is of it. */
static void test_cut_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t bytes = 0; bytes <= cases[i].header_len + PACKET; bytes++) {
			uint8_t *data = captured(&cases[i], bytes);
			uint8_t frame[ROOM];
			size_t len = 77;
			int err = explain_link_to_ethernet(cases[i].link, data, bytes, frame, sizeof(frame),
							   &len);

			if (bytes <= cases[i].header_len) {
				assert_int_equal(err, -ENODATA);
				assert_int_equal(len, 77);
			} else {
				assert_int_equal(err, 0);
				assert_int_equal(len, ETH_HLEN + bytes - cases[i].header_len);
			}
			free(data);
		}
	}
}

static void test_ethernet_is_copied(void **state)
{
	uint8_t data[ROOM + 1];
	uint8_t frame[ROOM];
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t bytes = 0; bytes < ETH_HLEN; bytes++)
		assert_int_equal(explain_link_to_ethernet(DLT_EN10MB, data, bytes, frame, ROOM, &len),
				 -ENODATA);
	for (size_t bytes = ETH_HLEN; bytes <= ROOM; bytes++) {
		assert_int_equal(explain_link_to_ethernet(DLT_EN10MB, data, bytes, frame, ROOM, &len), 0);
		assert_int_equal(len, bytes);
		assert_memory_equal(frame, data, bytes);
	}
	assert_int_equal(explain_link_to_ethernet(DLT_EN10MB, data, ROOM + 1, frame, ROOM, &len), -EMSGSIZE);
}

/* The Ethernet header needs room too, and rooms smaller than it must not wrap around. */
static void test_no_room(void **state)
{
	uint8_t data[ROOM] = {0x45};
	uint8_t frame[ROOM];
	size_t len = 77;

	(void)state;
	for (size_t room = 0; room < ETH_HLEN + PACKET; room++)
		assert_int_equal(explain_link_to_ethernet(DLT_RAW, data, PACKET, frame, room, &len),
				 -EMSGSIZE);
	assert_int_equal(len, 77);
	assert_int_equal(explain_link_to_ethernet(DLT_RAW, data, PACKET, frame, ETH_HLEN + PACKET, &len), 0);
	assert_int_equal(explain_link_to_ethernet(DLT_RAW, data, ROOM, frame, ROOM, &len), -EMSGSIZE);
}

static void test_unknown_link(void **state)
{
	uint8_t data[ROOM] = {0x45};
	uint8_t frame[ROOM];
	size_t len;

	(void)state;
	assert_true(explain_link_supported(DLT_EN10MB));
	assert_false(explain_link_supported(DLT_IEEE802_11));
	assert_false(explain_link_supported(DLT_USB_LINUX));
	assert_int_equal(explain_link_to_ethernet(DLT_IEEE802_11, data, ROOM, frame, ROOM, &len),
			 -EPROTONOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_types),	   cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_ethernet_is_copied), cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_unknown_link),
	};

	return cmocka_run_group_tests_name("explain_link", tests, NULL, NULL);
}
