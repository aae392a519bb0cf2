/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet checksums. Pure; any thread.
 */
#include "dataplane/checksum.h"

#include <arpa/inet.h>
#include <string.h>

/* 32-bit words may be summed as they come: 2^16 is 1 in one's complement, so folding the sum of wider words
 * gives the sum of the 16-bit ones (RFC 1071 section 2). 64 bits of sum take 2^32 words before they wrap. */
uint64_t checksum_add(uint64_t sum, const void *data, size_t bytes)
{
	const uint8_t *at = data;
	uint32_t word = 0;

	for (; bytes >= sizeof(word); bytes -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, at, bytes);
	return sum + word;
}

uint16_t checksum_finish(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* RFC 1624, equation 3: the older form of RFC 1141 turns 0 into the wrong zero. */
uint16_t checksum_replace16(uint16_t checksum, uint16_t old_word, uint16_t new_word)
{
	return checksum_finish((uint64_t)(uint16_t)~checksum + (uint16_t)~old_word + new_word);
}

uint64_t checksum_pseudo(uint8_t family, const uint8_t *src, const uint8_t *dst, uint32_t length,
			 uint8_t protocol)
{
	size_t address_bytes = family == 4 ? 4 : 16;
	uint64_t sum = checksum_add(0, src, address_bytes);

	sum = checksum_add(sum, dst, address_bytes);
	return sum + htonl(length) + htonl(protocol);
}
