/* SPDX-License-Identifier: BSD-2-Clause */
/* Called by workers, for packets that are too long for the path. */
#include "dataplane/ip_fragment.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "dataplane/checksum.h"
#include "dataplane/wire.h"

#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OPTION_END 0
#define IPV4_OPTION_NOP 1
#define IPV4_OPTION_COPIED 0x80
#define FRAGMENT_HEADER_BYTES 8
#define IPV6_MORE_FRAGMENTS 1
#define HOP_BY_HOP_BYTES_MAX 64

/* Bytes of header that all fragments have; 0: malformed. */
static uint32_t header_of(const uint8_t *packet, uint32_t len)
{
	uint32_t header = IPV6_HEADER_BYTES;

	if (len < IPV4_HEADER_BYTES)
		return 0;
	if (packet[0] >> 4 == 4) {
		header = (packet[0] & 0x0fu) * 4;
		return header >= IPV4_HEADER_BYTES && header <= len ? header : 0;
	}
	if (packet[0] >> 4 != 6 || len < IPV6_HEADER_BYTES)
		return 0;
	if (packet[IPV6_NEXT_HEADER] != IPPROTO_HOPOPTS)
		return header;
	if (len < IPV6_HEADER_BYTES + 2)
		return 0;
	header += (packet[IPV6_HEADER_BYTES + 1] + 1u) * 8;
	return header <= len && header <= IPV6_HEADER_BYTES + HOP_BY_HOP_BYTES_MAX ? header : 0;
}

int ip_fragment(const uint8_t *packet, uint32_t len, uint32_t mtu, uint32_t id,
		struct ip_fragments *ret_fragments)
{
	uint32_t header = header_of(packet, len);
	uint32_t around, payload;

	if (!header || header == len)
		return -EINVAL;
	around = header + (packet[0] >> 4 == 6 ? FRAGMENT_HEADER_BYTES : 0);
	payload = mtu > around ? (mtu - around) & ~7u : 0;
	if (!payload)
		return -EMSGSIZE;
	*ret_fragments = (struct ip_fragments){.packet = packet,
					       .len = len,
					       .header = header,
					       .payload = payload,
					       .count = (len - header + payload - 1) / payload,
					       .id = id};
	return 0;
}

/* Options that are not for each fragment become NOPs, so that the header keeps its length. */
static void drop_options(uint8_t *options, uint32_t bytes)
{
	while (bytes && options[0] != IPV4_OPTION_END) {
		uint32_t len = options[0] == IPV4_OPTION_NOP ? 1 : bytes < 2 ? 0 : options[1];

		if (len == 0 || len > bytes || (len == 1 && options[0] != IPV4_OPTION_NOP))
			return;
		if (!(options[0] & IPV4_OPTION_COPIED))
			memset(options, IPV4_OPTION_NOP, len);
		options += len;
		bytes -= len;
	}
}

/* The packet may be a fragment itself. */
static uint32_t write_ipv4(const struct ip_fragments *fragments, uint32_t offset, bool last, uint32_t payload,
			   uint8_t *out)
{
	uint16_t before = wire_get16(fragments->packet + IPV4_FRAGMENT);
	uint16_t fragment = (uint16_t)((before & IPV4_FRAGMENT_OFFSET_MASK) + offset / 8);

	memcpy(out, fragments->packet, fragments->header);
	if (offset)
		drop_options(out + IPV4_HEADER_BYTES, fragments->header - IPV4_HEADER_BYTES);
	if (!last || (before & IPV4_MORE_FRAGMENTS))
		fragment |= IPV4_MORE_FRAGMENTS;
	wire_put16(out + IPV4_FRAGMENT, fragment);
	wire_put16(out + IPV4_TOTAL_LENGTH, (uint16_t)(fragments->header + payload));
	wire_store_checksum(out + IPV4_CHECKSUM, 0);
	wire_store_checksum(out + IPV4_CHECKSUM, checksum_finish(checksum_add(0, out, fragments->header)));
	return fragments->header;
}

static uint32_t write_ipv6(const struct ip_fragments *fragments, uint32_t offset, bool last, uint32_t payload,
			   uint8_t *out)
{
	uint32_t header = fragments->header;
	uint8_t *next_header = out + (header > IPV6_HEADER_BYTES ? IPV6_HEADER_BYTES : IPV6_NEXT_HEADER);
	uint8_t *fragment = out + header;

	memcpy(out, fragments->packet, header);
	fragment[0] = *next_header;
	fragment[1] = 0;
	wire_put16(fragment + 2, (uint16_t)(offset | (last ? 0 : IPV6_MORE_FRAGMENTS)));
	wire_put32(fragment + 4, fragments->id);
	*next_header = IPPROTO_FRAGMENT;
	header += FRAGMENT_HEADER_BYTES;
	wire_put16(out + IPV6_PAYLOAD_LENGTH, (uint16_t)(header - IPV6_HEADER_BYTES + payload));
	return header;
}

static uint32_t payload_of(const struct ip_fragments *fragments, uint32_t i)
{
	uint32_t left = fragments->len - fragments->header - i * fragments->payload;

	return left < fragments->payload ? left : fragments->payload;
}

uint32_t ip_fragment_bytes(const struct ip_fragments *fragments, uint32_t i)
{
	uint32_t around = fragments->header + (fragments->packet[0] >> 4 == 6 ? FRAGMENT_HEADER_BYTES : 0);

	return around + payload_of(fragments, i);
}

uint32_t ip_fragment_write(const struct ip_fragments *fragments, uint32_t i, uint8_t *out)
{
	uint32_t offset = i * fragments->payload, payload = payload_of(fragments, i);
	bool last = i == fragments->count - 1;
	uint32_t header = fragments->packet[0] >> 4 == 4 ? write_ipv4(fragments, offset, last, payload, out)
							 : write_ipv6(fragments, offset, last, payload, out);

	memcpy(out + header, fragments->packet + fragments->header + offset, payload);
	return header + payload;
}
