/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet checksums against the example of RFC 1071, that of RFC 1624, and a word-by-word sum.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/checksum.h"
#include "tests/lib/packet.h"

static void test_rfc1071_example(void **state)
{
	/* Section 3: the sum is ddf2. */
	static const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	uint16_t checksum = checksum_finish(checksum_add(0, data, sizeof(data)));
	uint8_t stored[2];

	(void)state;
	memcpy(stored, &checksum, 2);
	assert_int_equal(stored[0], 0x22);
	assert_int_equal(stored[1], 0x0d);
}

static void test_rfc1624_example(void **state)
{
	/* Section 4: header sum with 5555 in it, checksum dd2f; the word becomes 3285, the checksum 0000. */
	static const uint8_t words[3][2] = {{0xdd, 0x2f}, {0x55, 0x55}, {0x32, 0x85}};
	uint16_t word[3];

	(void)state;
	memcpy(word, words, sizeof(word));
	assert_int_equal(checksum_replace16(word[0], word[1], word[2]), 0x0000);
}

static void test_all_lengths_and_alignments(void **state)
{
	uint8_t data[300];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 167 + 13);
	for (size_t start = 0; start < 8; start++) {
		for (size_t len = 0; len < 280; len++) {
			uint16_t checksum = checksum_finish(checksum_add(0, data + start, len));
			uint16_t expected = packet_checksum(0, data + start, len);
			uint8_t stored[2] = {(uint8_t)(expected >> 8), (uint8_t)expected};

			assert_memory_equal(&checksum, stored, 2);
		}
	}
}

static void test_large(void **state)
{
	uint8_t *data = malloc(65535);
	uint16_t checksum;

	(void)state;
	assert_non_null(data);
	memset(data, 0xff, 65535);
	checksum = checksum_finish(checksum_add(0, data, 65535));
	/* All words ffff, the last one ff00. */
	assert_memory_equal(&checksum, "\x00\xff", 2);
	free(data);
}

static void test_replace_agrees_with_recompute(void **state)
{
	uint8_t header[20] = {0x45, 0, 0, 84, 0, 1, 0x40, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};

	(void)state;
	for (unsigned int value = 0; value < 65536; value += 7) {
		uint16_t before = checksum_finish(checksum_add(0, header, sizeof(header)));
		uint16_t old_word;
		uint16_t new_word = (uint16_t)value;
		uint16_t after;

		memcpy(&old_word, header, 2);
		after = checksum_replace16(before, old_word, new_word);
		memcpy(header, &new_word, 2);
		assert_int_equal(after, checksum_finish(checksum_add(0, header, sizeof(header))));
	}
}

static void test_pseudo(void **state)
{
	/* A UDP datagram "hi" from 192.0.2.1:1 to 192.0.2.2:2, summed by hand in 16-bit words:
	 * c000+0201+c000+0202+0011+000a (pseudo-header) + 0001+0002+000a (header) + 6869 (data). */
	static const uint8_t src[16] = {192, 0, 2, 1};
	static const uint8_t dst[16] = {192, 0, 2, 2};
	static const uint8_t udp[] = {0, 1, 0, 2, 0, 10, 0, 0, 'h', 'i'};
	uint16_t checksum =
		checksum_finish(checksum_add(checksum_pseudo(4, src, dst, 10, 17), udp, sizeof(udp)));
	uint16_t expected =
		(uint16_t) ~(0xc000 + 0x0201 + 0xc000 + 0x0202 + 0x11 + 0xa + 1 + 2 + 0xa + 0x6869 - 0xffff);
	uint8_t stored[2] = {(uint8_t)(expected >> 8), (uint8_t)expected};

	(void)state;
	assert_memory_equal(&checksum, stored, 2);
	/* All 16 bytes of IPv6 addresses count. */
	assert_int_not_equal(checksum_finish(checksum_pseudo(6, src, dst, 10, 17)),
			     checksum_finish(checksum_pseudo(
				     6, src, (const uint8_t[16]){192, 0, 2, 2, [15] = 1}, 10, 17)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc1071_example),
		cmocka_unit_test(test_rfc1624_example),
		cmocka_unit_test(test_all_lengths_and_alignments),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_replace_agrees_with_recompute),
		cmocka_unit_test(test_pseudo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
