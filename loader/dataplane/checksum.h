/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet checksums (RFC 1071, incremental update RFC 1624). Pure.
 */
#ifndef XESP_DATAPLANE_CHECKSUM_H
#define XESP_DATAPLANE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* One's complement sum of `bytes` bytes on top of `sum`, not folded. Bytes are summed as 16-bit words in
 * memory order, so results are stored as they are, without byte swapping. Odd lengths are padded. */
uint64_t checksum_add(uint64_t sum, const void *data, size_t bytes);
/* Folds to 16 bits and complements. */
static inline uint16_t checksum_finish(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}
/* `checksum` (as stored in the packet) after `old_word` became `new_word`; all in memory order. */
uint16_t checksum_replace16(uint16_t checksum, uint16_t old_word, uint16_t new_word);
/* Sum of the pseudo-header of `family` (4 or 6): addresses in network order, `length` and `protocol` in
 * host order. */
uint64_t checksum_pseudo(uint8_t family, const uint8_t *src, const uint8_t *dst, uint32_t length,
			 uint8_t protocol);

#endif
