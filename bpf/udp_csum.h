/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The UDP checksum of a packet that belongs to an SA. Most peers send 0 (RFC 3948 section 2.1), so that
 * this costs nothing for them.
 */
#ifndef XESP_BPF_UDP_CSUM_H
#define XESP_BPF_UDP_CSUM_H

#include "csum.h"
#include "parse.h"

/* Addresses, protocol and UDP length (RFC 768, RFC 8200 section 8.1), folded. */
static __always_inline __u32 csum_pseudo(const struct packet *pkt, __be16 udp_length)
{
	__u64 sum = (__u64)bpf_htons(IPPROTO_UDP) + udp_length;

	if (pkt->family == 4) {
		const struct iphdr *ip = (const struct iphdr *)pkt->ip;

		sum += ip->saddr;
		sum += ip->daddr;
	} else {
		const struct ipv6hdr *ip = (const struct ipv6hdr *)pkt->ip;

		for (int i = 0; i < 4; i++) {
			sum += ip->saddr.s6_addr32[i];
			sum += ip->daddr.s6_addr32[i];
		}
	}
	return csum_fold(sum);
}

/* 0 is "no checksum": RFC 3948 section 2.1 recommends it, and RFC 6935 permits it on IPv6 for the ports of
 * a tunnel, which a parser entry's is. The bare pseudo-header sum is what the kernel leaves for hardware to
 * complete (CHECKSUM_PARTIAL); from a sender on the same host, over veth, it arrives so. */
static __always_inline bool udp_csum_ok(CTX *ctx, const struct packet *pkt)
{
	const struct udphdr *udp = (const struct udphdr *)pkt->transport;
	__u32 offset = (__u32)(pkt->transport - pkt->begin), length, pseudo;

	if ((const __u8 *)(udp + 1) > pkt->end)
		return false;
	if (!udp->check)
		return true;
	pseudo = csum_pseudo(pkt, udp->len);
	if (udp->check == pseudo)
		return true;
	length = bpf_ntohs(udp->len);
	if (UNLIKELY(length > (__u64)(pkt->end - pkt->transport) || length > CSUM_MAX))
		return csum_buffers(ctx, offset, length, pseudo) == 0xffff;
	return csum_frame(ctx, offset, length, pseudo) == 0xffff;
}

#endif
