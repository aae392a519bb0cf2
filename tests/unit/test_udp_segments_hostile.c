/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Content, metadata and damage that are to make cutting UDP segments go wrong, and the work that it takes at
 * most.
 */
#include "tests/lib/counted.h"

#include "tests/unit/udp_segments_rig.h"

/* What a cipher hits upon, or who sends through an SA without one makes it hit upon. */
static void test_content_that_looks_like_esp(void **state)
{
	struct piece piece = usual;

	(void)state;
	fill_payload(&piece);
	for (uint32_t at = 40; at < 1400; at += 8)
		put_esp(at, SPI, piece.seq); /* does not rise */
	send_as(&piece, FRAME_CHECKSUM_PARTIAL);
	expect_cut(&piece);
	fill_payload(&piece);
	for (uint32_t i = 0; i < 8; i++) {
		send_as(&piece, FRAME_CHECKSUM_PARTIAL);
		expect_cut(&piece);
		put_esp(404 + 8 * i, SPI, piece.seq + 1);
	}
	send_as(&piece, FRAME_CHECKSUM_PARTIAL);
	expect_one("eight wrong ones in front"); /* the bound on what is tried */
	piece.count = 1;
	piece.last = 1432;
	fill_payload(&piece);
	put_esp(500, SPI, piece.seq + 1);
	send_as(&piece, FRAME_CHECKSUM_PARTIAL);
	expect_one("single packet with one in it");
}

/* Nothing of them is believed. */
static void test_metadata(void **state)
{
	struct piece piece = usual;
	struct xesp_meta good;

	(void)state;
	fill_payload(&piece);
	send_as(&piece, FRAME_CHECKSUM_PARTIAL);
	good = meta;
#define WITH(field, value) (meta = good, meta.field = (value), expect_one(#field " " #value))
	WITH(magic, 0);
	WITH(magic, XESP_META_MAGIC_INSIDE);
	WITH(form, XESP_FORM_NATIVE);
	WITH(form, XESP_FORM_UDP_IKE);
	WITH(form, 3);
	WITH(form, 255);
	WITH(family, 6);
	WITH(family, 0);
	WITH(esp_offset, 0);
	WITH(esp_offset, 7);
	WITH(esp_offset, 41);
	WITH(esp_offset, 65535);
	WITH(l3_offset, 0);
	WITH(l3_offset, 65535);
	WITH(esp_length, (uint16_t)(good.esp_length + 1));
	WITH(esp_length, 65535);
	WITH(esp_length, 0);
	WITH(esp_length, 7);
#undef WITH
	meta = good;
	expect_cut(&piece);
}

/* Whatever is found lies inside, and has all of the payload once. */
static void expect_sound(void)
{
	struct udp_segments segments;
	uint32_t whole = 0, front;

	if (!find(&segments))
		return;
	assert_true(segments.count >= 2 && segments.count <= 128);
	front = segments.front;
	for (uint32_t i = 0; i < segments.count; i++) {
		uint8_t *to = out.start + META;
		uint32_t len = udp_segments_write(&segments, i, to);

		assert_true(len > front && len <= front + segments.bytes);
		assert_memory_equal(to + front, in.end - frame.len + front + whole, len - front);
		whole += len - front;
	}
	assert_int_equal(whole, segments.payload);
	assert_true(front + whole <= frame.len);
}

static void test_random_damage(void **state)
{
	(void)state;
	for (int round = 0; round < 30000; round++) {
		struct piece piece = kind(next_random() % KINDS);

		piece.esp = piece.last = ESP_MIN + next_random() % 60;
		piece.count = 1 + next_random() % 20;
		piece.step = next_random() % 2;
		fill_payload(&piece);
		send_as(&piece, FRAME_CHECKSUM_PARTIAL);
		for (uint32_t i = next_random() % 3; i; i--) {
			uint32_t at = next_random() % (next_random() % 2 ? 60 : (uint32_t)frame.len);

			frame.bytes[at] = (uint8_t)next_random();
		}
		if (next_random() % 4 == 0)
			((uint8_t *)&meta)[8 + next_random() % 8] = (uint8_t)next_random();
		if (next_random() % 4 == 0)
			frame.len -= next_random() % frame.len;
		expect_sound();
	}
}

static void work(void *arg)
{
	struct udp_segments segments;

	(void)arg;
	udp_segments_find(in.end - frame.len, (uint32_t)frame.len, &meta, &segments);
}

/* Instructions that finding takes for each byte at most: to look at each once, and what the tries cost. */
static void expect_cheap(const char *what)
{
	struct step_counts counts = {0};

	expect_one(what);
	if (!counted_here() || step_count(work, NULL, &counts)) {
		print_message("# skipped: not the code that users run, or it cannot be stepped\n");
		skip();
	}
	if (counts.instructions > 12 * frame.len + 16000)
		fail_msg("%s: %llu instructions for %zu bytes", what, (unsigned long long)counts.instructions,
			 frame.len);
}

/* As much as somebody can make us do. */
static void test_bound_of_work(void **state)
{
	struct piece piece = usual;

	(void)state;
	piece.count = 1;
	piece.last = 1400;
	fill_payload(&piece);
	send_as(&piece, FRAME_CHECKSUM_PARTIAL);
	expect_cheap("nothing in it");
	for (uint32_t at = 8; at < 1400 - 4; at += 4)
		put32(payload + at, SPI);
	send_as(&piece, FRAME_CHECKSUM_PARTIAL);
	expect_cheap("nothing but SPIs");
	/* Numbers that rise all along, so that each length is right up to the end, where nothing is. */
	for (uint32_t at = 8; at < 1400 - 8; at += 8)
		put_esp(at, SPI, piece.seq + at);
	memset(payload + 1300, 0, 100);
	send_as(&piece, FRAME_CHECKSUM_PARTIAL);
	expect_cheap("right but for the end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content_that_looks_like_esp),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_random_damage),
		cmocka_unit_test(test_bound_of_work),
	};

	return cmocka_run_group_tests_name("udp_segments_hostile", tests, set_up, tear_down);
}
