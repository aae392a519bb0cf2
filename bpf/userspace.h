/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the two environments of the steps outside the kernel (native.h, inner.h) have in common.
 */
#ifndef XESP_BPF_USERSPACE_H
#define XESP_BPF_USERSPACE_H

#include <linux/types.h>
#include <stddef.h>
#include <string.h>

/* inner.c has no use for some of them. */
#define GLOBAL_STEP static __attribute__((unused))
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

static inline __u32 csum_add(__u32 sum, const __u8 *bytes, __u32 length)
{
	__u64 wide = sum;

	for (__u32 i = 0; i < length; i += 4) {
		__u32 word;

		memcpy(&word, bytes + i, sizeof(word));
		wide += word;
	}
	wide = (wide & 0xffffffff) + (wide >> 32);
	return (__u32)(wide + (wide >> 32));
}

/* Of a frame of `frame_length` bytes in one piece. */
static inline __u32 csum_load_from(const __u8 *frame, size_t frame_length, __u32 offset, __u32 length,
				   __u32 sum)
{
	__u8 bytes[CSUM_CHUNK] = {0};

	if (offset > frame_length || length > frame_length - offset)
		return 0;
	memcpy(bytes, frame + offset, length);
	return csum_add(sum, bytes, sizeof(bytes));
}

#endif
