/* SPDX-License-Identifier: BSD-2-Clause */
/* The worker's thread. */
#include "dataplane/flow_cache.h"

#include <string.h>

/* The sender of a flow chooses what is hashed, and by it at most whose place it takes. */
static uint32_t place_of(const struct spd_flow *flow)
{
	uint64_t words[5], hash = 0;

	_Static_assert(sizeof(*flow) <= sizeof(words), "all of it is hashed");
	words[4] = 0;
	memcpy(words, flow, sizeof(*flow));
	for (size_t i = 0; i < 5; i++)
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(hash >> 56) % FLOW_CACHE_ENTRIES;
}

struct sa_out *flow_cache_find(struct flow_cache *cache, const struct spd *spd, const struct spd_flow *flow)
{
	uint32_t place = place_of(flow);
	/* Before the lookup: what changes meanwhile makes the entry old. */
	uint64_t version = spd_version(spd);
	struct sa_out *sa;

	if (cache->entries[place].sa && cache->entries[place].version == version &&
	    memcmp(&cache->entries[place].flow, flow, sizeof(*flow)) == 0)
		return cache->entries[place].sa;
	sa = spd_find(spd, flow);
	cache->entries[place].sa = sa;
	cache->entries[place].version = version;
	cache->entries[place].flow = *flow;
	return sa;
}
