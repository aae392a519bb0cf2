/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IP headers with options: parsing goes on here where parse.h found IPv4 options or IPv6 extension headers.
 * What a host may skip is skipped; what asks something of it, or is malformed, is the kernel's, which answers
 * by its own settings and with ICMP errors that only it can send. So these pass:
 *
 *   IPv4  source routes (the kernel's accept_source_route decides), security labels (CIPSO and those of RFC
 *         1108: whether the packet may be received is for who enforces them), options whose length or pointer
 *         is wrong. All others are ignored, as RFC 1122 section 3.2.1.8 wants it of those that a host does
 *         not know; in transport mode the kernel still sees them when the packet is opened.
 *   IPv6  headers other than hop-by-hop options, only in front, and destination options; options that must
 *         not be skipped if unknown (RFC 8200 section 4.2), among them the jumbo payload and the home
 *         address; labels (CALIPSO, RFC 5570); a router alert of the wrong length; more than the limits.
 *
 * Rare packets, so that most of this is out of the straight line. Pure.
 */
#ifndef XESP_BPF_OPTIONS_H
#define XESP_BPF_OPTIONS_H

#include "csum.h"
#include "parse.h"

#define IPV4_OPTIONS_MAX 40 /* bytes: 15 words of header without the first 5 */
#define IPV4_OPTION_EXTENDED_SECURITY 133

#define IPV6_OPTIONS_MAX (XESP_IPV6_EXTENSION_BYTES_MAX - 2)
#define IPV6_OPTION_PAD1 0
#define IPV6_OPTION_ROUTER_ALERT 5
#define IPV6_OPTION_CALIPSO 7
#define IPV6_OPTION_ACTION 0xc0 /* what to do if it is unknown; 0: skip it */

/* Record route and time stamps: behind type, length and `pointer`, which is 1 for the first byte of the
 * option and `first` for an option that nobody wrote to, whole words are to be written. */
static __always_inline bool record_ok(__u32 size, __u32 pointer, __u32 first)
{
	return size >= first - 1 && pointer >= first && (pointer > size || pointer + 3 <= size);
}

static __always_inline bool ipv4_option_ok(__u8 type, __u32 size, __u32 pointer)
{
	switch (type) {
	case IPOPT_LSRR:
	case IPOPT_SSRR:
	case IPOPT_SEC:
	case IPV4_OPTION_EXTENDED_SECURITY:
	case IPOPT_CIPSO: return false;
	case IPOPT_RR: return record_ok(size, pointer, 4);
	case IPOPT_TIMESTAMP: return record_ok(size, pointer, 5);
	case IPOPT_RA: return size == 4;
	default: return true;
	}
}

/* Size of the option at `offset` of the frame, the first of `left` bytes of them; 0 if it cannot be ignored.
 */
GLOBAL_STEP __u32 ipv4_option(CTX *ctx, __u32 offset, __u32 left)
{
	const __u8 *option = frame_begin(ctx) + (offset & CSUM_OFFSET_MAX), *end = frame_end(ctx);
	__u32 size;

	if (option + 1 > end)
		return 0;
	if (option[0] == IPOPT_END)
		return left;
	if (option[0] == IPOPT_NOOP)
		return 1;
	if (option + 2 > end)
		return 0;
	size = option[1];
	if (size < 2 || size > left)
		return 0;
	return ipv4_option_ok(option[0], size, option + 3 > end ? 0 : option[2]) ? size : 0;
}

static __always_inline bool ipv4_options_ok(CTX *ctx, __u32 offset, __u32 length)
{
	for (int i = 0; i < IPV4_OPTIONS_MAX && length; i++) {
		__u32 size = ipv4_option(ctx, offset, length);

		if (!size)
			return false;
		offset += size;
		length -= size;
	}
	return !length;
}

static __always_inline bool ipv6_option_ok(__u8 type, __u32 length)
{
	if (type & IPV6_OPTION_ACTION || type == IPV6_OPTION_CALIPSO)
		return false;
	return type != IPV6_OPTION_ROUTER_ALERT || length == 2;
}

/* The same in an extension header. */
GLOBAL_STEP __u32 ipv6_option(CTX *ctx, __u32 offset, __u32 left)
{
	const __u8 *option = frame_begin(ctx) + (offset & CSUM_OFFSET_MAX), *end = frame_end(ctx);

	if (option + 1 > end)
		return 0;
	if (option[0] == IPV6_OPTION_PAD1)
		return 1;
	if (left < 2 || option + 2 > end || 2u + option[1] > left)
		return 0;
	return ipv6_option_ok(option[0], option[1]) ? 2u + option[1] : 0;
}

static __always_inline bool ipv6_options_ok(CTX *ctx, __u32 offset, __u32 length)
{
	for (int i = 0; i < IPV6_OPTIONS_MAX && length; i++) {
		__u32 size = ipv6_option(ctx, offset, length);

		if (!size)
			return false;
		offset += size;
		length -= size;
	}
	return !length;
}

/* What parse_ipv4() looks at before it finds options is right. */
static __always_inline enum xesp_reason parse_ipv4_options(CTX *ctx, struct packet *pkt)
{
	const struct iphdr *ip = (const struct iphdr *)pkt->ip;
	__u32 offset = (__u32)(pkt->ip - pkt->begin), header;

	if ((const __u8 *)(ip + 1) > pkt->end)
		return XESP_REASON_TRUNCATED;
	header = ip->ihl * 4u;
	if (pkt->ip + header > pkt->end)
		return XESP_REASON_TRUNCATED;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENTED))
		return XESP_REASON_FRAGMENT;
	if (csum_frame(ctx, offset, header, 0) != 0xffff)
		return XESP_REASON_IP_CHECKSUM;
	if (!ipv4_options_ok(ctx, offset + (__u32)sizeof(*ip), header - (__u32)sizeof(*ip)))
		return XESP_REASON_IP_OPTIONS;
	pkt->family = 4;
	pkt->protocol = ip->protocol;
	pkt->transport = pkt->ip + header;
	pkt->ip_payload = bpf_ntohs(ip->tot_len) - header;
	return XESP_REASON_NONE;
}

/* Steps over the extension header behind `*bytes` bytes of others. */
static __always_inline enum xesp_reason skip_extension(CTX *ctx, struct packet *pkt, __u64 *bytes)
{
	__u64 at = *bytes, length;
	const __u8 *header;

	/* Changes nothing, see csum_frame(). */
	ONE_COPY(at);
	at &= CSUM_OFFSET_MAX;
	header = pkt->ip + sizeof(struct ipv6hdr) + at;
	if (header + 2 > pkt->end)
		return XESP_REASON_TRUNCATED;
	length = (header[1] + 1u) * 8;
	if (at + length > pkt->ip_payload)
		return XESP_REASON_IP_LENGTH;
	if (at + length > XESP_IPV6_EXTENSION_BYTES_MAX)
		return XESP_REASON_IPV6_EXT;
	if (header + length > pkt->end)
		return XESP_REASON_TRUNCATED;
	if (!ipv6_options_ok(ctx, (__u32)(header + 2 - pkt->begin), (__u32)length - 2))
		return XESP_REASON_IPV6_EXT;
	pkt->protocol = header[0];
	*bytes = at + length;
	return XESP_REASON_NONE;
}

static __always_inline enum xesp_reason skip_extensions(CTX *ctx, struct packet *pkt, __u64 *ret_bytes)
{
	enum xesp_reason reason;
	__u64 bytes = 0;

	for (int i = 0; i <= XESP_IPV6_EXTENSIONS_MAX; i++) {
		reason = ipv6_next_header(pkt->protocol);
		if (reason == XESP_REASON_NONE) {
			*ret_bytes = bytes;
			return XESP_REASON_NONE;
		}
		if (reason != XESP_REASON_IPV6_EXT)
			return reason;
		if (pkt->protocol != IPPROTO_DSTOPTS && (i || pkt->protocol != IPPROTO_HOPOPTS))
			return XESP_REASON_IPV6_EXT;
		if (i == XESP_IPV6_EXTENSIONS_MAX)
			return XESP_REASON_IPV6_EXT;
		reason = skip_extension(ctx, pkt, &bytes);
		if (reason)
			return reason;
	}
	return XESP_REASON_IPV6_EXT;
}

static __always_inline enum xesp_reason parse_ipv6_extensions(CTX *ctx, struct packet *pkt)
{
	const struct ipv6hdr *ip = (const struct ipv6hdr *)pkt->ip;
	enum xesp_reason reason;
	__u64 bytes = 0;

	if ((const __u8 *)(ip + 1) > pkt->end)
		return XESP_REASON_TRUNCATED;
	pkt->family = 6;
	pkt->protocol = ip->nexthdr;
	pkt->ip_payload = bpf_ntohs(ip->payload_len);
	if (!in_frame(ctx, pkt, (__u32)sizeof(*ip) + pkt->ip_payload))
		return XESP_REASON_IP_LENGTH;
	reason = skip_extensions(ctx, pkt, &bytes);
	if (reason)
		return reason;
	ONE_COPY(bytes);
	bytes &= CSUM_OFFSET_MAX;
	pkt->transport = (const __u8 *)(ip + 1) + bytes;
	pkt->ip_payload -= (__u32)bytes;
	return XESP_REASON_NONE;
}

/* Instead of parse(), with the IP header at pkt->ip, where that returned one of these two reasons. */
static __always_inline bool has_options(enum xesp_reason reason)
{
	return reason == XESP_REASON_IP_OPTIONS || reason == XESP_REASON_IPV6_EXT;
}

static __always_inline enum xesp_reason parse_options(CTX *ctx, struct packet *pkt, __u8 family)
{
	return family == 4 ? parse_ipv4_options(ctx, pkt) : parse_ipv6_extensions(ctx, pkt);
}

#endif
