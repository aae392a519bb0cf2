/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of UDP segments, built by tests/lib/frame.h. Each segment that is cut is compared with the frame
 * that has that segment alone. Memory ends where frames do.
 */
#ifndef XESP_TESTS_UDP_SEGMENTS_RIG_H
#define XESP_TESTS_UDP_SEGMENTS_RIG_H

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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

static inline uint32_t next_random(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 8;
}

static inline uint32_t marker_of(const struct piece *piece)
{
	return piece->form == XESP_FORM_UDP_IKE ? MARKER : 0;
}

/* Bytes of UDP payload of each segment but the last. */
static inline uint32_t segment_bytes(const struct piece *piece)
{
	return marker_of(piece) + piece->esp;
}

static inline uint32_t payload_bytes(const struct piece *piece)
{
	return (piece->count - 1) * segment_bytes(piece) + marker_of(piece) + piece->last;
}

static inline void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The ESP header at an offset of the payload. */
static inline void put_esp(uint32_t at, uint32_t spi, uint32_t seq)
{
	put32(payload + at, spi);
	put32(payload + at + 4, seq);
}

/* In front of segment `i`, behind its marker. */
static inline uint32_t esp_at(const struct piece *piece, uint32_t i)
{
	return i * segment_bytes(piece) + marker_of(piece);
}

static inline void fill_payload(const struct piece *piece)
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
static inline void build(const struct piece *piece, uint32_t i, const uint8_t *bytes, uint32_t len,
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

static inline struct xesp_meta meta_of(const struct piece *piece, const struct frame *of)
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
static inline void send_as(const struct piece *piece, enum frame_checksum checksum)
{
	build(piece, 0, payload, payload_bytes(piece), checksum, &frame);
	meta = meta_of(piece, &frame);
}

static inline bool find(struct udp_segments *ret_segments)
{
	uint8_t *begin = in.end - frame.len;

	memcpy(begin, frame.bytes, frame.len);
	return udp_segments_find(begin, (uint32_t)frame.len, &meta, ret_segments);
}

static inline void expect_one(const char *what)
{
	struct udp_segments segments;

	if (find(&segments))
		fail_msg("%s: cut into %u", what, segments.count);
}

static inline void expect_segment(const struct piece *piece, const struct udp_segments *segments, uint32_t i)
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

static inline void expect_cut(const struct piece *piece)
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

static inline void check_cut(const struct piece *piece)
{
	fill_payload(piece);
	send_as(piece, FRAME_CHECKSUM_PARTIAL);
	expect_cut(piece);
}

static inline int set_up(void **state)
{
	(void)state;
	in = guard_new(FRAME_ROOM);
	out = guard_new(FRAME_ROOM);
	random_state = 1;
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	guard_free(&in);
	guard_free(&out);
	return 0;
}

/* Both families, both forms, with and without options, 0 to 2 tags. */
#define KINDS 24

static inline struct piece kind(unsigned int i)
{
	struct piece piece = usual;

	piece.family = i % 2 ? 6 : 4;
	piece.form = i / 2 % 2 ? XESP_FORM_UDP_IKE : XESP_FORM_UDP;
	piece.options = i / 4 % 2 ? 8 : 0;
	piece.tags = i / 8;
	return piece;
}

#endif
