/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of an IP packet stays in front of ESP, and the outer headers. Workers.
 *
 * In tunnel mode the outer header is made: TTL 64, DF as the inner packet has it (an IPv6 packet is as one
 * with DF), flow label copied from IPv6 to IPv6. In transport mode it is the host's, and in BEET mode its
 * fields are, where the families have them in common: as Linux does, and as BEET takes them back at the other
 * end; flags about DF, DSCP and ECN are about tunnel mode.
 */
#include <errno.h>
#include <netinet/in.h>

#include "dataplane/checksum.h"
#include "dataplane/esp_ecn.h"
#include "dataplane/esp_out.h"
#include "dataplane/esp_upper.h"
#include "dataplane/wire.h"

#define UDP_HEADER_BYTES 8
#define UDP_CHECKSUM 6
#define MARKER_BYTES 8

#define IPV4_ID 4
#define IPV4_TTL 8
#define IPV6_HOP_LIMIT 7
#define IPV4_DONT_FRAGMENT 0x4000
#define IPV4_FRAGMENT_MASK 0x3fff /* more fragments, offset */
#define IPV6_FLOW_LABEL_MASK 0x000fffff
#define IPV4_OPTION_NOP 1
#define EXTENSION_BYTES_MIN 8
#define TTL 64

/* ---- which part of a packet is the payload ------------------------------------------------------------ */

/* Bytes of the IPv4 header; 0: malformed. */
static uint32_t ipv4_header(const uint8_t *ip, uint32_t len)
{
	uint32_t header;

	if (len < IPV4_HEADER_BYTES)
		return 0;
	header = (ip[0] & 0x0fu) * 4;
	return header >= IPV4_HEADER_BYTES && header <= len ? header : 0;
}

/* RFC 7402 appendix B.5. Also without options in front of what the peer would take for something else. */
static bool needs_prefix(uint8_t next_header, uint32_t options)
{
	return options || next_header == IPPROTO_BEETPH || next_header == IPPROTO_NONE;
}

static void beet_prefix(uint32_t options, struct esp_out_split *split)
{
	uint8_t filling = options % 8 ? 0 : 4;

	split->prefix[0] = split->next_header;
	split->prefix[1] = (uint8_t)(options / 8);
	split->prefix[2] = filling;
	split->prefix[3] = 0;
	memset(split->prefix + 4, IPV4_OPTION_NOP, filling);
	split->prefix_bytes = (uint8_t)(4 + filling);
	split->next_header = IPPROTO_BEETPH;
}

static int split_ipv4(const struct sa_out *sa, uint32_t len, struct esp_out_split *split)
{
	const uint8_t *ip = split->inner;
	uint32_t header = ipv4_header(ip, len);

	if (!header)
		return -EINVAL;
	if (wire_get16(ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_MASK)
		return -EPROTONOSUPPORT;
	split->next_header = ip[IPV4_PROTOCOL];
	split->skip = header;
	if (sa->mode != SA_MODE_BEET)
		return 0;
	split->skip = IPV4_HEADER_BYTES;
	if (needs_prefix(split->next_header, header - IPV4_HEADER_BYTES))
		beet_prefix(header - IPV4_HEADER_BYTES, split);
	return 0;
}

/* Hop-by-hop options stay in front of ESP, destination options go into it (RFC 4303 section 3.1.1). */
static int take_hop_by_hop(uint32_t len, struct esp_out_split *split)
{
	const uint8_t *options = split->inner + IPV6_HEADER_BYTES;
	uint32_t bytes;

	if (split->next_header != IPPROTO_HOPOPTS)
		return 0;
	if (len < IPV6_HEADER_BYTES + EXTENSION_BYTES_MIN)
		return -EINVAL;
	bytes = (options[1] + 1u) * 8;
	if (IPV6_HEADER_BYTES + bytes > len)
		return -EINVAL;
	if (bytes > XESP_IPV6_EXTENSION_BYTES_MAX)
		return -EPROTONOSUPPORT;
	split->next_header = options[0];
	split->skip += bytes;
	return 0;
}

/* True if a routing header follows, perhaps behind destination options for its hops: it had to stand in front
 * of ESP, and the packet's last destination in the checksum of UDP, for none but Mobile IPv6. */
static bool has_routing(const uint8_t *at, uint32_t len, uint8_t next_header)
{
	while (next_header == IPPROTO_DSTOPTS && len >= EXTENSION_BYTES_MIN) {
		uint32_t bytes = (at[1] + 1u) * 8;

		if (bytes > len)
			return false;
		next_header = at[0];
		at += bytes;
		len -= bytes;
	}
	return next_header == IPPROTO_ROUTING;
}

static int split_ipv6(const struct sa_out *sa, uint32_t len, struct esp_out_split *split)
{
	uint8_t *ip = (uint8_t *)split->inner; /* esp_upper_find() writes nothing */
	struct esp_upper upper;
	int err;

	if (len < IPV6_HEADER_BYTES)
		return -EINVAL;
	split->next_header = ip[IPV6_NEXT_HEADER];
	split->skip = IPV6_HEADER_BYTES;
	esp_upper_find(6, split->next_header, 0, ip + IPV6_HEADER_BYTES, len - IPV6_HEADER_BYTES, &upper);
	if (!upper.known)
		return -EINVAL;
	if (upper.fragment)
		return -EPROTONOSUPPORT;
	if (sa->mode == SA_MODE_BEET)
		return 0;
	err = take_hop_by_hop(len, split);
	if (err)
		return err;
	return has_routing(ip + split->skip, len - split->skip, split->next_header) ? -EPROTONOSUPPORT : 0;
}

static bool family_fits(const struct sa_out *sa, uint8_t version)
{
	uint8_t family = version == 4 ? AF_INET : AF_INET6;

	switch (sa->mode) {
	case SA_MODE_TUNNEL: return true;
	case SA_MODE_BEET: return family == sa->params.selector.dst.addr.family;
	default: return family == sa->params.dst.family;
	}
}

int esp_out_split(const struct sa_out *sa, const uint8_t *inner, uint32_t len,
		  struct esp_out_split *ret_split)
{
	struct esp_out_split split = {.inner = inner};
	uint8_t version;
	int err;

	if (len < IPV4_HEADER_BYTES)
		return -EINVAL;
	version = inner[0] >> 4;
	if ((version != 4 && version != 6) || !family_fits(sa, version))
		return -EINVAL;
	if (sa->mode == SA_MODE_TUNNEL) {
		*ret_split = (struct esp_out_split){
			.inner = inner, .next_header = version == 4 ? IPPROTO_IPIP : IPPROTO_IPV6};
		return 0;
	}
	err = version == 4 ? split_ipv4(sa, len, &split) : split_ipv6(sa, len, &split);
	if (err)
		return err;
	*ret_split = split;
	return 0;
}

/* ---- headers ------------------------------------------------------------------------------------------- */

/* An outer header that is made. */
struct outer {
	uint8_t ds;
	uint8_t ttl;
	uint16_t id;
	uint16_t fragment;
	uint32_t flow_label;
};

/* Identification where a router may fragment: it does not come again for as long as it can. SAs between the
 * same addresses begin at different ones (RFC 6864 section 4.3). */
uint16_t esp_out_id(const struct sa_out *sa, uint32_t seq)
{
	return (uint16_t)(seq + (sa->spi ^ sa->spi >> 16));
}

static bool dont_fragment(const uint8_t *inner)
{
	return inner[0] >> 4 == 6 || (wire_get16(inner + IPV4_FRAGMENT) & IPV4_DONT_FRAGMENT);
}

static void outer_of_tunnel(const struct sa_out *sa, const uint8_t *inner, const uint8_t *esp,
			    struct outer *ret_outer)
{
	uint32_t flags = sa->params.flags;

	ret_outer->ds = inner ? esp_ecn_encapsulate(esp_ecn_get(inner[0] >> 4, inner), flags) : 0;
	ret_outer->ttl = TTL;
	ret_outer->id = esp_out_id(sa, wire_get32(esp + 4));
	/* A dummy packet looks as any small one would. */
	ret_outer->fragment = 0;
	if (!(flags & SA_FLAG_NO_PMTU_DISC) && (!inner || dont_fragment(inner)))
		ret_outer->fragment = IPV4_DONT_FRAGMENT;
	ret_outer->flow_label = inner && inner[0] >> 4 == 6 ? wire_get32(inner) & IPV6_FLOW_LABEL_MASK : 0;
}

static void outer_of_beet(const uint8_t *inner, struct outer *outer)
{
	outer->ds = esp_ecn_get(inner[0] >> 4, inner);
	if (inner[0] >> 4 == 6) {
		outer->ttl = inner[IPV6_HOP_LIMIT];
		return;
	}
	outer->ttl = inner[IPV4_TTL];
	outer->id = wire_get16(inner + IPV4_ID);
	outer->fragment = wire_get16(inner + IPV4_FRAGMENT) & IPV4_DONT_FRAGMENT;
}

static void outer_of(const struct sa_out *sa, const uint8_t *inner, const uint8_t *esp,
		     struct outer *ret_outer)
{
	outer_of_tunnel(sa, inner, esp, ret_outer);
	if (sa->mode == SA_MODE_BEET && inner)
		outer_of_beet(inner, ret_outer);
}

/* A whole header. Its checksum is that of what is about to be written: to load what was just written in
 * smaller pieces takes longer than all the rest. A source that is not known is 0. */
static void make_ipv4(const struct outer *outer, const struct sa_out_ends *ends, uint8_t protocol,
		      uint32_t payload, uint8_t *ip)
{
	uint32_t first = 0x45u << 24 | (uint32_t)outer->ds << 16 | (uint16_t)(IPV4_HEADER_BYTES + payload);
	uint32_t second = (uint32_t)outer->id << 16 | outer->fragment;
	uint32_t third = (uint32_t)outer->ttl << 24 | (uint32_t)protocol << 16;
	uint32_t src = wire_get32(ends->src.bytes), dst = wire_get32(ends->dst.bytes);

	/* RFC 1071 section 2: in any byte order, and by wider words. */
	third |= checksum_finish((uint64_t)first + second + third + src + dst);
	/* In pairs: of single words the compiler builds a vector, which takes longer. */
	wire_put64(ip, (uint64_t)first << 32 | second);
	wire_put64(ip + 8, (uint64_t)third << 32 | src);
	wire_put32(ip + IPV4_DST, dst);
}

/* In transport mode: what of the packet's own header becomes another. The source may be left to the packet.
 */
static void change_ipv4(const struct sa_out_ends *ends, uint8_t protocol, uint32_t header, uint32_t payload,
			uint8_t *ip)
{
	ip[IPV4_PROTOCOL] = protocol;
	wire_put16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(header + payload));
	if (ends->src.family != AF_UNSPEC)
		memcpy(ip + IPV4_SRC, ends->src.bytes, 4);
	memcpy(ip + IPV4_DST, ends->dst.bytes, 4);
	wire_store_checksum(ip + IPV4_CHECKSUM, 0);
	wire_store_checksum(ip + IPV4_CHECKSUM, checksum_finish(checksum_add(0, ip, header)));
}

/* Without what depends on the rest. */
static void make_ipv6(const struct outer *outer, uint8_t *ip)
{
	memset(ip, 0, IPV6_HEADER_BYTES);
	wire_put32(ip, 6u << 28 | (uint32_t)outer->ds << 20 | outer->flow_label);
	ip[IPV6_HOP_LIMIT] = outer->ttl;
}

static void change_ipv6(const struct sa_out_ends *ends, uint8_t protocol, uint32_t header, uint32_t payload,
			uint8_t *ip)
{
	/* Behind the fixed header there are hop-by-hop options or nothing. */
	ip[header > IPV6_HEADER_BYTES ? IPV6_HEADER_BYTES : IPV6_NEXT_HEADER] = protocol;
	wire_put16(ip + IPV6_PAYLOAD_LENGTH, (uint16_t)(header - IPV6_HEADER_BYTES + payload));
	if (ends->src.family != AF_UNSPEC)
		memcpy(ip + IPV6_SRC, ends->src.bytes, 16);
	memcpy(ip + IPV6_DST, ends->dst.bytes, 16);
}

/* The packet's own IP header as that of `payload` bytes behind it; returns its bytes. */
static uint32_t put_own_ip(const struct esp_out_split *split, bool is_ipv4, const struct sa_out_ends *ends,
			   uint8_t protocol, uint32_t payload, uint8_t *ip)
{
	memcpy(ip, split->inner, split->skip);
	if (is_ipv4)
		change_ipv4(ends, protocol, split->skip, payload, ip);
	else
		change_ipv6(ends, protocol, split->skip, payload, ip);
	return split->skip;
}

/* The same, one that is made. */
static uint32_t put_made_ip(const struct outer *outer, bool is_ipv4, const struct sa_out_ends *ends,
			    uint8_t protocol, uint32_t payload, uint8_t *ip)
{
	if (is_ipv4) {
		make_ipv4(outer, ends, protocol, payload, ip);
		return IPV4_HEADER_BYTES;
	}
	make_ipv6(outer, ip);
	change_ipv6(ends, protocol, IPV6_HEADER_BYTES, payload, ip);
	return IPV6_HEADER_BYTES;
}

static uint16_t udp_checksum(bool is_ipv4, const uint8_t *ip, const uint8_t *udp, uint32_t front,
			     const uint8_t *esp, uint32_t esp_len, bool partial)
{
	const uint8_t *src = ip + (is_ipv4 ? IPV4_SRC : IPV6_SRC),
		      *dst = ip + (is_ipv4 ? IPV4_DST : IPV6_DST);
	uint64_t sum = checksum_pseudo(is_ipv4 ? 4 : 6, src, dst, front + esp_len, IPPROTO_UDP);
	uint16_t checksum;

	if (partial)
		return (uint16_t)~checksum_finish(sum);
	sum = checksum_add(checksum_add(sum, udp, front), esp, esp_len);
	checksum = checksum_finish(sum);
	/* 0 would say that there is none (RFC 768). */
	return checksum ? checksum : 0xffff;
}

static void write_udp(const struct sa_out_ends *ends, uint32_t front, uint32_t esp_len, uint8_t *udp)
{
	uint32_t ports = (uint32_t)ends->sport << 16 | ends->dport;
	uint32_t rest = (front + esp_len) << 16; /* length, no checksum */

	wire_put64(udp, (uint64_t)ports << 32 | rest);
	if (front > UDP_HEADER_BYTES)
		memset(udp + UDP_HEADER_BYTES, 0, MARKER_BYTES);
}

static bool keeps_header(const struct sa_out *sa, const struct esp_out_split *split)
{
	return sa->mode == SA_MODE_TRANSPORT && split->inner;
}

static uint32_t front_bytes(const struct sa_out *sa)
{
	if (sa->form == XESP_FORM_NATIVE)
		return 0;
	return UDP_HEADER_BYTES + (sa->form == XESP_FORM_UDP_IKE ? MARKER_BYTES : 0);
}

uint32_t esp_out_header_bytes(const struct sa_out *sa, const struct esp_out_split *split)
{
	return keeps_header(sa, split) ? split->skip + front_bytes(sa) : sa->outer_bytes;
}

uint32_t esp_out_headers(const struct sa_out *sa, const struct esp_out_split *split, const uint8_t *esp,
			 uint32_t esp_len, bool checksum_partial, uint8_t *out)
{
	bool is_ipv4 = sa->params.dst.family == AF_INET;
	uint8_t protocol = sa->form == XESP_FORM_NATIVE ? IPPROTO_ESP : IPPROTO_UDP;
	uint32_t header, front = front_bytes(sa);
	struct sa_out_ends ends;
	struct outer outer;
	uint16_t checksum;

	sa_out_get_ends(sa, &ends);
	if (keeps_header(sa, split)) {
		header = put_own_ip(split, is_ipv4, &ends, protocol, front + esp_len, out);
	} else {
		outer_of(sa, split->inner, esp, &outer);
		header = put_made_ip(&outer, is_ipv4, &ends, protocol, front + esp_len, out);
	}
	if (front == 0)
		return header;
	write_udp(&ends, front, esp_len, out + header);
	if (checksum_partial || !is_ipv4) {
		checksum = udp_checksum(is_ipv4, out, out + header, front, esp, esp_len, checksum_partial);
		wire_store_checksum(out + header + UDP_CHECKSUM, checksum);
	}
	return header + front;
}
