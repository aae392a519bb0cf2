/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Merging. The worker's thread.
 *
 * The rule behind all others is that segmentation gives back what was merged: headers are equal but for what
 * segmentation counts up or computes, and those fields have the values that it will compute.
 */
#include "dataplane/merge.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "dataplane/checksum.h"
#include "dataplane/gso.h"
#include "dataplane/wire.h"

#define IPV4_ID 4
#define IPV4_DF 0x4000
#define IP_LENGTH_MAX 65535
#define TCP_HEADER_BYTES 20
#define TCP_SEQ 4
#define TCP_ACK_NUMBER 8
#define TCP_DATA_OFFSET 12
#define TCP_FLAGS 13
#define TCP_WINDOW 14
#define TCP_CHECKSUM 16
#define TCP_URGENT 18
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define UDP_HEADER_BYTES 8
#define UDP_LENGTH 4
#define UDP_CHECKSUM 6

/* Shorter segments of TCP are made by nobody who has more to send, and Linux takes none of them for
 * segmentation (TCP_MIN_GSO_SIZE). */
#define TCP_SEGMENT_MIN 8

/* What can be said of a packet's flow. */
enum flow { FLOW_UNKNOWN, FLOW_ADDRESSES, FLOW_PORTS };

struct segment {
	const uint8_t *ip;
	uint32_t len;
	uint32_t payload;
	uint16_t header_bytes;
	uint8_t l4;
	uint8_t family;
	uint8_t protocol;
	uint8_t flow; /* enum flow */
	uint8_t kind; /* enum merge_kind */
};

/* ---- reading ------------------------------------------------------------------------------------------ */

static bool parse_ipv4(struct segment *segment)
{
	const uint8_t *ip = segment->ip;

	segment->flow = FLOW_ADDRESSES;
	segment->l4 = IPV4_HEADER_BYTES;
	segment->protocol = ip[IPV4_PROTOCOL];
	return ip[0] == 0x45 && wire_get16(ip + IPV4_TOTAL_LENGTH) == segment->len &&
	       (wire_get16(ip + IPV4_FRAGMENT) & ~IPV4_DF) == 0;
}

/* Behind extension headers no transport header is looked for. */
static bool parse_ipv6(struct segment *segment)
{
	const uint8_t *ip = segment->ip;

	if (segment->len < IPV6_HEADER_BYTES)
		return false;
	segment->flow = FLOW_ADDRESSES;
	segment->l4 = IPV6_HEADER_BYTES;
	segment->protocol = ip[IPV6_NEXT_HEADER];
	return (uint32_t)wire_get16(ip + IPV6_PAYLOAD_LENGTH) + IPV6_HEADER_BYTES == segment->len;
}

/* Data and nothing else. The two zeros of one's complement are good checksums alike, but segmentation makes
 * one of them, so a segment with either stays alone: one in 32,768. */
static void parse_tcp(struct segment *segment)
{
	const uint8_t *tcp = segment->ip + segment->l4;
	uint16_t checksum;
	uint32_t bytes;

	if (segment->len < (uint32_t)segment->l4 + TCP_HEADER_BYTES)
		return;
	segment->flow = FLOW_PORTS;
	bytes = (tcp[TCP_DATA_OFFSET] >> 4) * 4u;
	checksum = wire_load_checksum(tcp + TCP_CHECKSUM);
	if (bytes < TCP_HEADER_BYTES || segment->l4 + bytes >= segment->len ||
	    (tcp[TCP_DATA_OFFSET] & 0x0f) || (tcp[TCP_FLAGS] & ~TCP_PSH) != TCP_ACK || checksum == 0 ||
	    checksum == 0xffff)
		return;
	segment->header_bytes = (uint16_t)(segment->l4 + bytes);
	segment->kind = MERGE_TCP;
}

/* A datagram without a checksum would get one. */
static void parse_udp(struct segment *segment, bool wanted)
{
	const uint8_t *udp = segment->ip + segment->l4;

	if (segment->len < (uint32_t)segment->l4 + UDP_HEADER_BYTES)
		return;
	segment->flow = FLOW_PORTS;
	if (!wanted || segment->len == (uint32_t)segment->l4 + UDP_HEADER_BYTES ||
	    wire_get16(udp + UDP_LENGTH) != segment->len - segment->l4 ||
	    wire_load_checksum(udp + UDP_CHECKSUM) == 0)
		return;
	segment->header_bytes = (uint16_t)(segment->l4 + UDP_HEADER_BYTES);
	segment->kind = MERGE_UDP;
}

static struct segment parse(const uint8_t *ip, uint32_t len, bool udp)
{
	struct segment segment = {.ip = ip, .len = len};

	if (len < IPV4_HEADER_BYTES || len > IP_LENGTH_MAX)
		return segment;
	segment.family = ip[0] >> 4;
	if (segment.family == 4 ? !parse_ipv4(&segment) : segment.family != 6 || !parse_ipv6(&segment))
		return segment;
	if (segment.protocol == IPPROTO_TCP)
		parse_tcp(&segment);
	else if (segment.protocol == IPPROTO_UDP)
		parse_udp(&segment, udp);
	if (segment.kind != MERGE_NONE)
		segment.payload = len - segment.header_bytes;
	return segment;
}

/* ---- comparing ---------------------------------------------------------------------------------------- */

static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t from, size_t to)
{
	return !memcmp(a + from, b + from, to - from);
}

/* Of a packet whose ports are not known, or that is no TCP or UDP, any flow between its hosts may be meant.
 */
static bool may_be_flow_of(const struct merge_group *group, const struct segment *segment)
{
	if (segment->flow == FLOW_UNKNOWN)
		return true;
	if (group->family != segment->family)
		return false;
	if (segment->flow == FLOW_PORTS &&
	    (segment->protocol != (group->kind == MERGE_TCP ? IPPROTO_TCP : IPPROTO_UDP) ||
	     memcmp(group->ip + group->l4, segment->ip + segment->l4, 4) != 0))
		return false;
	if (group->family == 4)
		return same_bytes(group->ip, segment->ip, IPV4_SRC, IPV4_HEADER_BYTES);
	return same_bytes(group->ip, segment->ip, IPV6_SRC, IPV6_HEADER_BYTES);
}

/* Segmentation counts the identification up. With DF it says nothing, and what looks at it anyway is wrong
 * (RFC 6864 section 4.1), so senders that leave it at one value are merged as well; cut again, it is counted
 * up. */
static bool id_fits(const struct merge_group *group, const struct segment *segment, bool *ret_same)
{
	uint16_t first = wire_get16(group->ip + IPV4_ID), id = wire_get16(segment->ip + IPV4_ID);
	bool same = id == first;

	if (same ? !(wire_get16(group->ip + IPV4_FRAGMENT) & IPV4_DF)
		 : id != (uint16_t)(first + group->count))
		return false;
	if (group->count > 1 && same != group->same_id)
		return false;
	*ret_same = same;
	return true;
}

/* All of the header but lengths, identification and checksum: in IPv6 flow label and traffic class are in the
 * first word. */
static bool ip_fits(const struct merge_group *group, const struct segment *segment, bool *ret_same_id)
{
	const uint8_t *a = group->ip, *b = segment->ip;

	if (group->family == 6)
		return same_bytes(a, b, 0, IPV6_PAYLOAD_LENGTH) &&
		       same_bytes(a, b, IPV6_NEXT_HEADER, IPV6_HEADER_BYTES);
	return same_bytes(a, b, 0, IPV4_TOTAL_LENGTH) && same_bytes(a, b, IPV4_FRAGMENT, IPV4_CHECKSUM) &&
	       id_fits(group, segment, ret_same_id);
}

/* All of the header but sequence number, PSH and checksum. */
static bool tcp_fits(const struct merge_group *group, const struct segment *segment)
{
	const uint8_t *a = group->ip + group->l4, *b = segment->ip + segment->l4;

	return wire_get32(b + TCP_SEQ) == (uint32_t)(wire_get32(a + TCP_SEQ) + group->payload) &&
	       same_bytes(a, b, TCP_ACK_NUMBER, TCP_FLAGS) && same_bytes(a, b, TCP_WINDOW, TCP_CHECKSUM) &&
	       same_bytes(a, b, TCP_URGENT, (size_t)group->header_bytes - group->l4);
}

static bool fits(const struct merge_group *group, const struct segment *segment, bool *ret_same_id)
{
	return group->kind == segment->kind && group->header_bytes == segment->header_bytes &&
	       segment->payload <= group->segment &&
	       group->header_bytes + group->payload + segment->payload <= IP_LENGTH_MAX &&
	       ip_fits(group, segment, ret_same_id) && (group->kind == MERGE_UDP || tcp_fits(group, segment));
}

/* Header and payload, which segmentation sums anew. An IPv4 header's checksum of the zero that it never makes
 * is taken for wrong. */
static bool checksums_good(uint8_t family, uint8_t kind, const uint8_t *ip, uint32_t len)
{
	uint32_t l4 = family == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
	const uint8_t *src = ip + (family == 4 ? IPV4_SRC : IPV6_SRC);
	const uint8_t *dst = ip + (family == 4 ? IPV4_DST : IPV6_DST);
	uint64_t sum =
		checksum_pseudo(family, src, dst, len - l4, kind == MERGE_TCP ? IPPROTO_TCP : IPPROTO_UDP);

	if (family == 4 && (checksum_finish(checksum_add(0, ip, IPV4_HEADER_BYTES)) != 0 ||
			    wire_load_checksum(ip + IPV4_CHECKSUM) == 0xffff))
		return false;
	return checksum_finish(checksum_add(sum, ip + l4, len - l4)) == 0;
}

/* ---- groups ------------------------------------------------------------------------------------------- */

static void close_group(struct merge *merge, size_t place)
{
	merge->open_count--;
	memmove(&merge->open[place], &merge->open[place + 1], merge->open_count - place);
}

/* What comes after it would not be in its place. */
static bool is_last(const struct segment *segment)
{
	return segment->kind == MERGE_TCP && (segment->ip[segment->l4 + TCP_FLAGS] & TCP_PSH);
}

static void new_group(struct merge *merge, uint8_t i, const struct segment *segment)
{
	struct merge_group *group = &merge->groups[merge->count];

	*group = (struct merge_group){.ip = segment->ip,
				      .len = segment->len,
				      .payload = segment->payload,
				      .segment = (uint16_t)segment->payload,
				      .header_bytes = segment->header_bytes,
				      .l4 = segment->l4,
				      .family = segment->family,
				      .kind = segment->kind,
				      .count = 1,
				      .first = i,
				      .last = i};
	if (segment->kind != MERGE_NONE && !is_last(segment) &&
	    (segment->kind == MERGE_UDP || segment->payload >= TCP_SEGMENT_MIN)) {
		if (merge->open_count == MERGE_OPEN_MAX)
			close_group(merge, 0);
		merge->open[merge->open_count++] = merge->count;
	}
	merge->count++;
}

/* The first packet is summed when there is a second: most packets of many flows have none. */
static bool grow(struct merge *merge, struct merge_group *group, uint8_t i, const struct segment *segment)
{
	bool same_id = false;

	if (!fits(group, segment, &same_id) ||
	    (group->count == 1 && !checksums_good(group->family, group->kind, group->ip, group->len)) ||
	    !checksums_good(segment->family, segment->kind, segment->ip, segment->len))
		return false;
	merge->next[group->last] = i;
	group->last = i;
	group->count++;
	group->payload += segment->payload;
	group->same_id = same_id;
	group->pushed = is_last(segment);
	return true;
}

void merge_begin(struct merge *merge, bool udp)
{
	merge->count = 0;
	merge->open_count = 0;
	merge->udp = udp;
}

void merge_add(struct merge *merge, uint8_t i, const uint8_t *packet, uint32_t len)
{
	struct segment segment = parse(packet, len, merge->udp);
	bool merged = false;

	for (size_t place = 0; place < merge->open_count;) {
		struct merge_group *group = &merge->groups[merge->open[place]];

		if (!may_be_flow_of(group, &segment)) {
			place++;
			continue;
		}
		/* Of a flow with ports one group is open. */
		merged = segment.kind != MERGE_NONE && grow(merge, group, i, &segment);
		if (merged && segment.payload == group->segment && !group->pushed)
			return;
		close_group(merge, place);
		if (segment.flow == FLOW_PORTS)
			break;
	}
	if (!merged)
		new_group(merge, i, &segment);
}

/* ---- writing ------------------------------------------------------------------------------------------ */

static void write_ip(const struct merge_group *group, uint8_t *ip, uint32_t len)
{
	if (group->family == 6) {
		wire_put16(ip + IPV6_PAYLOAD_LENGTH, (uint16_t)(len - IPV6_HEADER_BYTES));
		return;
	}
	wire_put16(ip + IPV4_TOTAL_LENGTH, (uint16_t)len);
	wire_store_checksum(ip + IPV4_CHECKSUM, 0);
	wire_store_checksum(ip + IPV4_CHECKSUM, checksum_finish(checksum_add(0, ip, IPV4_HEADER_BYTES)));
}

void merge_headers(const struct merge_group *group, struct virtio_net_hdr *ret_header, uint8_t *ret_headers)
{
	bool tcp = group->kind == MERGE_TCP;
	uint8_t *l4 = ret_headers + group->l4;
	uint32_t len = group->header_bytes + group->payload;
	uint16_t checksum_offset = tcp ? TCP_CHECKSUM : UDP_CHECKSUM;
	uint64_t pseudo;

	memcpy(ret_headers, group->ip, group->header_bytes);
	write_ip(group, ret_headers, len);
	if (tcp && group->pushed)
		l4[TCP_FLAGS] |= TCP_PSH;
	if (!tcp)
		wire_put16(l4 + UDP_LENGTH, (uint16_t)(len - group->l4));
	pseudo = checksum_pseudo(group->family, ret_headers + (group->family == 4 ? IPV4_SRC : IPV6_SRC),
				 ret_headers + (group->family == 4 ? IPV4_DST : IPV6_DST), len - group->l4,
				 tcp ? IPPROTO_TCP : IPPROTO_UDP);
	wire_store_checksum(l4 + checksum_offset, (uint16_t)~checksum_finish(pseudo));
	*ret_header = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = !tcp		 ? VIRTIO_NET_HDR_GSO_UDP_L4
			    : group->family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4
						 : VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = group->header_bytes,
		.gso_size = group->segment,
		.csum_start = group->l4,
		.csum_offset = checksum_offset,
	};
}
