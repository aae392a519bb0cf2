/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/udp_segments.h"

#include <netinet/in.h>
#include <string.h>

#include "dataplane/checksum.h"

#define UDP_LENGTH 4 /* offsets of fields */
#define IPV4_ID 4
#define ESP_SEQ 4
/* The shortest ESP: header, NULL cipher without payload, trailer and the shortest ICV, 8 bytes. */
#define ESP_MIN 20
/* What one call can leave to be cut: UDP_MAX_SEGMENTS of Linux 6.9; 64 before. */
#define SEGMENTS_MAX 128
/* Of numbers that were drawn together: other workers draw of the same SA in between. */
#define SEQ_STEP_MAX 65536
/* Lengths that are tried. Behind one that is wrong a cipher hit upon SPI and number, or somebody wants us to
 * try. */
#define TRIES_MAX 8

/* CHECKSUM_PARTIAL in the kernel: the sum over the pseudo-header alone, which is never that of a packet
 * but by chance. What is to be cut always has it. */
static bool is_checksum_left_out(const struct xesp_meta *meta, const uint8_t *ip, const uint8_t *udp)
{
	uint32_t length = wire_get16(udp + UDP_LENGTH);
	uint64_t sum;

	if (meta->family == 4)
		sum = checksum_pseudo(4, ip + IPV4_SRC, ip + IPV4_DST, length, IPPROTO_UDP);
	else
		sum = checksum_pseudo(6, ip + IPV6_SRC, ip + IPV6_DST, length, IPPROTO_UDP);
	return (wire_load_checksum(udp + UDP_SEGMENTS_CHECKSUM) ^ checksum_finish(sum)) == 0xffff;
}

/* `at` and `before` are the beginnings of a segment and of the one in front of it. */
static bool follows(const uint8_t *at, const uint8_t *before, uint32_t marker)
{
	uint32_t step = wire_get32(at + marker + ESP_SEQ) - wire_get32(before + marker + ESP_SEQ);

	return step - 1 < SEQ_STEP_MAX && !memcmp(at, before, marker + ESP_SEQ);
}

/* Segments of so many bytes of UDP payload. */
static bool all_follow(const uint8_t *payload, uint32_t payload_len, uint32_t marker, uint32_t bytes)
{
	uint32_t last = payload_len % bytes;

	if (last && last < marker + ESP_MIN)
		return false;
	for (uint32_t at = bytes; at < payload_len; at += bytes)
		if (!follows(payload + at, payload + at - bytes, marker))
			return false;
	return true;
}

/* 0: it is one packet. */
static uint32_t find_bytes(const uint8_t *payload, uint32_t payload_len, uint32_t marker)
{
	uint32_t least = marker + ESP_MIN, tries = 0;
	uint32_t at = (payload_len + SEGMENTS_MAX - 1) / SEGMENTS_MAX;

	for (at = at > least ? at : least; at + least <= payload_len; at++) {
		/* Nearly all end here, so this is all of follows() that is done for each. */
		if (wire_get32(payload + at + marker) != wire_get32(payload + marker))
			continue;
		if (!follows(payload + at, payload, marker))
			continue;
		if (all_follow(payload, payload_len, marker, at))
			return at;
		if (++tries == TRIES_MAX)
			return 0;
	}
	return 0;
}

/* The metadata are those of the frame, and its checksum is still to be made. */
static bool is_unfinished(const uint8_t *frame, uint32_t frame_len, const struct xesp_meta *meta)
{
	struct esp_packet packet = {.frame = (uint8_t *)frame, .frame_len = frame_len, .meta = *meta};

	return esp_meta_fits(&packet) &&
	       is_checksum_left_out(meta, frame + meta->l3_offset, esp_meta_udp(&packet));
}

bool udp_segments_find(const uint8_t *frame, uint32_t frame_len, const struct xesp_meta *meta,
		       struct udp_segments *ret_segments)
{
	uint32_t marker = meta->form == XESP_FORM_UDP_IKE ? ESP_META_MARKER_BYTES : 0;
	uint32_t front = meta->esp_offset - marker;
	uint32_t payload = marker + meta->esp_length;
	uint32_t bytes;

	if (!udp_segments_possible(frame, frame_len, meta) || !is_unfinished(frame, frame_len, meta))
		return false;
	bytes = find_bytes(frame + front, payload, marker);
	if (!bytes)
		return false;
	*ret_segments = (struct udp_segments){.frame = frame,
					      .meta = *meta,
					      .front = front,
					      .payload = payload,
					      .bytes = bytes,
					      .count = (payload + bytes - 1) / bytes};
	return true;
}

static void write_ipv4(uint8_t *ip, uint32_t header_bytes, uint32_t length, uint32_t i)
{
	wire_put16(ip + IPV4_TOTAL_LENGTH, (uint16_t)length);
	wire_put16(ip + IPV4_ID, (uint16_t)(wire_get16(ip + IPV4_ID) + i));
	wire_store_checksum(ip + IPV4_CHECKSUM, 0);
	wire_store_checksum(ip + IPV4_CHECKSUM, checksum_finish(checksum_add(0, ip, header_bytes)));
}

uint32_t udp_segments_write(const struct udp_segments *segments, uint32_t i, uint8_t *to)
{
	uint32_t at = i * segments->bytes;
	uint32_t bytes = segments->payload - at < segments->bytes ? segments->payload - at : segments->bytes;
	uint32_t l3 = segments->meta.l3_offset, udp = segments->front - ESP_META_UDP_BYTES;
	uint32_t less = segments->payload - bytes;
	struct xesp_meta meta = segments->meta;

	memcpy(to, segments->frame, segments->front);
	/* A copy, since opening needs bytes of its own in front of each. */
	memcpy(to + segments->front, segments->frame + segments->front + at, bytes);
	if (meta.family == 4)
		write_ipv4(to + l3, udp - l3, segments->front - l3 + bytes, i);
	else
		wire_put16(to + l3 + IPV6_PAYLOAD_LENGTH,
			   (uint16_t)(segments->front - l3 - IPV6_HEADER_BYTES + bytes));
	wire_put16(to + udp + UDP_LENGTH, (uint16_t)(ESP_META_UDP_BYTES + bytes));
	/* There was none yet, and nobody looks at it any more. */
	wire_store_checksum(to + udp + UDP_SEGMENTS_CHECKSUM, 0);
	meta.esp_length = (uint16_t)(meta.esp_length - less);
	memcpy(to - sizeof(meta), &meta, sizeof(meta));
	return segments->front + bytes;
}
