/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the store of outbound SAs, for its own files: outbound.c, and outbound_restore.c, which fills
 * it from what another engine left. Control thread.
 */
#ifndef XESP_CONTROL_OUTBOUND_PRIVATE_H
#define XESP_CONTROL_OUTBOUND_PRIVATE_H

#include "base/hash.h"
#include "control/outbound.h"
#include "control/state_store.h"

struct outbound_name {
	uint32_t spi;
	struct ip_addr dst;
};

struct outbound_slot {
	struct outbound_name name;
	struct sa_out *sa;	    /* NULL: free, or its SA is deleted */
	struct sa_out *owned;	    /* the same, or an SA that is deleted and not freed yet */
	struct outbound_slot *next; /* free, or marked */
	uint32_t generation;
	UT_hash_handle hh;
};

/* The way to where a peer was: workers may still read it. */
struct left_hop {
	struct nexthop *hop;
	struct left_hop *next;
};

struct outbound {
	struct left_hop *left;
	struct outbound_config config;
	struct spd *spd;
	struct outbound_slot *slots;
	struct outbound_slot *unused; /* freed ones come last */
	struct outbound_slot **unused_end;
	struct outbound_slot *by_name;
	struct outbound_slot *awaited; /* marked: of these the workers are awaited */
	struct outbound_slot *later;   /* marked since that began */
	struct state_store *store;     /* NULL without state memory */
	uint32_t first_generation;     /* of handles that this process gives away */
	uint32_t used;
	uint32_t marked;
};

struct outbound_slot *outbound_slot_find(const struct outbound *outbound, uint32_t spi,
					 const struct ip_addr *dst);
/* Gives the slot the name of an SA. -ENOMEM. */
int outbound_name_add(struct outbound *outbound, struct outbound_slot *slot, const struct sa_params *params);
void outbound_name_del(struct outbound *outbound, struct outbound_slot *slot);
/* Every slot without an SA is to be used. */
void outbound_fill_unused(struct outbound *outbound);
/* Takes the way to the peer and puts the SA into the table, last. Leaves nothing behind on failure. */
int outbound_publish(struct outbound *outbound, struct sa_out *sa, const char **ret_what);

#endif
