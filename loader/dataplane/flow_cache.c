/* SPDX-License-Identifier: BSD-2-Clause */
/* The worker's thread. */
#include "dataplane/flow_cache.h"

#include <string.h>

/* The sender of a flow chooses what is hashed, and by it at most whose place it takes. */
static uint32_t place_of(const uint64_t *words)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < FLOW_CACHE_WORDS; i++)
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(hash >> 56) % FLOW_CACHE_ENTRIES;
}

struct sa_out *flow_cache_find(struct flow_cache *cache, const struct spd *spd, const struct spd_flow *flow)
{
	/* Before the lookup: what changes meanwhile makes the entry old. */
	uint64_t words[FLOW_CACHE_WORDS] = {0}, version = spd_version(spd);
	struct sa_out *sa;
	uint32_t place;

	_Static_assert(sizeof(*flow) <= sizeof(words), "all of it is compared");
	memcpy(words, flow, sizeof(*flow));
	place = place_of(words);
	if (cache->entries[place].sa && cache->entries[place].version == version &&
	    memcmp(cache->entries[place].flow, words, sizeof(words)) == 0)
		return cache->entries[place].sa;
	sa = spd_find(spd, flow);
	cache->entries[place].sa = sa;
	cache->entries[place].version = version;
	memcpy(cache->entries[place].flow, words, sizeof(words));
	return sa;
}
