/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of UDP segments, built by tests/lib/frame.h: each that is cut is compared with the frame that has
 * that segment alone, and what only resembles a piece is left in one. Memory ends where frames do.
 */
#include "tests/lib/counted.h"

#include <netinet/in.h>

#include "dataplane/udp_segments.h"
#include "tests/lib/frame.h"
#include "tests/lib/guard.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define META sizeof(struct xesp_meta)
#define MARKER 8
#define ESP_MIN 20
#define SPI 0x1000c0de
#define UDP_MAX 65507 /* of payload, over IPv4 without options */

struct piece {
	uint8_t family;
	enum xesp_form form;
	unsigned int tags;
	uint32_t options; /* bytes: IPv4 options, or an IPv6 destination header */
	uint32_t esp;	  /* bytes of ESP in each segment but the last */
	uint32_t last;	  /* of the last */
	uint32_t count;
	uint32_t seq;  /* of the first */
	uint32_t step; /* to each next; 0: any from 1 to 65536 */
};

static const struct piece usual = {
	.family = 4, .form = XESP_FORM_UDP, .esp = 1432, .last = 500, .count = 7, .seq = 4711, .step = 1};

/* Of the last piece: its payload, the frame, the same at the end of guarded memory, its metadata. */
static uint8_t payload[FRAME_ROOM];
static struct frame frame;
static struct xesp_meta meta;
static struct guard in, out;
static uint32_t random_state = 1;

static uint32_t next_random(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 8;
}

static uint32_t marker_of(const struct piece *piece)
{
	return piece->form == XESP_FORM_UDP_IKE ? MARKER : 0;
}

/* Bytes of UDP payload of each segment but the last. */
static uint32_t segment_bytes(const struct piece *piece)
{
	return marker_of(piece) + piece->esp;
}

static uint32_t payload_bytes(const struct piece *piece)
{
	return (piece->count - 1) * segment_bytes(piece) + marker_of(piece) + piece->last;
}

static void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The ESP header at an offset of the payload. */
static void put_esp(uint32_t at, uint32_t spi, uint32_t seq)
{
	put32(payload + at, spi);
	put32(payload + at + 4, seq);
}

/* In front of segment `i`, behind its marker. */
static uint32_t esp_at(const struct piece *piece, uint32_t i)
{
	return i * segment_bytes(piece) + marker_of(piece);
}

static void fill_payload(const struct piece *piece)
{
	uint32_t seq = piece->seq;

	for (uint32_t i = 0; i < payload_bytes(piece); i++)
		payload[i] = (uint8_t)next_random();
	for (uint32_t i = 0; i < piece->count; i++) {
		memset(payload + i * segment_bytes(piece), 0, marker_of(piece));
		put_esp(esp_at(piece, i), SPI, seq);
		seq += piece->step ? piece->step : 1 + next_random() % 65536;
	}
}

/* A frame with some of the payload, as its sender would have sent that alone; `i` is its place. */
static void build(const struct piece *piece, uint32_t i, const uint8_t *bytes, uint32_t len,
		  enum frame_checksum checksum, struct frame *to)
{
	struct frame_spec spec = {.tags = piece->tags, .sport = 4500, .dport = 4500, .checksum = checksum};

	spec.src.family = spec.dst.family = piece->family == 4 ? AF_INET : AF_INET6;
	memset(spec.src.bytes, 0xa1, sizeof(spec.src.bytes));
	memset(spec.dst.bytes, 0x5c, sizeof(spec.dst.bytes));
	frame_udp(to, &spec, bytes, len);
	if (piece->options && piece->family == 4)
		frame_insert(to, 0, "\1\1\1\1\1\1\1\1", 8);
	else if (piece->options)
		frame_insert(to, IPPROTO_DSTOPTS, "\1\0\1\4\0\0\0\0", 8);
	if (piece->family == 4) {
		frame_put16(to, to->l3 + 4, (uint16_t)(0xfffe + i)); /* wraps */
		frame_put16(to, to->l3 + 6, 0x4000);
		frame_fix_ipv4(to);
	}
}

static struct xesp_meta meta_of(const struct piece *piece, const struct frame *of)
{
	uint32_t esp = (uint32_t)of->payload + marker_of(piece);

	return (struct xesp_meta){.sa_index = 7,
				  .sa_generation = 9,
				  .l3_offset = (uint16_t)of->l3,
				  .esp_offset = (uint16_t)esp,
				  .esp_length = (uint16_t)(of->len - esp),
				  .family = piece->family,
				  .form = (uint8_t)piece->form,
				  .magic = XESP_META_MAGIC};
}

/* Makes a frame of the payload, with the checksum that is asked for. */
static void send_as(const struct piece *piece, enum frame_checksum checksum)
{
	build(piece, 0, payload, payload_bytes(piece), checksum, &frame);
	meta = meta_of(piece, &frame);
}

static bool find(struct udp_segments *ret_segments)
{
	uint8_t *begin = in.end - frame.len;

	memcpy(begin, frame.bytes, frame.len);
	return udp_segments_find(begin, (uint32_t)frame.len, &meta, ret_segments);
}

static void expect_one(const char *what)
{
	struct udp_segments segments;

	if (find(&segments))
		fail_msg("%s: cut into %u", what, segments.count);
}

static void expect_segment(const struct piece *piece, const struct udp_segments *segments, uint32_t i)
{
	static struct frame want;
	uint32_t at = i * segment_bytes(piece);
	uint32_t rest = payload_bytes(piece) - at;
	struct xesp_meta want_meta;
	uint8_t *to;

	build(piece, i, payload + at, rest < segment_bytes(piece) ? rest : segment_bytes(piece),
	      FRAME_CHECKSUM_NONE, &want);
	want_meta = meta_of(piece, &want);
	to = out.end - want.len;
	memset(to - META, 0xee, META + want.len);
	assert_int_equal(udp_segments_write(segments, i, to), want.len);
	assert_memory_equal(to, want.bytes, want.len);
	assert_memory_equal(to - META, &want_meta, META);
}

static void expect_cut(const struct piece *piece)
{
	struct udp_segments segments;

	if (!find(&segments))
		fail_msg("IPv%u, form %u, %u segments of %u, last %u: not cut", piece->family, piece->form,
			 piece->count, piece->esp, piece->last);
	assert_int_equal(segments.count, piece->count);
	assert_int_equal(segments.bytes, segment_bytes(piece));
	for (uint32_t i = 0; i < piece->count; i++)
		expect_segment(piece, &segments, i);
	assert_memory_equal(in.end - frame.len, frame.bytes, frame.len);
}

static void check_cut(const struct piece *piece)
{
	fill_payload(piece);
	send_as(piece, FRAME_CHECKSUM_PARTIAL);
	expect_cut(piece);
}

static int set_up(void **state)
{
	(void)state;
	in = guard_new(FRAME_ROOM);
	out = guard_new(FRAME_ROOM);
	random_state = 1;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_free(&in);
	guard_free(&out);
	return 0;
}

/* Both families, both forms, with and without options, 0 to 2 tags. */
#define KINDS 24

static struct piece kind(unsigned int i)
{
	struct piece piece = usual;

	piece.family = i % 2 ? 6 : 4;
	piece.form = i / 2 % 2 ? XESP_FORM_UDP_IKE : XESP_FORM_UDP;
	piece.options = i / 4 % 2 ? 8 : 0;
	piece.tags = i / 8;
	return piece;
}

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
	struct step_counts counts;

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
		cmocka_unit_test(test_each_length_and_number),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_numbers_wrap),
		cmocka_unit_test(test_trailers),
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_single_packets),
		cmocka_unit_test(test_what_does_not_follow),
		cmocka_unit_test(test_too_short),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_content_that_looks_like_esp),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_random_damage),
		cmocka_unit_test(test_bound_of_work),
	};

	return cmocka_run_group_tests_name("udp_segments", tests, set_up, tear_down);
}
