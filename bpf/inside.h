/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The inside interface of a gateway: packets that the host would route into the TUN device go straight to the
 * data plane, to be sealed. Everything that takes more than a look at routes and headers (an ICMP error,
 * fragments, options, another VLAN, the host's own addresses) is left to the kernel, which gets the packet as
 * it came. Only in the kernel: the routes are there.
 */
#ifndef XESP_BPF_INSIDE_H
#define XESP_BPF_INSIDE_H

#include "classify.h"

#define ADDRESS_FAMILY_INET 2 /* AF_INET, AF_INET6: <sys/socket.h> is not for BPF */
#define ADDRESS_FAMILY_INET6 10
#define IPV6_FLOW_INFO 0x0fffffff

/* Written before the program is loaded. Number of the TUN device; 0, where this is no inside interface: then
 * the verifier takes all of this out of the program. */
const volatile __u32 xesp_inside_tun;
/* Of the interface when it was attached; when it gets another one, packets pass. */
const volatile __u8 xesp_inside_mac[ETH_ALEN];
/* Segments that are still to be cut can come in one piece. */
const volatile bool xesp_inside_pieces;

/* Checksums that a sender on this machine left unfinished are finished by the data plane, for these; of
 * tunnels and of SCTP nobody there knows how. */
static __always_inline bool inside_protocol(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP ||
	       protocol == IPPROTO_ICMPV6 || protocol == IPPROTO_ESP;
}

/* The same as forward_may() of the data plane refuses: from and to one host, not of this link only. */
static __always_inline bool inside_ipv4_host(__be32 addr)
{
	__u32 host = bpf_ntohl(addr), first = host >> 24;

	return first != 0 && first != 127 && first < 224 && host >> 16 != 0xa9fe;
}

static __always_inline bool inside_ipv6_host(const struct in6_addr *addr)
{
	const __be32 *words = addr->s6_addr32;
	__u32 first = bpf_ntohl(words[0]);

	if (first >> 24 == 0xff || first >> 22 == 0x3fa)
		return false;
	return (words[0] | words[1] | words[2]) != 0 || bpf_ntohl(words[3]) > 1;
}

static __always_inline bool inside_ipv4(CTX *ctx, struct packet *pkt, struct bpf_fib_lookup *fib)
{
	const struct iphdr *ip = (const struct iphdr *)pkt->ip;

	if ((const __u8 *)(ip + 1) > pkt->end)
		return false;
	if (ip->version != 4 || ip->ihl != IPV4_HEADER_WORDS || ip->ttl <= 1 ||
	    (ip->frag_off & bpf_htons(IPV4_FRAGMENTED)) || !inside_protocol(ip->protocol))
		return false;
	fib->tot_len = bpf_ntohs(ip->tot_len);
	if (fib->tot_len < sizeof(*ip) || !in_frame(ctx, pkt, fib->tot_len) || !ipv4_checksum_ok(ip) ||
	    !inside_ipv4_host(ip->saddr) || !inside_ipv4_host(ip->daddr))
		return false;
	fib->family = ADDRESS_FAMILY_INET;
	fib->tos = ip->tos;
	fib->l4_protocol = ip->protocol;
	fib->ipv4_src = ip->saddr;
	fib->ipv4_dst = ip->daddr;
	pkt->family = 4;
	pkt->transport = (const __u8 *)(ip + 1);
	pkt->ip_payload = fib->tot_len - (__u32)sizeof(*ip);
	return true;
}

static __always_inline bool inside_ipv6(CTX *ctx, struct packet *pkt, struct bpf_fib_lookup *fib)
{
	const struct ipv6hdr *ip = (const struct ipv6hdr *)pkt->ip;

	if ((const __u8 *)(ip + 1) > pkt->end)
		return false;
	if (ip->version != 6 || ip->hop_limit <= 1 || !inside_protocol(ip->nexthdr) ||
	    !inside_ipv6_host(&ip->saddr) || !inside_ipv6_host(&ip->daddr))
		return false;
	pkt->ip_payload = bpf_ntohs(ip->payload_len);
	if (!in_frame(ctx, pkt, (__u32)sizeof(*ip) + pkt->ip_payload) ||
	    pkt->ip_payload > 0xffff - sizeof(*ip))
		return false;
	fib->tot_len = (__u16)(sizeof(*ip) + pkt->ip_payload);
	fib->family = ADDRESS_FAMILY_INET6;
	fib->flowinfo = *(const __be32 *)ip & bpf_htonl(IPV6_FLOW_INFO);
	fib->l4_protocol = ip->nexthdr;
	__builtin_memcpy(fib->ipv6_src, &ip->saddr, sizeof(fib->ipv6_src));
	__builtin_memcpy(fib->ipv6_dst, &ip->daddr, sizeof(fib->ipv6_dst));
	pkt->family = 6;
	pkt->transport = (const __u8 *)(ip + 1);
	return true;
}

/* Where pieces come, UDP without a checksum yet may be several datagrams (UDP GSO), and XDP programs are not
 * told how long each is. Of TCP such a piece is as good as a segment. */
static __always_inline bool inside_is_whole(const struct packet *pkt)
{
	const struct udphdr *udp = (const struct udphdr *)pkt->transport;
	__u8 protocol = pkt->family == 4 ? ((const struct iphdr *)pkt->ip)->protocol
					 : ((const struct ipv6hdr *)pkt->ip)->nexthdr;

	if (!xesp_inside_pieces || protocol != IPPROTO_UDP)
		return true;
	return (const __u8 *)(udp + 1) <= pkt->end &&
	       (!udp->check || udp->check != csum_pseudo(pkt, udp->len));
}

/* Frames to others come by in promiscuous mode. */
static __always_inline bool inside_to_us(const struct packet *pkt)
{
	const __u16 *to = (const __u16 *)pkt->begin;
	__u16 own[3];

	for (int i = 0; i < 3; i++)
		own[i] = (__u16)(xesp_inside_mac[2 * i] | xesp_inside_mac[2 * i + 1] << 8);
	return to[0] == own[0] && to[1] == own[1] && to[2] == own[2];
}

static __always_inline bool inside_parse(CTX *ctx, struct packet *pkt, struct bpf_fib_lookup *fib)
{
	const struct link_header *eth;

	pkt->begin = frame_begin(ctx);
	pkt->end = frame_end(ctx);
	eth = (const struct link_header *)pkt->begin;
	pkt->ip = (const __u8 *)(eth + 1);
	if (pkt->ip > pkt->end || !inside_to_us(pkt))
		return false;
	if (eth->proto == bpf_htons(ETH_P_IP))
		return inside_ipv4(ctx, pkt, fib);
	return eth->proto == bpf_htons(ETH_P_IPV6) && inside_ipv6(ctx, pkt, fib);
}

/* Rules may look at ports. */
static __always_inline void inside_ports(const struct packet *pkt, struct bpf_fib_lookup *fib)
{
	const __be16 *ports = (const __be16 *)pkt->transport;

	if ((fib->l4_protocol == IPPROTO_TCP || fib->l4_protocol == IPPROTO_UDP) &&
	    (const __u8 *)(ports + 2) <= pkt->end && pkt->ip_payload >= 4) {
		fib->sport = ports[0];
		fib->dport = ports[1];
	}
}

/* Whether the host would forward it into the TUN device: it is no router, the packet is its own or too long
 * for the way, or the way is another: all that says no. Devices without neighbours may be said to have none.
 */
static __always_inline bool inside_routed(CTX *ctx, struct bpf_fib_lookup *fib)
{
	long found;

	fib->ifindex = ctx->ingress_ifindex;
	found = bpf_fib_lookup(ctx, fib, sizeof(*fib), 0);
	return (found == BPF_FIB_LKUP_RET_SUCCESS || found == BPF_FIB_LKUP_RET_NO_NEIGH) &&
	       fib->ifindex == xesp_inside_tun;
}

static __always_inline bool inside_hand_over(CTX *ctx, const struct packet *pkt)
{
	__u16 l3_offset = (__u16)(pkt->ip - pkt->begin), transport = (__u16)(pkt->transport - pkt->begin);
	__u16 length = (__u16)(transport - l3_offset + pkt->ip_payload);
	__u8 family = pkt->family;
	struct xesp_meta *meta;

	if (!socket_redirect(ctx))
		return false;
	meta = meta_reserve(ctx);
	if (!meta)
		return false;
	__builtin_memset(meta, 0, sizeof(*meta));
	meta->l3_offset = l3_offset;
	meta->esp_offset = transport;
	meta->esp_length = length;
	meta->family = family;
	meta->sa_index = ~0u;
	meta->magic = XESP_META_MAGIC_INSIDE;
	return true;
}

/* True: the packet is on its way to the data plane. */
static __always_inline bool take_inside(CTX *ctx)
{
	const struct xesp_config *config = config_get(ctx);
	struct bpf_fib_lookup fib = {0};
	struct packet pkt = {0};

	if (!xesp_inside_tun || !config || !config->enabled)
		return false;
	if (!inside_parse(ctx, &pkt, &fib) || !inside_is_whole(&pkt) || !fits_socket(ctx, &pkt, config))
		return false;
	inside_ports(&pkt, &fib);
	return inside_routed(ctx, &fib) && inside_hand_over(ctx, &pkt);
}

#endif
