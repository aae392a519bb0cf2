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
#include "control/state_store.h"
#include "host/classifier.h"

struct kept_parser;

/* `refs` counts the SAs that belong to the entry. */
struct sadb_parser {
	struct handle handle;
	uint32_t id; /* as the classifier knows it: never 0, and not used again soon; 0: free place */
	enum xesp_encap type;
	uint16_t port; /* host order */
	uint32_t refs;
	struct kept_parser *kept; /* what another engine would find of it; NULL without state memory */
};

/* Where entries outlive the process: the SA store's; all zero: nowhere. */
struct sadb_parsers_state {
	struct state *memory;
	uint32_t number;
	struct state_store *store;
};

struct sadb_parsers {
	struct classifier *classifier; /* borrowed */
	struct sadb_parsers_state state;
	struct sadb_parser *entries; /* XESP_PARSERS_MAX places */
	uint32_t count;
	uint32_t last_id;
	uint32_t first_generation; /* of handles that this process gives away */
};

/* -ENOMEM. */
int sadb_parsers_init(struct sadb_parsers *parsers, struct classifier *classifier,
		      const struct sadb_parsers_state *state);
/* Makes the entries that another engine left, with their handles and without references, before there are
 * any; what is damaged is wiped: its SAs make another. */
void sadb_parsers_restore(struct sadb_parsers *parsers);
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
