/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the first byte of the frame to the transport header. What the capabilities do not include (fragments,
 * more VLAN tags) is refused here with a reason of its own; with options and extension headers options.h goes
 * on. Pure.
 */
#ifndef XESP_BPF_PARSE_H
#define XESP_BPF_PARSE_H

#include "env.h"

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#include "packet.h"

/* Keeps what ESP does not come through out of its straight line. */
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define IPV4_FRAGMENTED 0x3fff /* more-fragments flag and offset */
#define IPV4_HEADER_WORDS 5    /* 32-bit words without options */

#ifndef IPPROTO_MH
#define IPPROTO_MH 135
#endif
#define IPPROTO_HIP 139
#define IPPROTO_SHIM6 140

/* Not struct ethhdr: that one is packed, and read byte by byte. */
struct link_header {
	__u8 addresses[2 * ETH_ALEN];
	__be16 proto;
};

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

static __always_inline bool is_tag(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

/* Finds the IP header behind at most two VLAN tags; `ret_proto` is the EtherType in front of it. */
static __always_inline enum xesp_reason parse_link(struct packet *pkt, __be16 *ret_proto)
{
	const struct link_header *eth = (const struct link_header *)pkt->begin;
	const __u8 *pos = (const __u8 *)(eth + 1);
	__be16 proto;

	if (pos > pkt->end)
		return XESP_REASON_TRUNCATED;
	proto = eth->proto;
	for (int tags = 0; UNLIKELY(is_tag(proto)); tags++) {
		const struct vlan_tag *tag = (const struct vlan_tag *)pos;

		if (tags == XESP_VLAN_TAGS_MAX)
			return XESP_REASON_VLAN_DEPTH;
		pos += sizeof(*tag);
		if (pos > pkt->end)
			return XESP_REASON_TRUNCATED;
		proto = tag->proto;
	}
	pkt->ip = pos;
	*ret_proto = proto;
	return XESP_REASON_NONE;
}

/* RFC 1071: folded, the sum over a header with its checksum is all ones. A sum of 32-bit words folds to that
 * if 65535 divides it, which one multiplication tells: by the inverse of 65535 modulo 2^64, multiples, and
 * nothing else, become at most 2^64 / 65535. The sum is not 0, since the version is not. */
static __always_inline bool ipv4_checksum_ok(const struct iphdr *ip)
{
	const __u32 *words = (const __u32 *)ip;
	__u64 sum = 0;

	for (int i = 0; i < IPV4_HEADER_WORDS; i++)
		sum += words[i];
	return sum * 0xfffefffefffeffffull <= 0x0001000100010001ull;
}

/* `length` bytes from the IP header on are in the frame. Only the lengths of packets that do not lie in the
 * directly readable part cost a call. */
static __always_inline bool in_frame(CTX *ctx, const struct packet *pkt, __u32 length)
{
	__u32 readable = (__u32)(pkt->end - pkt->ip);

	if (length <= readable)
		return true;
	return length <= frame_length(ctx) - (__u64)(pkt->ip - pkt->begin);
}

static __always_inline enum xesp_reason parse_ipv4(CTX *ctx, struct packet *pkt)
{
	const struct iphdr *ip = (const struct iphdr *)pkt->ip;
	__u32 total, header;

	if ((const __u8 *)(ip + 1) > pkt->end)
		return XESP_REASON_TRUNCATED;
	header = ip->ihl * 4u;
	if (ip->version != 4 || header < sizeof(*ip))
		return XESP_REASON_IP_HEADER;
	total = bpf_ntohs(ip->tot_len);
	if (total < header || !in_frame(ctx, pkt, total))
		return XESP_REASON_IP_LENGTH;
	if (ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_ESP)
		return XESP_REASON_NOT_IPSEC;
	if (header != sizeof(*ip))
		return XESP_REASON_IP_OPTIONS;
	/* RFC 4303 section 3.4.1: reassembly comes before ESP. */
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENTED))
		return XESP_REASON_FRAGMENT;
	if (!ipv4_checksum_ok(ip))
		return XESP_REASON_IP_CHECKSUM;
	pkt->family = 4;
	pkt->protocol = ip->protocol;
	pkt->transport = (const __u8 *)(ip + 1);
	pkt->ip_payload = total - header;
	return XESP_REASON_NONE;
}

static __always_inline enum xesp_reason ipv6_next_header(__u8 next)
{
	switch (next) {
	case IPPROTO_UDP:
	case IPPROTO_ESP: return XESP_REASON_NONE;
	case IPPROTO_FRAGMENT: return XESP_REASON_FRAGMENT;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
	case IPPROTO_HIP:
	case IPPROTO_SHIM6: return XESP_REASON_IPV6_EXT;
	default: return XESP_REASON_NOT_IPSEC;
	}
}

static __always_inline enum xesp_reason parse_ipv6(CTX *ctx, struct packet *pkt)
{
	const struct ipv6hdr *ip = (const struct ipv6hdr *)pkt->ip;
	enum xesp_reason reason;

	if ((const __u8 *)(ip + 1) > pkt->end)
		return XESP_REASON_TRUNCATED;
	if (ip->version != 6)
		return XESP_REASON_IP_HEADER;
	reason = ipv6_next_header(ip->nexthdr);
	if (reason)
		return reason;
	pkt->family = 6;
	pkt->protocol = ip->nexthdr;
	pkt->transport = (const __u8 *)(ip + 1);
	pkt->ip_payload = bpf_ntohs(ip->payload_len);
	if (!in_frame(ctx, pkt, (__u32)sizeof(*ip) + pkt->ip_payload))
		return XESP_REASON_IP_LENGTH;
	return XESP_REASON_NONE;
}

static __always_inline enum xesp_reason parse(CTX *ctx, struct packet *pkt)
{
	enum xesp_reason reason;
	__be16 proto = 0;

	pkt->begin = frame_begin(ctx);
	pkt->end = frame_end(ctx);
	reason = parse_link(pkt, &proto);
	if (reason)
		return reason;
	if (proto == bpf_htons(ETH_P_IP))
		return parse_ipv4(ctx, pkt);
	if (proto == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(ctx, pkt);
	return XESP_REASON_NOT_IP;
}

#endif
