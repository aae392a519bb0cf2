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

struct key_slot {
	/* Of the key that `expanded` was made of; 0: free. Serials do not come again, other than addresses.
	 */
	_Alignas(64) _Atomic uint64_t serial;
	_Atomic bool busy; /* one of the two threads is writing */
	uint32_t pinned;   /* the worker's: not to be filled with another key in this round */
	uint32_t layout;   /* the worker's word for what lies where in `expanded`; 0: nothing */
	_Alignas(64) uint8_t expanded[KEY_CACHE_EXPANDED_MAX];
};

struct key_set {
	struct key_slot slots[KEY_CACHE_WAYS];
};

struct key_cache {
	uint32_t turn;	/* which way is filled next */
	uint32_t round; /* of key_cache_pin() */
	struct key_set *sets[KEY_CACHE_SETS];
};

/* Key memory that one cache takes, with what chunks of key memory lose to their blocks. */
#define KEY_CACHE_BYTES ((size_t)KEY_CACHE_SETS * sizeof(struct key_set) * 9 / 8)

/* -ENOMEM. */
int key_cache_init(struct key_cache *cache);
/* Wipes; also fine on zeroed memory. */
void key_cache_cleanup(struct key_cache *cache);

static inline struct key_set *key_cache_set(const struct key_cache *cache, uint64_t serial)
{
	return cache->sets[serial % KEY_CACHE_SETS];
}

/* The slot that has the key, or NULL. By the worker, for the key of an SA that it holds. */
static inline struct key_slot *key_cache_find(const struct key_cache *cache, uint64_t serial)
{
	struct key_set *set = key_cache_set(cache, serial);

	for (unsigned int i = 0; i < KEY_CACHE_WAYS; i++)
		if (atomic_load_explicit(&set->slots[i].serial, memory_order_relaxed) == serial)
			return &set->slots[i];
	return NULL;
}

/* A slot to fill for the key, then to give to key_cache_filled(); NULL if all its slots are pinned, or if the
 * control thread has the one whose turn it is. By the worker. */
struct key_slot *key_cache_claim(struct key_cache *cache, uint64_t serial);
void key_cache_filled(struct key_slot *slot, uint64_t serial);

/* Keeps a slot from being claimed until key_cache_unpin(): packets that wait for the crypto point into it. By
 * the worker. */
static inline void key_cache_pin(const struct key_cache *cache, struct key_slot *slot)
{
	slot->pinned = cache->round;
}

/* Ends the pins of all slots. */
static inline void key_cache_unpin(struct key_cache *cache)
{
	cache->round++;
}

/* Wipes what is there of a key that no packet uses any more. By the control thread. */
void key_cache_forget(struct key_cache *cache, uint64_t serial);

/* Wipes what a slot holds that belongs to no cache, or that is claimed. */
void key_cache_wipe(struct key_slot *slot);

#endif
