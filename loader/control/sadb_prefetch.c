// SPDX-License-Identifier: BSD-2-Clause
/*
 * Gets the SAs of a burst out of memory side by side, before its packets are looked at one by one: slot, SA
 * and key are found by the address that the one before has, and with many SAs each of them is in no cache.
 * Workers.
 */
#include "control/sadb.h"

#include <stdatomic.h>
#include <xesp/limits.h>

#include "control/sadb_private.h"
#include "dataplane/crypto_key.h"

/* As many SAs as there are expanded keys in a worker's cache; so few are in the CPU's caches, too. */
#define MANY 1024

#define CACHE_LINE 64

/* What each packet reads of an SA: three lines from its beginning on, and the window. */
static void prefetch_sa(const struct sa *sa)
{
	const char *begin = (const char *)sa;

	_Static_assert(offsetof(struct sa, watch.peer_told) <= 3 * CACHE_LINE,
		       "lines that each packet reads");
	for (int i = 0; i < 3; i++)
		__builtin_prefetch(begin + i * CACHE_LINE, 1);
	__builtin_prefetch(&sa->replay, 1);
}

bool sadb_is_large(const struct sadb *db)
{
	return atomic_load_explicit(&db->used, memory_order_relaxed) > MANY;
}

void sadb_prefetch(const struct sadb *db, const uint32_t *indexes, size_t count)
{
	const struct sa *sas[XESP_BURST_MAX];
	uint32_t slots[XESP_BURST_MAX], last = UINT32_MAX;
	size_t slot_count = 0, sa_count = 0;

	for (size_t i = 0; i < count; i++) {
		/* Packets often come several of an SA behind each other. */
		if (indexes[i] == last || indexes[i] >= db->config.capacity)
			continue;
		last = indexes[i];
		__builtin_prefetch(&db->slots[last].sa);
		slots[slot_count++] = last;
	}
	for (size_t i = 0; i < slot_count; i++) {
		const struct sa *sa = atomic_load_explicit(&db->slots[slots[i]].sa, memory_order_acquire);

		if (!sa)
			continue;
		prefetch_sa(sa);
		sas[sa_count++] = sa;
	}
	for (size_t i = 0; i < sa_count; i++)
		__builtin_prefetch(sas[i]->key);
}
