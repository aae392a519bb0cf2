/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How an SA is found in the table that <xesp/abi.h> describes. Used by the classifier, which reads, and by
 * loader/host/classifier_table.c, which writes. Pure.
 */
#ifndef XESP_BPF_SA_TABLE_H
#define XESP_BPF_SA_TABLE_H

#include <stdbool.h>
#include <xesp/abi.h>

/* The classifier's loads are plain; BPF has no other before Linux 6.15. The writer makes up for it. Other
 * readers may find an entry half replaced by another one, see classifier_inner(). */
#ifdef __bpf__
#define SA_TABLE_SPI(slot) ((slot)->spi)
#define SA_TABLE_WORD(word) (word)
#else
#define SA_TABLE_SPI(slot) __atomic_load_n(&(slot)->spi, __ATOMIC_ACQUIRE)
#define SA_TABLE_WORD(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Odd 64-bit constants with bits in no pattern (from the golden ratio and the roots of small primes). */
#define SA_HASH_A 0x9e3779b97f4a7c15ull
#define SA_HASH_B 0xc2b2ae3d27d4eb4full
#define SA_HASH_C 0xd6e8feb86659fd93ull

/* Numbers of the two elements (1 to `buckets`) that can hold the key. Multiplicative hashing, the upper half
 * of the product scaled to the range. No seed: keys in the table are SPIs and addresses of this host's own
 * choosing, and a lookup takes the same time whatever a sender puts into a packet. In host order, SPIs in
 * sequence are spread evenly by the first number (Fibonacci hashing), and found in the first bucket. */
static __always_inline void sa_table_hash(const struct xesp_sa_key *key, __u32 buckets, __u32 *ret_elements)
{
	__u64 mixed = (__u64)key->daddr[3] << 32 | __builtin_bswap32(key->spi);

	mixed += ((__u64)key->daddr[1] << 32 | key->daddr[0]) * SA_HASH_C;
	mixed += key->daddr[2] * SA_HASH_B;
	ret_elements[0] = (__u32)((mixed * SA_HASH_A >> 32) * buckets >> 32) + 1;
	ret_elements[1] = (__u32)((mixed * SA_HASH_B >> 32) * buckets >> 32) + 1;
}

static __always_inline bool sa_table_match4(const struct xesp_sa4_slot *slot, const struct xesp_sa_key *key)
{
	return SA_TABLE_SPI(slot) == key->spi && SA_TABLE_WORD(slot->daddr) == key->daddr[3];
}

static __always_inline bool sa_table_match6(const struct xesp_sa6_slot *slot, const struct xesp_sa_key *key)
{
	const __be32 *daddr = slot->daddr;

	if (SA_TABLE_SPI(slot) != key->spi)
		return false;
	return !((SA_TABLE_WORD(daddr[0]) ^ key->daddr[0]) | (SA_TABLE_WORD(daddr[1]) ^ key->daddr[1]) |
		 (SA_TABLE_WORD(daddr[2]) ^ key->daddr[2]) | (SA_TABLE_WORD(daddr[3]) ^ key->daddr[3]));
}

/* The ref in one bucket of the family's table, or NULL. */
static __always_inline const struct xesp_sa_ref *sa_table_in(const union xesp_sa_element *bucket, __u8 family,
							     const struct xesp_sa_key *key)
{
	if (family == 4) {
		for (int i = 0; i < XESP_SA4_SLOTS; i++)
			if (sa_table_match4(&bucket->slot4[i], key))
				return &bucket->slot4[i].ref;
	} else {
		for (int i = 0; i < XESP_SA6_SLOTS; i++)
			if (sa_table_match6(&bucket->slot6[i], key))
				return &bucket->slot6[i].ref;
	}
	return NULL;
}

#endif
