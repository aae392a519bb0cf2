/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Expanded keys of one worker: a table of bounded size, in key memory. An SA keeps only its raw key; what a
 * provider makes of it, a kilobyte, lies here while packets use it. A key that fell out is expanded again,
 * which costs less than to fetch a kilobyte that is in no CPU cache.
 *
 * The worker finds and fills; the control thread forgets keys of deleted SAs. Neither waits for the other:
 * a slot that one is writing to is passed over by the other.
 */
#ifndef XESP_DATAPLANE_KEY_CACHE_H
#define XESP_DATAPLANE_KEY_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_CACHE_WAYS 4
#define KEY_CACHE_SETS 256
#define KEY_CACHE_EXPANDED_MAX 1024 /* bytes of an expanded key */
#define KEY_CACHE_CIPHER_KEY_MAX 32

struct crypto_key;

struct key_slot {
	_Alignas(64) const struct crypto_key *_Atomic key; /* NULL: free */
	_Atomic bool busy;				   /* one of the two threads is writing */
	uint8_t key_bytes;
	/* What `expanded` was made of: the address alone could be that of a new key in the place of an old.
	 */
	uint8_t cipher_key[KEY_CACHE_CIPHER_KEY_MAX];
	_Alignas(64) uint8_t expanded[KEY_CACHE_EXPANDED_MAX];
};

struct key_set {
	struct key_slot slots[KEY_CACHE_WAYS];
};

struct key_cache {
	uint32_t turn; /* which way is filled next */
	struct key_set *sets[KEY_CACHE_SETS];
};

/* Key memory that one cache takes, with what chunks of key memory lose to their blocks. */
#define KEY_CACHE_BYTES ((size_t)KEY_CACHE_SETS * sizeof(struct key_set) * 9 / 8)

/* -ENOMEM. */
int key_cache_init(struct key_cache *cache);
/* Wipes; also fine on zeroed memory. */
void key_cache_cleanup(struct key_cache *cache);

/* Keys are blocks of key memory, 64 bytes apart. */
static inline struct key_set *key_cache_set(const struct key_cache *cache, const struct crypto_key *key)
{
	return cache->sets[((uintptr_t)key / 64) % KEY_CACHE_SETS];
}

/* The slot that is marked with the key, or NULL. By the worker, for the key of an SA that it holds. */
static inline struct key_slot *key_cache_find(const struct key_cache *cache, const struct crypto_key *key)
{
	struct key_set *set = key_cache_set(cache, key);

	for (unsigned int i = 0; i < KEY_CACHE_WAYS; i++)
		if (atomic_load_explicit(&set->slots[i].key, memory_order_relaxed) == key)
			return &set->slots[i];
	return NULL;
}

/* A slot to fill for the key, then to give to key_cache_filled(); NULL if the control thread has the one
 * whose turn it is. By the worker. */
struct key_slot *key_cache_claim(struct key_cache *cache, const struct crypto_key *key);
void key_cache_filled(struct key_slot *slot, const struct crypto_key *key);

/* Wipes what is there of a key that no packet uses any more. By the control thread. */
void key_cache_forget(struct key_cache *cache, const struct crypto_key *key);

#endif
