/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a store of SAs has in state memory beside its SAs: the highest generation of a handle that it gave
 * away, so that a handle whose object went before a restart names nothing after it. Control thread.
 */
#ifndef XESP_CONTROL_STATE_STORE_H
#define XESP_CONTROL_STATE_STORE_H

#include <stdint.h>

#include "dataplane/state.h"

struct state_store;

/* That of the store of this number, as another engine left it, or a new one. NULL `state`: `*ret_store` is
 * NULL. -ENOMEM. */
int state_store_open(struct state *state, uint32_t number, struct state_store **ret_store);
/* The store is no more; NULL-safe. */
void state_store_free(struct state_store *store);

/* 0 without state memory. */
uint32_t state_store_highest(const struct state_store *store);
/* A handle of this generation was found. If there can be none, what was kept here is lost: handles go on far
 * from where those can have been. */
void state_store_found(struct state_store *store, uint32_t generation);
/* Before a handle of this generation is given away; NULL-safe. */
void state_store_note(struct state_store *store, uint32_t generation);

#endif
