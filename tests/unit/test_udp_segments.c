/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is cut, and that it becomes what the kernel would have made of it; what only resembles a piece of UDP
 * segments is left in one.
 */
#include "tests/unit/udp_segments_rig.h"

static void test_each_length_and_number(void **state)
{
	static const uint32_t lengths[] = {20, 21, 22, 23, 24, 63, 64, 100, 508, 511, 512, 1432, 9000, 32000};
	static const uint32_t counts[] = {2, 3, 4, 17, 45, 64, 127, 128};

	(void)state;
	for (unsigned int i = 0; i < KINDS * ARRAY_SIZE(lengths) * ARRAY_SIZE(counts); i++) {
		struct piece piece = kind(i % KINDS);

		piece.esp = lengths[i / KINDS % ARRAY_SIZE(lengths)];
		piece.count = counts[i / KINDS / ARRAY_SIZE(lengths)];
		piece.step = i % 3; /* 0: any */
		for (uint32_t j = 0; j < 4; j++) {
			const uint32_t last[] = {ESP_MIN, piece.esp, piece.esp - 1,
						 ESP_MIN + next_random() % (piece.esp - ESP_MIN + 1)};

			piece.last = last[j] < ESP_MIN ? ESP_MIN : last[j];
			if (payload_bytes(&piece) <= UDP_MAX)
				check_cut(&piece);
		}
	}
}

/* As much as UDP can say that it has. */
static void test_longest(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < KINDS; i++) {
		struct piece piece = kind(i);
		uint32_t room = 65535 - 8 - piece.options - (piece.family == 4 ? 20 : 0);

		piece.count = (room + segment_bytes(&piece) - 1) / segment_bytes(&piece);
		piece.last = room - (piece.count - 1) * segment_bytes(&piece) - marker_of(&piece);
		check_cut(&piece);
		piece.count = 2;
		piece.esp = room / 2 + 1;
		piece.last = room - segment_bytes(&piece) - marker_of(&piece);
		check_cut(&piece);
	}
}

/* They are numbers modulo 2^32, with ESN the low half (RFC 4303 section 2.2.1). */
static void test_numbers_wrap(void **state)
{
	struct piece piece = usual;

	(void)state;
	for (uint32_t i = 0; i < piece.count; i++) {
		piece.seq = 0u - i;
		check_cut(&piece);
	}
}

/* A trailer of Ethernet is of no packet; nor is what IP has behind UDP. */
static void test_trailers(void **state)
{
	struct piece piece = usual;

	(void)state;
	for (unsigned int i = 0; i < KINDS; i++) {
		piece = kind(i);
		fill_payload(&piece);
		send_as(&piece, FRAME_CHECKSUM_PARTIAL);
		frame.len += 60;
		expect_cut(&piece);
		frame_put16(&frame, frame.l3 + (piece.family == 4 ? 2 : 4),
			    (uint16_t)(frame_get16(&frame, frame.l3 + (piece.family == 4 ? 2 : 4)) + 60));
		expect_cut(&piece);
	}
}

/* Only what was left to a network card has the sum of the pseudo-header; nothing else needs cutting. */
static void test_checksums(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < KINDS; i++) {
		struct piece piece = kind(i);

		fill_payload(&piece);
		send_as(&piece, FRAME_CHECKSUM_NONE);
		expect_one("no checksum");
		send_as(&piece, FRAME_CHECKSUM_RIGHT);
		expect_one("full checksum");
		send_as(&piece, FRAME_CHECKSUM_WRONG);
		expect_one("wrong checksum");
		send_as(&piece, FRAME_CHECKSUM_PARTIAL);
		frame.bytes[frame.l4 + 6] ^= 1;
		expect_one("nearly that of the pseudo-header");
		frame.bytes[frame.l4 + 6] ^= 1;
		expect_cut(&piece);
	}
}

static void test_single_packets(void **state)
{
	(void)state;
	for (uint32_t len = 8; len < 3000; len += len < 100 ? 1 : 37) {
		struct piece piece = kind(len % KINDS);

		piece.count = 1;
		piece.last = len;
		fill_payload(&piece);
		send_as(&piece, FRAME_CHECKSUM_PARTIAL);
		expect_one("single packet");
	}
}

static void expect_one_with(const struct piece *piece, uint32_t i, uint32_t spi, uint32_t seq,
			    const char *what)
{
	uint8_t before[8];

	memcpy(before, payload + esp_at(piece, i), sizeof(before));
	put_esp(esp_at(piece, i), spi, seq);
	send_as(piece, FRAME_CHECKSUM_PARTIAL);
	expect_one(what);
	memcpy(payload + esp_at(piece, i), before, sizeof(before));
}

/* Any segment that does not follow the one in front of it. Steps are such that not each second or third
 * packet makes a piece either. */
static void test_what_does_not_follow(void **state)
{
	(void)state;
	for (unsigned int k = 0; k < KINDS; k++) {
		struct piece piece = kind(k);

		piece.step = 65536;
		fill_payload(&piece);
		for (uint32_t i = 1; i < piece.count; i++) {
			uint32_t before = piece.seq + 65536 * (i - 1);

			expect_one_with(&piece, i, SPI + 1, before + 1, "another SPI");
			expect_one_with(&piece, i, SPI ^ 0x80000000, before + 1, "another SPI");
			expect_one_with(&piece, i, SPI, before, "the same number");
			expect_one_with(&piece, i, SPI, before - 1, "a lower number");
			expect_one_with(&piece, i, SPI, before + 65537, "a number too far");
			if (marker_of(&piece)) {
				payload[esp_at(&piece, i) - 1] = 1;
				send_as(&piece, FRAME_CHECKSUM_PARTIAL);
				expect_one("no marker");
				payload[esp_at(&piece, i) - 1] = 0;
			}
		}
		send_as(&piece, FRAME_CHECKSUM_PARTIAL);
		expect_cut(&piece);
	}
}

static void test_too_short(void **state)
{
	struct piece piece;

	(void)state;
	for (unsigned int i = 0; i < KINDS; i++) {
		for (uint32_t last = 8; last < ESP_MIN; last++) {
			piece = kind(i);
			piece.last = last;
			piece.step = 65536;
			fill_payload(&piece);
			send_as(&piece, FRAME_CHECKSUM_PARTIAL);
			expect_one("last one too short");
		}
		piece = kind(i);
		piece.count = 2;
		piece.esp = piece.last = ESP_MIN - 1;
		fill_payload(&piece);
		send_as(&piece, FRAME_CHECKSUM_PARTIAL);
		expect_one("all too short");
	}
}

/* More than one call can leave to be cut. The steps are such that not each other packet makes a piece either.
 */
static void test_too_many(void **state)
{
	struct piece piece = usual;

	(void)state;
	piece.esp = piece.last = 100;
	piece.step = 65536;
	piece.count = 128;
	check_cut(&piece);
	piece.count = 129;
	fill_payload(&piece);
	send_as(&piece, FRAME_CHECKSUM_PARTIAL);
	expect_one("129 packets");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_length_and_number),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_numbers_wrap),
		cmocka_unit_test(test_trailers),
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_single_packets),
		cmocka_unit_test(test_what_does_not_follow),
		cmocka_unit_test(test_too_short),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests_name("udp_segments", tests, set_up, tear_down);
}
