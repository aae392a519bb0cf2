/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling and forgetting of expanded keys. key_cache_claim() and key_cache_filled() run in the worker that
 * has the cache, all else in the control thread.
 */
#include "dataplane/key_cache.h"

#include <errno.h>
#include <string.h>

#include "dataplane/keymem.h"

int key_cache_init(struct key_cache *cache)
{
	memset(cache, 0, sizeof(*cache));
	cache->round = 1; /* of no slot */
	for (size_t i = 0; i < KEY_CACHE_SETS; i++) {
		cache->sets[i] = keymem_alloc(sizeof(struct key_set));
		if (!cache->sets[i]) {
			key_cache_cleanup(cache);
			return -ENOMEM;
		}
	}
	return 0;
}

void key_cache_cleanup(struct key_cache *cache)
{
	for (size_t i = 0; i < KEY_CACHE_SETS; i++)
		keymem_free(cache->sets[i], sizeof(struct key_set));
	memset(cache, 0, sizeof(*cache));
}

static bool take(struct key_slot *slot)
{
	return !atomic_exchange_explicit(&slot->busy, true, memory_order_acquire);
}

static void give(struct key_slot *slot)
{
	atomic_store_explicit(&slot->busy, false, memory_order_release);
}

/* The slot that has the key already, then a free one, else the one whose turn it is of those not pinned. */
static struct key_slot *choose(struct key_cache *cache, uint64_t serial)
{
	struct key_set *set = key_cache_set(cache, serial);
	struct key_slot *chosen = key_cache_find(cache, serial);

	for (unsigned int i = 0; i < KEY_CACHE_WAYS && !chosen; i++)
		if (!atomic_load_explicit(&set->slots[i].serial, memory_order_relaxed))
			chosen = &set->slots[i];
	for (unsigned int i = 0; i < KEY_CACHE_WAYS && !chosen; i++) {
		struct key_slot *slot = &set->slots[cache->turn++ % KEY_CACHE_WAYS];

		if (slot->pinned != cache->round)
			chosen = slot;
	}
	return chosen;
}

struct key_slot *key_cache_claim(struct key_cache *cache, uint64_t serial)
{
	struct key_slot *slot = choose(cache, serial);

	if (!slot || !take(slot))
		return NULL;
	atomic_store_explicit(&slot->serial, 0, memory_order_relaxed);
	return slot;
}

void key_cache_filled(struct key_slot *slot, uint64_t serial)
{
	atomic_store_explicit(&slot->serial, serial, memory_order_relaxed);
	give(slot);
}

void key_cache_wipe(struct key_slot *slot)
{
	explicit_bzero(slot->expanded, sizeof(slot->expanded));
	slot->layout = 0;
}

void key_cache_forget(struct key_cache *cache, uint64_t serial)
{
	struct key_set *set = key_cache_set(cache, serial);

	for (unsigned int i = 0; i < KEY_CACHE_WAYS; i++) {
		struct key_slot *slot = &set->slots[i];

		/* A slot that is busy is being filled with another key: nobody fills in one without packets.
		 */
		if (atomic_load_explicit(&slot->serial, memory_order_relaxed) != serial || !take(slot))
			continue;
		if (atomic_load_explicit(&slot->serial, memory_order_relaxed) == serial) {
			atomic_store_explicit(&slot->serial, 0, memory_order_relaxed);
			key_cache_wipe(slot);
		}
		give(slot);
	}
}
