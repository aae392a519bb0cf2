/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/merged.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "tests/lib/packet.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* Linux 6.2 */
#endif

#define LONGEST 65535

/* ---- cutting ------------------------------------------------------------------------------------------ */

/* What the TUN device gets. */
struct piece {
	struct virtio_net_hdr header;
	size_t len;
	uint8_t bytes[LONGEST + MERGE_HEADER_MAX];
};

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

static void put32(uint8_t *at, uint32_t value)
{
	packet_put16(at, (uint16_t)(value >> 16));
	packet_put16(at + 2, (uint16_t)value);
}

static bool gather(const struct merge *merge, const struct merge_group *group,
		   const struct merged_packet *packets, struct piece *piece)
{
	uint8_t at = group->first;

	memset(piece->bytes, 0xee, MERGE_HEADER_MAX + 8);
	merge_headers(group, &piece->header, piece->bytes);
	for (size_t i = group->header_bytes; i < MERGE_HEADER_MAX + 8; i++)
		if (piece->bytes[i] != 0xee)
			return false;
	piece->len = group->header_bytes;
	for (uint8_t i = 0; i < group->count; i++, at = merge->next[at]) {
		size_t payload = packets[at].len - group->header_bytes;

		if (piece->len + payload > LONGEST)
			return false;
		memcpy(piece->bytes + piece->len, packets[at].packet + group->header_bytes, payload);
		piece->len += payload;
	}
	return at == group->last || group->count > 1;
}

/* Pseudo-header's sum for `len` bytes, folded. */
static uint16_t pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
	bool v4 = ip[0] >> 4 == 4;
	uint32_t sum = (uint16_t)~packet_checksum(0, ip + (v4 ? 12 : 8), v4 ? 8 : 32);

	sum += protocol + (uint32_t)len;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* What Linux refuses or would take for something else. */
static const char *header_wrong(const struct piece *piece)
{
	const struct virtio_net_hdr *header = &piece->header;
	bool v4 = piece->bytes[0] >> 4 == 4;
	bool udp = header->gso_type == VIRTIO_NET_HDR_GSO_UDP_L4;
	size_t l4 = v4 ? 20 : 40;
	uint8_t protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
	size_t head = l4 + (udp ? 8u : (piece->bytes[l4 + 12] >> 4) * 4u);

	if (!udp && header->gso_type != (v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6))
		return "gso_type";
	if (header->flags != VIRTIO_NET_HDR_F_NEEDS_CSUM || header->csum_start != l4 ||
	    header->csum_offset != (udp ? 6 : 16))
		return "checksum's place";
	if (header->hdr_len != head || header->gso_size == 0 || piece->len <= head + header->gso_size ||
	    piece->len > head + header->gso_size * 64ul)
		return "hdr_len or gso_size";
	if (v4 ? packet_get16(piece->bytes + 2) != piece->len || packet_checksum(0, piece->bytes, 20) != 0
	       : packet_get16(piece->bytes + 4) != piece->len - 40)
		return "IP header of the piece";
	if (udp && packet_get16(piece->bytes + l4 + 4) != piece->len - l4)
		return "UDP length of the piece";
	if (packet_get16(piece->bytes + l4 + header->csum_offset) !=
	    pseudo(piece->bytes, protocol, piece->len - l4))
		return "pseudo-header's sum";
	return NULL;
}

/* Segment `i` as a device makes it; 0: there is none. */
static size_t cut(const struct piece *piece, size_t i, uint8_t *out)
{
	size_t head = piece->header.hdr_len, size = piece->header.gso_size, l4 = piece->header.csum_start;
	size_t from = head + i * size, bytes = piece->len - from < size ? piece->len - from : size;
	bool udp = piece->header.gso_type == VIRTIO_NET_HDR_GSO_UDP_L4;
	bool end = from + bytes == piece->len;
	uint8_t *sum = out + l4 + piece->header.csum_offset;
	uint16_t checksum;

	if (from >= piece->len)
		return 0;
	memcpy(out, piece->bytes, head);
	memcpy(out + head, piece->bytes + from, bytes);
	if (out[0] >> 4 == 4) {
		packet_put16(out + 2, (uint16_t)(head + bytes));
		packet_put16(out + 4, (uint16_t)(packet_get16(out + 4) + i));
		packet_put16(out + 10, 0);
		packet_put16(out + 10, packet_checksum(0, out, 20));
	} else {
		packet_put16(out + 4, (uint16_t)(head + bytes - 40));
	}
	if (udp) {
		packet_put16(out + l4 + 4, (uint16_t)(8 + bytes));
	} else {
		put32(out + l4 + 4, get32(out + l4 + 4) + (uint32_t)(i * size));
		if (!end)
			out[l4 + 13] &= 0xf6; /* FIN, PSH */
	}
	packet_put16(sum, 0);
	checksum = packet_checksum(pseudo(out, udp ? IPPROTO_UDP : IPPROTO_TCP, head + bytes - l4), out + l4,
				   head + bytes - l4);
	packet_put16(sum, checksum == 0 && udp ? 0xffff : checksum);
	return head + bytes;
}

/* RFC 6864 section 4.1: with DF the identification says nothing. */
static void forget_id(uint8_t *segment, const struct merge_group *group, const uint8_t *original)
{
	if (group->family != 4 || !group->same_id || !(original[6] & 0x40) ||
	    packet_get16(group->ip + 4) != packet_get16(original + 4))
		return;
	memcpy(segment + 4, original + 4, 2);
	packet_put16(segment + 10, 0);
	packet_put16(segment + 10, packet_checksum(0, segment, 20));
}

static const char *group_wrong(const struct merge *merge, const struct merge_group *group,
			       const struct merged_packet *packets)
{
	static struct piece piece;
	static uint8_t segment[LONGEST + MERGE_HEADER_MAX];
	const char *wrong;
	uint8_t at = group->first;

	if (!gather(merge, group, packets, &piece))
		return "length of a group, or more than its headers was written";
	wrong = header_wrong(&piece);
	if (wrong)
		return wrong;
	for (uint8_t i = 0; i < group->count; i++, at = merge->next[at]) {
		size_t len = cut(&piece, i, segment);

		forget_id(segment, group, packets[at].packet);
		if (len != packets[at].len || memcmp(segment, packets[at].packet, len) != 0)
			return "a segment is not what was merged";
	}
	return cut(&piece, group->count, segment) ? "more segments than were merged" : NULL;
}

/* ---- order -------------------------------------------------------------------------------------------- */

struct flow {
	size_t bytes; /* of the addresses; 0: no packet to tell them from */
	const uint8_t *addresses;
	uint8_t protocol;
	const uint8_t *ports; /* NULL: not known */
};

static struct flow flow_of(const struct merged_packet *packet)
{
	const uint8_t *ip = packet->packet;
	struct flow flow = {0};
	size_t l4 = 0;

	if (packet->len >= 20 && packet->len <= LONGEST && ip[0] >> 4 == 4) {
		flow = (struct flow){.bytes = 8, .addresses = ip + 12, .protocol = ip[9]};
		if (ip[0] == 0x45 && packet_get16(ip + 2) == packet->len && !(packet_get16(ip + 6) & 0xbfff))
			l4 = 20;
	} else if (packet->len >= 40 && packet->len <= LONGEST && ip[0] >> 4 == 6) {
		flow = (struct flow){.bytes = 32, .addresses = ip + 8, .protocol = ip[6]};
		if (packet_get16(ip + 4) == packet->len - 40)
			l4 = 40;
	}
	if (l4 && ((flow.protocol == IPPROTO_TCP && packet->len >= l4 + 20) ||
		   (flow.protocol == IPPROTO_UDP && packet->len >= l4 + 8)))
		flow.ports = ip + l4;
	return flow;
}

static bool may_be_one_flow(const struct flow *a, const struct flow *b)
{
	if (!a->bytes || !b->bytes)
		return true;
	if (a->bytes != b->bytes || memcmp(a->addresses, b->addresses, a->bytes) != 0)
		return false;
	return !a->ports || !b->ports || (a->protocol == b->protocol && !memcmp(a->ports, b->ports, 4));
}

const char *merged_wrong(const struct merge *merge, const struct merged_packet *packets, size_t count)
{
	size_t order[XESP_BURST_MAX], place = 0;
	struct flow flows[XESP_BURST_MAX];

	memset(order, 0xff, sizeof(order));
	for (size_t i = 0; i < merge->count; i++) {
		const struct merge_group *group = &merge->groups[i];
		const char *wrong = group->count > 1 ? group_wrong(merge, group, packets) : NULL;
		uint8_t at = group->first;

		if (wrong)
			return wrong;
		for (uint8_t n = 0; n < group->count; n++, at = merge->next[at]) {
			if (at >= count || order[at] != SIZE_MAX)
				return "a packet in two places";
			order[at] = place++;
		}
	}
	if (place != count)
		return "packets are missing";
	for (size_t i = 0; i < count; i++) {
		flows[i] = flow_of(&packets[i]);
		for (size_t j = 0; j < i; j++)
			if (order[j] > order[i] && may_be_one_flow(&flows[i], &flows[j]))
				return "packets of a flow in another order";
	}
	return NULL;
}
