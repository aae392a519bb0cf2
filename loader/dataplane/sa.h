/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A running inbound SA: what the packet path needs of sa_params, laid out for it. Created and freed by
 * the control thread; while it is in the store, the replay window and the counters belong to the one
 * worker that owns the SA, and all else is read-only.
 */
#ifndef XESP_DATAPLANE_SA_H
#define XESP_DATAPLANE_SA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/sa_params.h"
#include "dataplane/crypto.h"
#include "dataplane/replay.h"
#include "dataplane/sa_life.h"
#include "dataplane/state.h"

#define SA_OWNER_NONE UINT32_MAX

/* What opening a packet needs besides the ICV and the window; derived from params, so that the packet path
 * asks one word instead of reading the request. */
enum sa_step {
	SA_STEP_SELECTOR = 1u << 0, /* the selector has a field that some packet may not match */
	SA_STEP_ECN = 1u << 1,	    /* tunnel mode: combine the ECN fields (RFC 6040) */
	SA_STEP_DSCP = 1u << 2,	    /* tunnel mode: copy the outer DSCP */
};

/* Written by the owner with relaxed stores, read by the control thread at any time. */
struct sa_counters {
	_Atomic uint64_t packets; /* opened: the ICV was good and the number new */
	_Atomic uint64_t bytes;	  /* of ESP payload in them: decrypted bytes without padding and trailer */
	_Atomic uint64_t auth_failed;
	_Atomic uint64_t replayed;
	_Atomic uint64_t malformed;  /* every other drop */
	_Atomic uint64_t first_used; /* seconds of CLOCK_REALTIME, 0: never */
	_Atomic uint64_t last_used;
};

/* Where the peer's packets come from: an IPv4 address in the first bytes of `addr`, all else 0. */
struct sa_peer {
	uint64_t addr[2];
	uint16_t port; /* UDP source port as in the packet; 0: native ESP, or not known yet */
};

enum sa_told {
	SA_TOLD_FIRST_USE = 1u << 0,
	SA_TOLD_SOFT_BYTES = 1u << 1,
	SA_TOLD_SOFT_PACKETS = 1u << 2,
	SA_TOLD_HARD = 1u << 3,
};

/* What the owner watches as packets come; see esp_watch.h. */
struct sa_watch {
	uint64_t packets_next; /* counts from which on there is something to tell */
	uint64_t bytes_next;
	struct sa_peer peer;	       /* of the newest packet; before the first, what the request says */
	struct sa_peer peer_told;      /* the one that the last event told of */
	uint64_t peer_told_at;	       /* seconds; 0: never */
	_Atomic uint32_t peer_version; /* odd while `peer` is written */
	uint32_t mappings;	       /* events about the peer's address that were told */
	uint8_t told;		       /* enum sa_told */
	uint8_t expired;	       /* enum event_limit: the hard lifetime that was reached */
};

struct sa {
	struct state_head head;
	uint32_t index;
	uint32_t generation;
	uint32_t spi;		/* host order */
	_Atomic uint32_t owner; /* number of the worker, or SA_OWNER_NONE before the first packet */

	uint8_t mode; /* enum sa_mode */
	uint8_t icv_bytes;
	uint8_t iv_bytes;
	uint8_t align_bytes;
	uint32_t flags;
	uint32_t steps; /* enum sa_step */
	/* Set by the control thread: the SA is deleted, and nothing more of it is delivered. */
	_Atomic bool dead;
	_Atomic bool delete_requested; /* the engine has asked for its deletion (NDIS SaDeleteReq) */
	const struct crypto_key *key;
	const struct crypto_provider *provider;

	struct sa_counters counters;
	struct sa_watch watch;
	struct sa_life life;	 /* the control thread's */
	uint32_t mappings_taken; /* the control thread's: of watch.mappings, those that it has acted on */
	/* With the keys in state memory, where they outlive key memory; else without. */
	struct sa_params params;
	struct replay replay; /* last: variable size */
};

/* Most bytes that an SA with this window takes of state memory. */
size_t sa_bytes(uint32_t window);

/* Builds an SA from validated params: takes the key, sets up the window. -ENOMEM, -EOPNOTSUPP. The
 * caller keeps (and wipes) its params. */
int sa_new(const struct sa_params *params, const struct crypto_provider *provider, struct crypto_ctx *ctx,
	   struct sa **ret_sa);
/* The same in state memory, for the store of this number. */
int sa_new_in(struct state *state, uint32_t store, const struct sa_params *params,
	      const struct crypto_provider *provider, struct crypto_ctx *ctx, struct sa **ret_sa);

/* From here on the SA outlives this process: with its index and generation, and before the first packet can
 * find it, or that could come again after a restart. And no longer: before it is taken from where packets
 * find it. Both do nothing with an SA that does not lie in state memory. */
void sa_commit(struct sa *sa);
void sa_uncommit(struct sa *sa);
/* The SA in a block that state_next() found, or NULL if it is damaged; that is said of what never changes. */
struct sa *sa_found(struct state_head *head);
/* Makes it run again, when its params were found to be valid; `now` as of lifetimes. -EBADMSG: what changes
 * is damaged; -ENOMEM, -EOPNOTSUPP. On failure the block is for state_drop(). */
int sa_restore(struct sa *sa, struct state *state, const struct crypto_provider *provider,
	       struct crypto_ctx *ctx, uint64_t now);

/* Frees and wipes; NULL-safe. No worker may still see the SA, and each has forgotten its key. */
void sa_free(struct sa *sa);

#endif
