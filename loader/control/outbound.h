/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outbound SAs of the daemon: their names and handles, the table that says which packet goes into which
 * (dataplane/spd.h), the way to each peer. They belong to no interface: the host hands a packet to any
 * worker, and the route to the peer says where it leaves. Only the control thread changes it; workers look
 * into the table.
 *
 * Add: everything is prepared first, the SA outlives the process, the table comes last. Delete: the SA is
 * dead first, then out of the table; when no worker of any interface can hold it, it is wiped and freed.
 */
#ifndef XESP_CONTROL_OUTBOUND_H
#define XESP_CONTROL_OUTBOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "control/handle.h"
#include "control/restore.h"
#include "control/sa_params.h"
#include "dataplane/sa_out.h"
#include "dataplane/spd.h"

struct outbound;

struct outbound_config {
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto; /* borrowed: the control thread's */
	uint32_t capacity;
	struct state *state; /* borrowed: where SAs outlive the process; NULL: they do not */

	/* The workers of all interfaces, as in struct sadb_config; both NULL if there are none. */
	bool (*quiesce)(void *owner, bool begin, unsigned int timeout_ms);
	void (*forget)(void *owner, const struct crypto_key *key);
	/* The way to a peer, shared by all SAs to it; -ENOMEM, -ENOSPC. Both NULL: there is none. */
	int (*hop_take)(void *owner, const struct ip_addr *dst, struct nexthop **ret_hop);
	void (*hop_give)(void *owner, struct nexthop *hop);
	/* There are SAs that outbound_reap() has to free; may be NULL. May not change the store. */
	void (*marked)(void *owner);
	void *owner;
};

int outbound_new(const struct outbound_config *config, struct outbound **ret_outbound);
/* Takes over what another engine left, into an empty store: SAs with their handles, numbers, counters,
 * lifetimes, and where their peers are. */
void outbound_restore(struct outbound *outbound, struct restore_tally *tally);
/* Deletes every SA; NULL-safe. No worker runs. */
void outbound_free(struct outbound *outbound);

/* Adds a validated SA. -EEXIST: SPI and peer address are in use; -ENOSPC: capacity (`*ret_what` says of
 * what); -ENOMEM, -EIO, -EOPNOTSUPP as sa_out_new(). Changes nothing on failure. */
int outbound_add(struct outbound *outbound, const struct sa_params *params, const struct sa_out **ret_sa,
		 const char **ret_what);
/* From the return on nothing is sent by it. `*ret_marked` (may be NULL): its memory waits for a worker. */
void outbound_delete(struct outbound *outbound, const struct sa_out *sa, bool *ret_marked);
/* Deletes those of an interface, or all (""); returns how many. */
uint32_t outbound_flush(struct outbound *outbound, const char *dev);
/* The peer is at another address or port: packets go there from now on. The SA keeps its name. -EAFNOSUPPORT:
 * of another family; -ENOMEM, -ENOSPC: there is no way to it to be had, nothing has changed. */
int outbound_move(struct outbound *outbound, const struct sa_out *sa, const struct ip_addr *peer,
		  uint16_t port);
/* Frees deleted SAs if the workers have let go of them; returns how many still wait. */
uint32_t outbound_reap(struct outbound *outbound);

/* NULL: the handle is stale. */
const struct sa_out *outbound_get(const struct outbound *outbound, struct handle handle);
/* The same, to send by it from the control thread. */
struct sa_out *outbound_sender(const struct outbound *outbound, struct handle handle);
/* Of an SA as outbound_get() finds it. */
struct sa_life *outbound_life(const struct outbound *outbound, struct handle handle);
const struct sa_out *outbound_find(const struct outbound *outbound, uint32_t spi, const struct ip_addr *dst);
/* The first SA at or behind slot `*index`, or NULL; advances `*index` past it. Start with 0. */
const struct sa_out *outbound_next(const struct outbound *outbound, uint32_t *index);
/* SAs, without those that are deleted and wait to be freed. */
uint32_t outbound_count(const struct outbound *outbound);
/* What workers look into; lives as long as the store. */
const struct spd *outbound_spd(const struct outbound *outbound);

#endif
