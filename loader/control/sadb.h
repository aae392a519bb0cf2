/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SA store of one interface: its SAs, its parser entries, and the classifier's tables that mirror
 * them. Only the control thread changes it; workers only call sadb_get(),
 * sadb_is_large() and sadb_prefetch().
 *
 * Add: everything is prepared first, then the SA outlives the process, the classifier's SA entry comes last,
 * and a failure at any step undoes the steps before it. Delete: the SA no longer outlives the
 * process, the classifier's entry goes, then the slot, then `quiesce`
 * waits until no worker can hold the SA, then it is wiped and freed. If a worker does not get there in time,
 * the SA stays marked as dead, which keeps its packets from being delivered, and is freed by sadb_reap().
 */
#ifndef XESP_CONTROL_SADB_H
#define XESP_CONTROL_SADB_H

#include <stdint.h>

#include "control/handle.h"
#include "control/restore.h"
#include "control/sa_params.h"
#include "control/sadb_parsers.h"
#include "dataplane/sa.h"
#include "host/classifier.h"

/* How long a delete waits for the workers, in milliseconds; and how long while SAs are marked, because a
 * worker hangs: enough to end a burst. */
#define SADB_QUIESCE_MS 100
#define SADB_QUIESCE_AGAIN_MS 1

struct sadb;

struct sadb_config {
	struct classifier *classifier; /* borrowed */
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto; /* borrowed: the control thread's */
	uint32_t capacity;
	struct state *state; /* borrowed: where SAs outlive the process; NULL: they do not */
	uint32_t store;	     /* of this number there: the ifindex; no other store has it */

	/* The workers; both NULL if there are none. `quiesce` returns true when every worker has passed a
	 * point where it holds no SA, since this call (`begin`) or since the last one with `begin`; false if
	 * one has not in this time. `forget` wipes what they made of a key. */
	bool (*quiesce)(void *workers, bool begin, unsigned int timeout_ms);
	void (*forget)(void *workers, const struct crypto_key *key);
	void *workers;

	/* Each may be NULL. `marked`: there are SAs that sadb_reap() has to free. `delete_request`: an add
	 * found no room, and this SA would be missed least. Neither may change the store. */
	void (*marked)(void *owner);
	void (*delete_request)(void *owner, const struct sa *sa);
	void *owner;
};

/* What becomes of the parser entry of an SA that is deleted. */
enum sadb_entry {
	SADB_ENTRY_STAYS,
	SADB_ENTRY_IF_UNUSED, /* goes with its last SA */
	SADB_ENTRY_GOES,      /* goes with this SA, which must be its last */
};

int sadb_new(const struct sadb_config *config, struct sadb **ret_db);
/* Takes over what another engine left for a store of this number: SAs and parser entries with their handles,
 * windows, counters and lifetimes. Into a store and classifier's tables that are empty. */
void sadb_restore(struct sadb *db, struct restore_tally *tally);
/* Deletes every SA and parser entry; NULL-safe. The workers have ended. */
void sadb_free(struct sadb *db);

/* Adds a validated SA; an encapsulation without a parser entry makes one. -EEXIST: SPI and destination
 * are in use; -ENOSPC: capacity (`*ret_what` says of what: "SAs", "parser entries"); -ENOMEM; -EOPNOTSUPP:
 * the crypto provider lacks the algorithm; else what the classifier said. Changes nothing on failure. */
int sadb_add(struct sadb *db, const struct sa_params *params, const struct sa **ret_sa,
	     const char **ret_what);
/* Makes the SA one of the parser entry that a request names, before sadb_add(): an SA without encapsulation
 * takes over type and port. -ESTALE: there is no such entry; -EINVAL: the SA has another type or port. */
int sadb_bind(const struct sadb *db, struct handle handle, struct sa_params *params);

/* Deletes the SA; from the return on no packet uses it. `*ret_marked` (may be NULL): its memory has to wait
 * for a worker. -EBUSY: the entry has other SAs, nothing has changed. Another error is what the classifier
 * said; the SA is deleted in spite of it. */
int sadb_delete(struct sadb *db, const struct sa *sa, enum sadb_entry entry, bool *ret_marked);
/* The same by name, with SADB_ENTRY_IF_UNUSED. -ENOENT. */
int sadb_del(struct sadb *db, uint32_t spi, const struct ip_addr *dst);
/* Deletes all SAs and parser entries; returns the number of SAs. */
uint32_t sadb_flush(struct sadb *db);
/* Frees marked SAs if the workers have let go of them; returns how many still wait. */
uint32_t sadb_reap(struct sadb *db);

/* The SA of a slot, or NULL if the slot is free or has another generation. Any thread. */
struct sa *sadb_get(const struct sadb *db, uint32_t index, uint32_t generation);
/* So many SAs that it pays to have those of a burst prefetched. Any thread. */
bool sadb_is_large(const struct sadb *db);
/* Prefetches what opening packets with these slots' SAs will read first; `count` <= XESP_BURST_MAX, any
 * indexes. By a worker that may hold SAs. */
void sadb_prefetch(const struct sadb *db, const uint32_t *indexes, size_t count);
/* Control thread only. */
const struct sa *sadb_find(const struct sadb *db, uint32_t spi, const struct ip_addr *dst);
/* The first SA at or behind slot `*index`, or NULL; advances `*index` past it. Start with 0. */
const struct sa *sadb_next(const struct sadb *db, uint32_t *index);
/* The parser entry of an SA, or NULL if it has none; valid until the next change of the store. */
const struct sadb_parser *sadb_parser_of(const struct sadb *db, const struct sa *sa);
/* NULL: the handle is stale. */
const struct sadb_parser *sadb_parser_get(const struct sadb *db, struct handle handle);
/* The first parser entry at or behind place `*index`, or NULL; advances `*index` past it. Start with 0. */
const struct sadb_parser *sadb_parser_next(const struct sadb *db, uint32_t *index);
uint32_t sadb_parser_count(const struct sadb *db);
/* SAs, without those that are deleted and wait to be freed. */
uint32_t sadb_count(const struct sadb *db);
uint32_t sadb_marked(const struct sadb *db);
/* SAs that there is room for, those that wait to be freed included. */
uint32_t sadb_capacity(const struct sadb *db);
/* The classifier of the store's configuration. Any thread. */
const struct classifier *sadb_classifier(const struct sadb *db);

#endif
