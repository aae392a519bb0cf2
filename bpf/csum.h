/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Internet checksums over bytes of the frame. Sums are one's complement over words in memory order.
 */
#ifndef XESP_BPF_CSUM_H
#define XESP_BPF_CSUM_H

#include "env.h"

#define CSUM_CHUNKS 63u
/* What can be summed in one buffer, far more than one holds. Both limits are masks, see csum_frame();
 * together they stay below 65535, above which the verifier refuses packet offsets. */
#define CSUM_MAX (CSUM_CHUNKS * CSUM_CHUNK + CSUM_CHUNK - 1)
/* Of a packet in several buffers: as much as UDP can say that it has. */
#define CSUM_BUFFERS_CHUNKS (65536u / CSUM_CHUNK)
/* The transport header lies at most 126 bytes into the frame: Ethernet, two tags, IPv6, extension headers. */
#define CSUM_OFFSET_MAX 127u
_Static_assert((CSUM_MAX & (CSUM_MAX + 1)) == 0 && (CSUM_OFFSET_MAX & (CSUM_OFFSET_MAX + 1)) == 0, "masks");
_Static_assert(14 + 4 * XESP_VLAN_TAGS_MAX + 40 + XESP_IPV6_EXTENSION_BYTES_MAX <= CSUM_OFFSET_MAX, "offset");

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
 * they are not all readable. */
GLOBAL_STEP __u32 csum_frame(CTX *ctx, __u32 offset, __u32 length, __u32 sum)
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

/* The same of bytes that go on in further buffers, or are more than CSUM_MAX: copied, chunk by chunk. */
GLOBAL_STEP __u32 csum_buffers(CTX *ctx, __u32 offset, __u32 length, __u32 sum)
{
	__u32 chunks = length / CSUM_CHUNK, rest = length % CSUM_CHUNK;

	for (__u32 i = 0; i < CSUM_BUFFERS_CHUNKS && i < chunks && sum; i++)
		sum = csum_load(ctx, offset + i * CSUM_CHUNK, CSUM_CHUNK, sum);
	if (rest && sum)
		sum = csum_load(ctx, offset + length - rest, rest, sum);
	return csum_fold(sum);
}

#endif
