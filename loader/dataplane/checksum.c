/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet checksums. Pure; any thread.
 */
#include "dataplane/checksum.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#define WIDE_BYTES 64 /* two vectors */
#define LANES uint64_t __attribute__((vector_size(32)))

static bool has_wide(void)
{
	return __builtin_cpu_supports("avx2");
}

/* `bytes` is a multiple of WIDE_BYTES. The halves of 64 bits are summed apart, so that nothing is carried
 * out. */
__attribute__((target("avx2"))) static uint64_t add_wide(const uint8_t *at, size_t bytes)
{
	LANES low = {0}, high = {0}, low2 = {0}, high2 = {0}, a, b;

	for (; bytes; bytes -= WIDE_BYTES, at += WIDE_BYTES) {
		memcpy(&a, at, sizeof(a));
		memcpy(&b, at + sizeof(a), sizeof(b));
		low += a & 0xffffffff;
		high += a >> 32;
		low2 += b & 0xffffffff;
		high2 += b >> 32;
	}
	low += low2 + high + high2;
	return low[0] + low[1] + low[2] + low[3];
}
#else
#define WIDE_BYTES SIZE_MAX

static bool has_wide(void)
{
	return false;
}

static uint64_t add_wide(const uint8_t *at, size_t bytes)
{
	(void)at;
	(void)bytes;
	return 0;
}
#endif

/* 32-bit words may be summed as they come: 2^16 is 1 in one's complement, so folding the sum of wider words
 * gives the sum of the 16-bit ones (RFC 1071 section 2). 64 bits of sum take 2^32 words before they wrap. */
uint64_t checksum_add(uint64_t sum, const void *data, size_t bytes)
{
	const uint8_t *at = data;
	uint32_t word = 0;

	if (bytes >= WIDE_BYTES && has_wide()) {
		size_t wide = bytes - bytes % WIDE_BYTES;

		sum += add_wide(at, wide);
		at += wide;
		bytes -= wide;
	}
	for (; bytes >= sizeof(word); bytes -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, at, bytes);
	return sum + word;
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
