// SPDX-License-Identifier: BSD-2-Clause
/*
 * Pieces of UDP segments: arbitrary metadata and frames, and what a hostile sender makes: headers that are
 * right but for one byte, any payload, or segments with any bytes changed. With the sanitizers: no read
 * outside of the frame and no write outside of a segment. Here: segments have all of the payload once, and
 * right headers where they had.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/udp_segments.h"
#include "tests/lib/frame.h"
#include "tests/lib/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define META sizeof(struct xesp_meta)
#define PAYLOAD_MAX 65400
#define SPI 0x1000c0de

/* The first byte of an input. */
enum {
	WHAT_RAW = 1, /* metadata and frame follow */
	WHAT_IPV6 = 2,
	WHAT_MARKER = 4,
	WHAT_OPTIONS = 8,
	WHAT_TAG = 0x10,
	WHAT_DAMAGE = 0x20, /* where and what follow: two bytes */
	WHAT_SEGMENTS =
		0x40, /* segments: their length and number follow, then where and what else is changed */
};

struct input {
	const uint8_t *at;
	size_t left;
};

static uint32_t take(struct input *input)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->at++;
}

static void check(const uint8_t *frame, const struct udp_segments *segments)
{
	uint32_t whole = 0;

	REQUIRE(segments->count >= 2 && segments->count <= 128);
	for (uint32_t i = 0; i < segments->count; i++) {
		uint32_t rest = segments->payload - i * segments->bytes;
		uint32_t bytes = rest < segments->bytes ? rest : segments->bytes;
		uint8_t *memory = malloc(META + segments->front + bytes);

		REQUIRE(memory && rest <= segments->payload);
		REQUIRE(udp_segments_write(segments, i, memory + META) == segments->front + bytes);
		REQUIRE(memcmp(memory + META + segments->front, frame + segments->front + whole, bytes) == 0);
		whole += bytes;
		free(memory);
	}
	REQUIRE(whole == segments->payload);
}

/* A copy that ends where it ends. */
static void run(const uint8_t *bytes, size_t len, const struct xesp_meta *meta)
{
	struct udp_segments segments;
	uint8_t *frame = malloc(len + 1);

	REQUIRE(frame);
	memcpy(frame + 1, bytes, len);
	if (udp_segments_find(frame + 1, (uint32_t)len, meta, &segments))
		check(frame + 1, &segments);
	free(frame);
}

static void run_raw(struct input *input)
{
	struct xesp_meta meta;

	if (input->left < META)
		return;
	memcpy(&meta, input->at, META);
	meta.magic = XESP_META_MAGIC;
	run(input->at + META, input->left - META, &meta);
}

static size_t segments_of(struct input *input, uint8_t what, uint8_t *payload)
{
	uint32_t marker = what & WHAT_MARKER ? 8 : 0;
	uint32_t bytes = marker + 20 + take(input) * 8, count = take(input) % 130;
	size_t len = (size_t)bytes * count + take(input);

	len = len > PAYLOAD_MAX ? PAYLOAD_MAX : len;
	memset(payload, 0, PAYLOAD_MAX + 64);
	for (uint32_t i = 0; (size_t)i * bytes < len; i++) {
		uint32_t header[2] = {htonl(SPI), htonl(i + 1)};

		memcpy(payload + (size_t)i * bytes + marker, header, sizeof(header));
	}
	while (input->left >= 3 && len) {
		size_t at = take(input) << 8;

		at = (at + take(input)) % len;
		payload[at] = (uint8_t)take(input);
	}
	return len;
}

static void run_built(struct input *input, uint8_t what)
{
	static uint8_t payload[PAYLOAD_MAX + 64];
	static struct frame frame;
	struct frame_spec spec = {.tags = what & WHAT_TAG ? 1 : 0,
				  .sport = 4500,
				  .dport = 4500,
				  .checksum = FRAME_CHECKSUM_PARTIAL};
	uint32_t marker = what & WHAT_MARKER ? 8 : 0;
	uint32_t where = what & WHAT_DAMAGE ? take(input) : 0, value = what & WHAT_DAMAGE ? take(input) : 0;
	size_t len = input->left < PAYLOAD_MAX ? input->left : PAYLOAD_MAX;
	struct xesp_meta meta;

	if (what & WHAT_SEGMENTS)
		len = segments_of(input, what, payload);
	else if (len)
		memcpy(payload, input->at, len);
	if (len < marker)
		return;
	spec.src.family = spec.dst.family = what & WHAT_IPV6 ? AF_INET6 : AF_INET;
	frame_udp(&frame, &spec, payload, len);
	if (what & WHAT_OPTIONS)
		frame_insert(&frame, IPPROTO_DSTOPTS, "\1\0\1\1\1\1\1\1", 8);
	meta = (struct xesp_meta){.l3_offset = (uint16_t)frame.l3,
				  .esp_offset = (uint16_t)(frame.payload + marker),
				  .esp_length = (uint16_t)(len - marker),
				  .family = frame.family,
				  .form = what & WHAT_MARKER ? XESP_FORM_UDP_IKE : XESP_FORM_UDP,
				  .magic = XESP_META_MAGIC};
	if (what & WHAT_DAMAGE)
		frame.bytes[where % frame.payload] = (uint8_t)value;
	run(frame.bytes, frame.len, &meta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {.at = data, .left = size};
	uint8_t what = (uint8_t)take(&input);

	if (what & WHAT_RAW)
		run_raw(&input);
	else
		run_built(&input, what);
	return 0;
}
