/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What another engine left in state memory (dataplane/state.h), taken over by this one. Nothing in it is
 * believed: that engine was killed at any instruction, or had a fault that wrote anywhere. What is damaged is
 * wiped, its SA is lost, and the log says which. Control thread, before requests are served.
 */
#ifndef XESP_CONTROL_RESTORE_H
#define XESP_CONTROL_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "control/sa_params.h"
#include "dataplane/state.h"

/* SAs; begins zeroed, all stores may share one. */
struct restore_tally {
	uint32_t kept;
	uint32_t lost;
};

/* Bytes of address space for the SAs of all stores of a daemon whose stores hold `capacity` SAs each. */
size_t restore_bytes(uint32_t capacity);

/* Counts a lost SA and says so in the log, of which a second takes only so much. `certain`: the params are
 * known to be its own. */
void restore_lost(struct restore_tally *tally, const struct sa_params *params, bool certain, const char *why);
/* The same of one whose block is damaged, or that nobody wants. */
void restore_lost_block(struct restore_tally *tally, struct state_head *head, const char *why);
/* False if what is read from these params could not even be loaded as what it is. */
bool restore_params_readable(const struct sa_params *params);
/* Wipes what no store has taken over: SAs of interfaces that are gone. When all stores are restored. */
void restore_sweep(struct state *state, struct restore_tally *tally);

#endif
