/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The UDP checksum of a packet that belongs to an SA. Most peers send 0 (RFC 3948 section 2.1), so that
 * this costs nothing for them. Sums are one's complement over words in memory order.
 */
#ifndef XESP_BPF_UDP_CSUM_H
#define XESP_BPF_UDP_CSUM_H

#include "parse.h"

#define CSUM_CHUNK 512u /* the most that bpf_csum_diff takes before kernel 6.13 */
#define CSUM_CHUNKS 63u
/* What can be summed, far more than an AF_XDP frame holds. Both limits are masks, see csum_frame(); together
 * they stay below 65535, above which the verifier refuses packet offsets. */
#define CSUM_MAX (CSUM_CHUNKS * CSUM_CHUNK + CSUM_CHUNK - 1)
/* The transport header lies at most 62 bytes into the frame: Ethernet, two tags, IPv6. */
#define CSUM_OFFSET_MAX 63u
_Static_assert((CSUM_MAX & (CSUM_MAX + 1)) == 0 && (CSUM_OFFSET_MAX & (CSUM_OFFSET_MAX + 1)) == 0, "masks");

/* Hides from the compiler where a value comes from: it neither computes it twice, while the verifier only
 * believes the copy that was compared, nor finds a mask superfluous. */
#define ONE_COPY(value) __asm__ volatile("" : "+r"(value))

static __always_inline __u32 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u32)sum;
}

/* The last 0 to 3 bytes at `pos`, as if zeros followed. */
static __always_inline __u32 csum_tail(const __u8 *pos, const __u8 *end, __u64 length)
{
	__u8 last[4] = {0, 0, 0, 0};
	__u32 word;

	for (__u32 i = 0; i < 3; i++) {
		if (i >= length || pos + i + 1 > end)
			break;
		last[i] = pos[i];
	}
	__builtin_memcpy(&word, last, sizeof(word));
	return word;
}

/* Folded sum of `length` bytes at `offset` of the frame on top of `sum`; 0, which is no sum of a packet, if
 * they are not all readable. Not inlined and not static: the verifier checks such a function once, for any
 * arguments, instead of once for each way that leads to it. */
__attribute__((noinline)) CSUM_LINKAGE __u32 csum_frame(CTX *ctx, __u32 offset, __u32 length, __u32 sum)
{
	const __u8 *begin = frame_begin(ctx), *end = frame_end(ctx), *pos;
	__u64 at = offset, left = length;

	if (at > CSUM_OFFSET_MAX || left > CSUM_MAX)
		return 0;
	/* Changes nothing. Linux 6.1 forgets what a comparison says if the value then lies on the stack. */
	ONE_COPY(at);
	ONE_COPY(left);
	at &= CSUM_OFFSET_MAX;
	left &= CSUM_MAX;
	for (__u64 i = 0; i < CSUM_CHUNKS; i++) {
		if (i >= left / CSUM_CHUNK)
			break;
		pos = begin + at + i * CSUM_CHUNK;
		ONE_COPY(pos);
		if (pos + CSUM_CHUNK > end)
			return 0;
		sum = csum_add(sum, pos, CSUM_CHUNK);
	}
	/* The rest, by the bits of the length: a constant size is one that the verifier can follow. */
	pos = begin + at + left / CSUM_CHUNK * CSUM_CHUNK;
#pragma GCC unroll 7
	for (__u32 size = CSUM_CHUNK / 2; size >= 4; size /= 2) {
		if (!(left & size))
			continue;
		ONE_COPY(pos);
		if (pos + size > end)
			return 0;
		sum = csum_add(sum, pos, size);
		pos += size;
	}
	return csum_fold((__u64)sum + csum_tail(pos, end, left & 3));
}

/* Addresses, protocol and UDP length (RFC 768, RFC 8200 section 8.1), folded. */
static __always_inline __u32 csum_pseudo(const struct packet *pkt, __be16 udp_length)
{
	/* Both headers end with source and destination address. */
	const __u32 *addresses = (const __u32 *)pkt->transport;
	__u64 sum = (__u64)bpf_htons(IPPROTO_UDP) + udp_length;

	if (pkt->family == 4) {
		sum += addresses[-1];
		sum += addresses[-2];
	} else {
		for (int i = 1; i <= 8; i++)
			sum += addresses[-i];
	}
	return csum_fold(sum);
}

/* 0 is "no checksum": RFC 3948 section 2.1 recommends it, and RFC 6935 permits it on IPv6 for the ports of
 * a tunnel, which a parser entry's is. The bare pseudo-header sum is what the kernel leaves for hardware to
 * complete (CHECKSUM_PARTIAL); from a sender on the same host, over veth, it arrives so. */
static __always_inline bool udp_csum_ok(CTX *ctx, const struct packet *pkt)
{
	const struct udphdr *udp = (const struct udphdr *)pkt->transport;
	__u32 pseudo;

	if ((const __u8 *)(udp + 1) > pkt->end)
		return false;
	if (!udp->check)
		return true;
	pseudo = csum_pseudo(pkt, udp->len);
	if (udp->check == pseudo)
		return true;
	return csum_frame(ctx, (__u32)(pkt->transport - pkt->begin), bpf_ntohs(udp->len), pseudo) == 0xffff;
}

#endif
