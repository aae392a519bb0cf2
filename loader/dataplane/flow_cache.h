/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which SA the flows of a worker went into lately, so that most packets are not looked up in the table of
 * selectors. What it says holds until the table changes. One worker's.
 */
#ifndef XESP_DATAPLANE_FLOW_CACHE_H
#define XESP_DATAPLANE_FLOW_CACHE_H

#include "dataplane/spd.h"

#define FLOW_CACHE_ENTRIES 256 /* a power of two */
#define FLOW_CACHE_WORDS 5

struct flow_cache {
	struct {
		uint64_t flow[FLOW_CACHE_WORDS];
		struct sa_out *sa; /* NULL: an empty place */
		uint64_t version;  /* of the table */
	} entries[FLOW_CACHE_ENTRIES];
};

/* As spd_find(). */
struct sa_out *flow_cache_find(struct flow_cache *cache, const struct spd *spd, const struct spd_flow *flow);

#endif
