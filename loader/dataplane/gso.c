/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segmentation of what the host sends. Workers.
 *
 * Checksums that are left out hold the pseudo-header's sum, of all segments together: what is put in is that
 * sum with the length exchanged, and so right behind an IPv6 routing header as well.
 */
#include "dataplane/gso.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "dataplane/checksum.h"
#include "dataplane/esp_upper.h"
#include "dataplane/wire.h"

#define IPV4_ID 4
#define UDP_HEADER_BYTES 8
#define UDP_LENGTH 4
#define UDP_CHECKSUM 6
#define TCP_HEADER_BYTES 20
#define TCP_SEQ 4
#define TCP_DATA_OFFSET 12
#define TCP_FLAGS 13
#define TCP_CHECKSUM 16
#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

/* Linux sends no shorter TCP segments than with an MSS of 48 and all of its options. */
#define TCP_SEGMENT_MIN 8
/* Eight times what Linux takes of an application. */
#define UDP_SEGMENTS_MAX 1024

/* ---- reading ------------------------------------------------------------------------------------------ */

/* The IP header's view of family and length, and the upper layer. */
static int parse_ip(const uint8_t *packet, size_t len, struct gso *gso, struct esp_upper *ret_upper)
{
	uint8_t *ip = (uint8_t *)packet; /* esp_upper_find() writes nothing */
	uint32_t header = IPV6_HEADER_BYTES;

	if (len < IPV4_HEADER_BYTES)
		return -EINVAL;
	gso->packet = packet;
	gso->family = packet[0] >> 4;
	if (gso->family == 4) {
		header = (packet[0] & 0x0fu) * 4;
		gso->len = wire_get16(packet + IPV4_TOTAL_LENGTH);
	} else if (gso->family == 6 && len >= IPV6_HEADER_BYTES) {
		gso->len = (uint32_t)IPV6_HEADER_BYTES + wire_get16(packet + IPV6_PAYLOAD_LENGTH);
	} else {
		return -EINVAL;
	}
	if (header < IPV4_HEADER_BYTES || header > gso->len || gso->len > len)
		return -EINVAL;
	esp_upper_find(gso->family, packet[gso->family == 4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER],
		       gso->family == 4 ? wire_get16(packet + IPV4_FRAGMENT) : 0, ip + header,
		       gso->len - header, ret_upper);
	return 0;
}

/* One packet; the host may have left its checksum out. */
static int parse_one(const struct virtio_net_hdr *header, struct gso *gso)
{
	uint32_t fixed = gso->family == 4 ? (gso->packet[0] & 0x0fu) * 4 : IPV6_HEADER_BYTES;

	gso->kind = GSO_NONE;
	gso->count = 1;
	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return 0;
	if (header->csum_start < fixed ||
	    (uint32_t)header->csum_start + header->csum_offset + sizeof(uint16_t) > gso->len)
		return -EINVAL;
	gso->csum_start = header->csum_start;
	gso->csum_offset = header->csum_offset;
	return 0;
}

static int transport_header(const struct gso *gso, const struct esp_upper *upper, uint16_t csum_offset,
			    uint32_t *ret_bytes)
{
	bool tcp = gso->kind == GSO_TCP;
	uint32_t bytes = UDP_HEADER_BYTES;

	if (upper->protocol != (tcp ? IPPROTO_TCP : IPPROTO_UDP) ||
	    csum_offset != (tcp ? TCP_CHECKSUM : UDP_CHECKSUM))
		return -EINVAL;
	if (tcp) {
		if (upper->len < TCP_HEADER_BYTES)
			return -EINVAL;
		bytes = (upper->header[TCP_DATA_OFFSET] >> 4) * 4u;
	}
	if (bytes < (tcp ? TCP_HEADER_BYTES : UDP_HEADER_BYTES) || bytes > upper->len)
		return -EINVAL;
	*ret_bytes = bytes;
	return 0;
}

/* Many packets. */
static int parse_many(const struct virtio_net_hdr *header, const struct esp_upper *upper, struct gso *gso)
{
	uint32_t transport, payload;
	int err;

	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || !header->gso_size)
		return -EINVAL;
	if (!upper->known || upper->fragment || !upper->header ||
	    upper->header != gso->packet + header->csum_start)
		return -EINVAL;
	err = transport_header(gso, upper, header->csum_offset, &transport);
	if (err)
		return err;
	if (header->csum_start + transport > GSO_HEADER_MAX)
		return -EINVAL;
	gso->l4_offset = header->csum_start;
	gso->header_bytes = (uint16_t)(header->csum_start + transport);
	gso->segment_bytes = header->gso_size;
	payload = gso->len - gso->header_bytes;
	gso->count = payload ? (payload + header->gso_size - 1) / header->gso_size : 1;
	if (gso->kind == GSO_TCP ? header->gso_size < TCP_SEGMENT_MIN : gso->count > UDP_SEGMENTS_MAX)
		return -EINVAL;
	return 0;
}

int gso_parse(const struct virtio_net_hdr *header, const uint8_t *packet, size_t len, struct gso *ret_gso)
{
	struct gso gso = {0};
	struct esp_upper upper;
	uint8_t family = 0;
	int err = parse_ip(packet, len, &gso, &upper);

	if (err)
		return err;
	switch (header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE: family = gso.family; break;
	case VIRTIO_NET_HDR_GSO_TCPV4: family = 4, gso.kind = GSO_TCP; break;
	case VIRTIO_NET_HDR_GSO_TCPV6: family = 6, gso.kind = GSO_TCP; break;
	case VIRTIO_NET_HDR_GSO_UDP_L4: family = gso.family, gso.kind = GSO_UDP; break;
	default: return -EPROTONOSUPPORT;
	}
	if (family != gso.family)
		return -EINVAL;
	err = gso.kind == GSO_NONE ? parse_one(header, &gso) : parse_many(header, &upper, &gso);
	if (!err)
		*ret_gso = gso;
	return err;
}

/* ---- writing ------------------------------------------------------------------------------------------ */

/* Copies, and returns the sum as checksum_add() would. Eight bytes at a time: their sum may carry out of 64
 * bits, and 2^64 is 1 in one's complement. */
static uint64_t copy_and_sum(uint8_t *out, const uint8_t *in, size_t bytes)
{
	unsigned __int128 sum = 0;
	uint64_t folded;

	for (; bytes >= 32; bytes -= 32, in += 32, out += 32) {
		uint64_t words[4];

		memcpy(words, in, sizeof(words));
		memcpy(out, words, sizeof(words));
		sum += words[0];
		sum += words[1];
		sum += words[2];
		sum += words[3];
	}
	memcpy(out, in, bytes);
	folded = (uint64_t)sum + (uint64_t)(sum >> 64);
	folded += folded < (uint64_t)sum;
	folded = (folded & 0xffffffff) + (folded >> 32);
	return checksum_add(folded, in, bytes);
}

/* Of the checksum that stands for none in UDP the other zero is sent, as Linux does for every protocol whose
 * checksum it completes. */
static void fill_in(uint8_t *at, uint64_t sum, bool avoid_zero)
{
	uint16_t checksum = checksum_finish(sum);

	wire_store_checksum(at, checksum == 0 && avoid_zero ? 0xffff : checksum);
}

static uint32_t write_one(const struct gso *gso, uint32_t skip, uint8_t *out)
{
	uint32_t before;

	if (!gso->csum_start || gso->csum_start < skip) {
		memcpy(out, gso->packet + skip, gso->len - skip);
		return gso->len - skip;
	}
	before = gso->csum_start - skip;
	memcpy(out, gso->packet + skip, before);
	fill_in(out + before + gso->csum_offset,
		copy_and_sum(out + before, gso->packet + gso->csum_start, gso->len - gso->csum_start), true);
	return gso->len - skip;
}

static void write_ip(const struct gso *gso, uint32_t i, uint32_t bytes, uint8_t *ip)
{
	if (gso->family == 6) {
		wire_put16(ip + IPV6_PAYLOAD_LENGTH, (uint16_t)(bytes - IPV6_HEADER_BYTES));
		return;
	}
	wire_put16(ip + IPV4_TOTAL_LENGTH, (uint16_t)bytes);
	wire_put16(ip + IPV4_ID, (uint16_t)(wire_get16(ip + IPV4_ID) + i));
	wire_store_checksum(ip + IPV4_CHECKSUM, 0);
	wire_store_checksum(ip + IPV4_CHECKSUM, checksum_finish(checksum_add(0, ip, (ip[0] & 0x0fu) * 4u)));
}

/* What ends the flow or pushes it is said by the last segment alone, that the window was reduced by the first
 * (RFC 3168 section 6.1.2). */
static void write_tcp(const struct gso *gso, uint32_t i, uint8_t *tcp)
{
	wire_put32(tcp + TCP_SEQ, wire_get32(tcp + TCP_SEQ) + i * gso->segment_bytes);
	if (i)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
	if (i < gso->count - 1)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
}

/* The sum that stands in the checksum's place, of a segment's length instead of all bytes'. */
static uint64_t pseudo_of(const struct gso *gso, const uint8_t *checksum, uint32_t bytes)
{
	uint16_t all = (uint16_t)~htons((uint16_t)(gso->len - gso->l4_offset));
	uint16_t here = htons((uint16_t)(bytes - gso->l4_offset));

	return (uint64_t)wire_load_checksum(checksum) + all + here;
}

uint32_t gso_segment_bytes(const struct gso *gso, uint32_t i)
{
	if (gso->kind == GSO_NONE)
		return gso->len;
	if (i < gso->count - 1)
		return (uint32_t)gso->header_bytes + gso->segment_bytes;
	return gso->len - i * gso->segment_bytes;
}

uint32_t gso_segment(const struct gso *gso, uint32_t i, uint32_t skip, uint8_t *out)
{
	uint32_t bytes = gso_segment_bytes(gso, i);
	uint8_t header[GSO_HEADER_MAX], *checksum;
	const uint8_t *payload;
	uint64_t sum;

	if (gso->kind == GSO_NONE)
		return write_one(gso, skip, out);
	memcpy(header, gso->packet, gso->header_bytes);
	write_ip(gso, i, bytes, header);
	checksum = header + gso->l4_offset + (gso->kind == GSO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
	sum = pseudo_of(gso, checksum, bytes);
	wire_store_checksum(checksum, 0);
	if (gso->kind == GSO_TCP)
		write_tcp(gso, i, header + gso->l4_offset);
	else
		wire_put16(header + gso->l4_offset + UDP_LENGTH, (uint16_t)(bytes - gso->l4_offset));
	sum = checksum_add(sum, header + gso->l4_offset, gso->header_bytes - gso->l4_offset);
	payload = gso->packet + gso->header_bytes + (size_t)i * gso->segment_bytes;
	sum += copy_and_sum(out + gso->header_bytes - skip, payload, bytes - gso->header_bytes);
	fill_in(checksum, sum, gso->kind == GSO_UDP);
	memcpy(out, header + skip, gso->header_bytes - skip);
	return bytes - skip;
}
