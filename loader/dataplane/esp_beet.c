/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BEET mode. Pure; called by the worker that owns the SA.
 *
 * What a packet has one of is taken as it came: DS field, TTL or hop limit, flow label, DF and identification
 * are the outer header's. RFC 6040 combines the ECN fields of two headers; here the peer wrote its ECN field
 * into the only one there is, and a CE mark in it is one of this packet. Linux does the same. So the SA's
 * flags about ECN and DSCP say nothing in this mode.
 *
 * The upper-layer checksum was made with the inner addresses, which no NAT has seen: it is neither repaired
 * nor looked at, as in tunnel mode.
 */
#include "dataplane/esp_beet.h"

#include "dataplane/checksum.h"
#include "dataplane/esp_ecn.h"
#include "dataplane/esp_selector.h"
#include "dataplane/wire.h"

/* The pseudo-header that carries IPv4 options: next header, its length in 8 bytes without the first 8, length
 * of the padding in front of the options, a reserved byte. */
#define PSEUDO_HEADER_BYTES 4
#define IPV4_OPTIONS_MAX 40

#define IPV4_ID 4
#define IPV4_TTL 8
#define IPV6_HOP_LIMIT 7
#define IPV4_DONT_FRAGMENT 0x4000
#define FLOW_LABEL_MASK 0x000fffff

/* The inner packet, before its header is written. */
struct inner {
	uint8_t family; /* 4 or 6 */
	uint8_t protocol;
	uint8_t *data; /* options, payload */
	uint32_t options;
	uint32_t len; /* of the payload */
};

/* What the inner header has of the outer one; the one is written over the other. */
struct common {
	uint8_t ds;
	uint8_t ttl;
	uint16_t id;
	uint16_t fragment;
	uint32_t flow_label;
};

/* Padding is there to be ignored: old Linux kernels fill it with zeros instead of the options that do
 * nothing. */
static bool take_pseudo_header(struct inner *inner)
{
	const uint8_t *header = inner->data;
	uint32_t bytes, padding;

	if (inner->len < PSEUDO_HEADER_BYTES)
		return false;
	bytes = (header[1] + 1u) * 8;
	padding = header[2];
	if (bytes > inner->len || padding > bytes - PSEUDO_HEADER_BYTES)
		return false;
	inner->options = bytes - PSEUDO_HEADER_BYTES - padding;
	if (inner->options % 4 || inner->options > IPV4_OPTIONS_MAX)
		return false;
	inner->protocol = header[0];
	inner->data += PSEUDO_HEADER_BYTES + padding;
	inner->len -= bytes;
	return true;
}

static uint32_t header_bytes(const struct inner *inner)
{
	return inner->family == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
}

/* Where the inner header goes, with ESP_HEADROOM in front of it; NULL: nowhere. Outer headers and IV make
 * room for it, but for an IPv6 header behind native ESP in IPv4 with an IV of 8 bytes or none, or in UDP with
 * none: then the data moves back, over trailer and ICV. That is enough behind an Ethernet header, which all
 * frames of the classifier have: of the 40 + 12 bytes wanted there are 14 + 20 + 8, and each suite has 8 more
 * in IV and ICV, to which the trailer's 2 come. */
static uint8_t *make_room(const struct esp_packet *packet, struct inner *inner)
{
	uint32_t front = ESP_HEADROOM + header_bytes(inner);
	uint32_t end = (uint32_t)packet->meta.esp_offset + packet->meta.esp_length;
	uint32_t bytes = inner->options + inner->len;

	if (inner->data < packet->frame + front) {
		if (front + bytes > end)
			return NULL;
		memmove(packet->frame + front, inner->data, bytes);
		inner->data = packet->frame + front;
	}
	return inner->data - header_bytes(inner);
}

static struct common read_outer(const struct esp_packet *packet)
{
	const uint8_t *ip = packet->frame + packet->meta.l3_offset;

	if (packet->meta.family == 4)
		return (struct common){.ds = esp_ecn_get(4, ip),
				       .ttl = ip[IPV4_TTL],
				       .id = wire_get16(ip + IPV4_ID),
				       .fragment = wire_get16(ip + IPV4_FRAGMENT) & IPV4_DONT_FRAGMENT};
	/* IPv6 packets are never fragmented on their way; what does not fragment needs no identification (RFC
	 * 6864 section 4.1). */
	return (struct common){.ds = esp_ecn_get(6, ip),
			       .ttl = ip[IPV6_HOP_LIMIT],
			       .fragment = IPV4_DONT_FRAGMENT,
			       .flow_label = wire_get32(ip) & FLOW_LABEL_MASK};
}

static void write_ipv4(uint8_t *ip, const struct inner *inner, const struct common *common,
		       const struct sa_selector *sel)
{
	uint32_t header = IPV4_HEADER_BYTES + inner->options;

	ip[0] = (uint8_t)(0x40 | header / 4);
	ip[1] = common->ds;
	wire_put16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(header + inner->len));
	wire_put16(ip + IPV4_ID, common->id);
	wire_put16(ip + IPV4_FRAGMENT, common->fragment);
	ip[IPV4_TTL] = common->ttl;
	ip[IPV4_PROTOCOL] = inner->protocol;
	wire_store_checksum(ip + IPV4_CHECKSUM, 0);
	memcpy(ip + IPV4_SRC, sel->src.addr.bytes, 4);
	memcpy(ip + IPV4_DST, sel->dst.addr.bytes, 4);
	wire_store_checksum(ip + IPV4_CHECKSUM, checksum_finish(checksum_add(0, ip, header)));
}

static void write_ipv6(uint8_t *ip, const struct inner *inner, const struct common *common,
		       const struct sa_selector *sel)
{
	wire_put32(ip, 6u << 28 | (uint32_t)common->ds << 20 | common->flow_label);
	wire_put16(ip + IPV6_PAYLOAD_LENGTH, (uint16_t)inner->len);
	ip[IPV6_NEXT_HEADER] = inner->protocol;
	ip[IPV6_HOP_LIMIT] = common->ttl;
	memcpy(ip + IPV6_SRC, sel->src.addr.bytes, 16);
	memcpy(ip + IPV6_DST, sel->dst.addr.bytes, 16);
}

/* The pseudo-header off, what the selector says beside the addresses checked, padding behind UDP cut off. */
static enum xesp_reason take_inner(const struct sa *sa, struct inner *inner)
{
	const struct sa_selector *sel = &sa->params.selector;
	struct esp_upper upper;

	if (inner->protocol == IPPROTO_BEETPH) {
		if (inner->family != 4)
			return XESP_REASON_NEXT_HEADER;
		if (!take_pseudo_header(inner))
			return XESP_REASON_INNER_HEADER;
	}
	esp_upper_find(inner->family, inner->protocol, 0, inner->data + inner->options, inner->len, &upper);
	if ((sa->steps & SA_STEP_SELECTOR) &&
	    !esp_selector_match(sel, inner->family, sel->src.addr.bytes, sel->dst.addr.bytes, &upper))
		return XESP_REASON_SELECTOR;
	inner->len -= esp_upper_trim(&upper);
	return XESP_REASON_NONE;
}

enum xesp_reason esp_beet_open(struct esp_packet *packet, uint8_t next_header, uint8_t *payload, uint32_t len)
{
	const struct sa_selector *sel = &packet->sa->params.selector;
	struct inner inner = {
		.family = sel->dst.addr.family == AF_INET6 ? 6 : 4,
		.protocol = next_header,
		.data = payload,
		.len = len,
	};
	const struct common common = read_outer(packet);
	enum xesp_reason reason = take_inner(packet->sa, &inner);
	uint8_t *ip;

	if (reason != XESP_REASON_NONE)
		return reason;
	ip = make_room(packet, &inner);
	if (!ip)
		return XESP_REASON_BAD_META;
	if (inner.family == 4)
		write_ipv4(ip, &inner, &common, sel);
	else
		write_ipv6(ip, &inner, &common, sel);
	packet->packet = ip;
	packet->packet_len = header_bytes(&inner) + inner.options + inner.len;
	return XESP_REASON_DELIVERED;
}
