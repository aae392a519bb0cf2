/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the SA store, for its own files: sadb.c, and sadb_restore.c, which fills it from what another
 * engine left. Control thread; workers only read `slots`.
 */
#ifndef XESP_CONTROL_SADB_PRIVATE_H
#define XESP_CONTROL_SADB_PRIVATE_H

#include "control/sadb.h"
#include "control/state_store.h"

#define NO_SLOT UINT32_MAX

struct slot {
	struct sa *_Atomic sa; /* what workers find here */
	struct sa *owned;      /* the same, or an SA that is deleted and not freed yet */
	struct sadb_parser *parser;
	uint32_t generation; /* of the SA that is or was here last */
	uint32_t next;	     /* slot in the same chain of the index, or of those marked */
	uint32_t added;	     /* seconds of CLOCK_REALTIME */
};

struct sadb {
	struct sadb_config config;
	struct slot *slots;
	uint32_t *free; /* ring of free slot numbers: the one freed first is used first */
	uint32_t free_head;
	_Atomic uint32_t used; /* slots that are not in it; workers read it */
	uint32_t *chains;
	uint32_t chain_mask;
	uint32_t awaited; /* first slot of the marked ones that the workers are awaited for, or NO_SLOT */
	uint32_t later;	  /* the same of those marked since that began */
	uint32_t marked_count;
	uint32_t hand;		   /* where the next search for a delete request begins */
	struct state_store *store; /* NULL without state memory */
	uint32_t first_generation; /* of handles that this process gives away */
	struct sadb_parsers parsers;
};

struct sa *sadb_index_find(const struct sadb *db, uint32_t spi, const struct ip_addr *dst);
void sadb_index_add(struct sadb *db, const struct sa *sa);
uint32_t sadb_now_seconds(void);
/* Takes what the SA of a slot needs of the classifier; leaves nothing behind on failure. */
int sadb_publish(struct sadb *db, struct slot *slot, const char **ret_what);

#endif
