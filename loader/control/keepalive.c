/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/keepalive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* A NAT's mapping, as far as it can be seen from here. */
struct mapping {
	struct sa_out_ends ends; /* with its padding zero: it is hashed */
	const struct sa_out *sa; /* one of those, valid in `round` */
	uint64_t last;		 /* when something was sent */
	uint32_t round;
	UT_hash_handle hh;
};

struct keepalive {
	struct keepalive_config config;
	struct mapping *mappings;
	uint32_t round;
};

int keepalive_new(const struct keepalive_config *config, struct keepalive **ret_keepalive)
{
	struct keepalive *keepalive = calloc(1, sizeof(*keepalive));

	if (!keepalive)
		return -ENOMEM;
	keepalive->config = *config;
	*ret_keepalive = keepalive;
	return 0;
}

static void forget(struct keepalive *keepalive, struct mapping *mapping)
{
	HASH_DEL(keepalive->mappings, mapping); /* NOLINT(clang-analyzer-core.NullDereference): it is in it */
	free(mapping);
}

void keepalive_free(struct keepalive *keepalive)
{
	struct mapping *mapping;
	struct mapping *next;

	if (!keepalive)
		return;
	HASH_ITER (hh, keepalive->mappings, mapping, next)
		forget(keepalive, mapping);
	free(keepalive);
}

/* NULL: no memory, so the mapping is not kept alive for now. */
static struct mapping *find(struct keepalive *keepalive, const struct sa_out *sa, uint64_t now)
{
	struct mapping *mapping;
	struct sa_out_ends got;
	struct sa_out_ends ends;

	sa_out_get_ends(sa, &got);
	memset(&ends, 0, sizeof(ends));
	ends.src = got.src;
	ends.dst = got.dst;
	ends.sport = got.sport;
	ends.dport = got.dport;
	HASH_FIND(hh, keepalive->mappings, &ends, sizeof(ends), mapping);
	if (mapping)
		return mapping;
	mapping = calloc(1, sizeof(*mapping));
	if (!mapping)
		return NULL;
	memcpy(&mapping->ends, &ends, sizeof(ends));
	mapping->last = now;
	HASH_ADD(hh, keepalive->mappings, ends, sizeof(mapping->ends), mapping);
	if (hash_added(&mapping->hh))
		return mapping;
	free(mapping);
	return NULL;
}

/* What SAs say of their last packets. */
static void gather(struct keepalive *keepalive, const struct outbound *outbound, uint64_t now)
{
	const struct sa_out *sa;

	for (uint32_t i = 0; (sa = outbound_next(outbound, &i));) {
		uint64_t used = atomic_load_explicit(&sa->counters.last_used, memory_order_relaxed);
		struct mapping *mapping = sa->params.encap.present ? find(keepalive, sa, now) : NULL;

		if (!mapping)
			continue;
		if (used > mapping->last)
			mapping->last = used;
		if (mapping->last > now) /* the clock was set back */
			mapping->last = now;
		mapping->sa = sa;
		mapping->round = keepalive->round;
	}
}

uint32_t keepalive_sweep(struct keepalive *keepalive, const struct outbound *outbound, uint64_t now)
{
	const struct keepalive_config *config = &keepalive->config;
	uint64_t next = UINT64_MAX;
	struct mapping *mapping;
	struct mapping *other;

	keepalive->round++;
	gather(keepalive, outbound, now);
	HASH_ITER (hh, keepalive->mappings, mapping, other) {
		if (mapping->round != keepalive->round) {
			forget(keepalive, mapping);
			continue;
		}
		if (now - mapping->last >= config->seconds &&
		    config->send(config->owner, mapping->sa, &mapping->ends))
			mapping->last = now;
		if (mapping->last + config->seconds < next)
			next = mapping->last + config->seconds;
	}
	if (next == UINT64_MAX)
		return 0;
	/* One that could not be sent is tried again. */
	return next > now ? (uint32_t)(next - now) : 1;
}
