/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parser entries of one interface, as NDIS has them: which UDP port carries which encapsulation, shared
 * by any number of SAs, mirrored in the classifier. Part of the SA store; control thread only.
 */
#ifndef XESP_CONTROL_SADB_PARSERS_H
#define XESP_CONTROL_SADB_PARSERS_H

#include <stdbool.h>
#include <stdint.h>

#include "control/handle.h"
#include "control/sa_params.h"
#include "host/classifier.h"

/* `refs` counts the SAs that belong to the entry. */
struct sadb_parser {
	struct handle handle;
	uint32_t id; /* as the classifier knows it: never 0, and not used again soon; 0: free place */
	enum xesp_encap type;
	uint16_t port; /* host order */
	uint32_t refs;
};

struct sadb_parsers {
	struct classifier *classifier; /* borrowed */
	struct sadb_parser *entries;   /* XESP_PARSERS_MAX places */
	uint32_t count;
	uint32_t last_id;
};

/* -ENOMEM. */
int sadb_parsers_init(struct sadb_parsers *parsers, struct classifier *classifier);
/* Removes nothing from the classifier; also fine on zeroed memory. */
void sadb_parsers_cleanup(struct sadb_parsers *parsers);

/* Takes a reference on the entry of an encapsulation, making one if there is none. -ENOSPC: the table is
 * full; else what the classifier said. */
int sadb_parsers_take(struct sadb_parsers *parsers, const struct sa_encap *encap,
		      struct sadb_parser **ret_parser, bool *ret_made);
/* Gives the reference back; the entry stays. */
void sadb_parsers_give(struct sadb_parser *parser);
/* Removes an entry without references, from the classifier as well. What the classifier said; it is gone
 * here in any case. */
int sadb_parsers_remove(struct sadb_parsers *parsers, struct sadb_parser *parser);
/* Removes all that have no references; the first error of the classifier. */
int sadb_parsers_sweep(struct sadb_parsers *parsers);

/* NULL: the handle is stale. */
struct sadb_parser *sadb_parsers_get(const struct sadb_parsers *parsers, struct handle handle);
/* The first entry at or behind place `*index`, or NULL; advances `*index` past it. Start with 0. */
struct sadb_parser *sadb_parsers_next(const struct sadb_parsers *parsers, uint32_t *index);

#endif
