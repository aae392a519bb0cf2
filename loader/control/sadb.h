/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SA store of one interface: its SAs, its parser entries, and the classifier's tables that mirror
 * them. Only the control thread changes it; workers only call sadb_get().
 *
 * Add: everything is prepared first, the classifier's SA entry comes last, and a failure at any step
 * undoes the steps before it. Delete: the classifier's entry goes first, then the slot, then `quiesce`
 * waits until no worker can hold the SA, then it is wiped and freed.
 */
#ifndef XESP_CONTROL_SADB_H
#define XESP_CONTROL_SADB_H

#include <stdint.h>

#include "control/sa_params.h"
#include "dataplane/sa.h"
#include "host/classifier.h"

struct sadb;

struct sadb_config {
	struct classifier *classifier; /* borrowed */
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto; /* borrowed: the control thread's */
	uint32_t capacity;
	/* Returns when every worker has passed a point where it holds no SA. NULL if there are none. */
	void (*quiesce)(void *ctx);
	void *quiesce_ctx;
};

/* One parser entry. `refs` counts the SAs that belong to it. */
struct sadb_parser {
	uint32_t id; /* never 0, never reused */
	enum xesp_encap type;
	uint16_t port; /* host order */
	uint32_t refs;
};

int sadb_new(const struct sadb_config *config, struct sadb **ret_db);
/* Deletes every SA and parser entry; NULL-safe. */
void sadb_free(struct sadb *db);

/* Adds a validated SA; an encapsulation without a parser entry creates one. -EEXIST: SPI and destination
 * are in use; -ENOSPC: capacity (`*ret_what` says of what: "SAs", "parser entries"); -ENOMEM; -EOPNOTSUPP:
 * the crypto provider lacks the algorithm; else what the classifier said. Changes nothing on failure. */
int sadb_add(struct sadb *db, const struct sa_params *params, const struct sa **ret_sa,
	     const char **ret_what);
/* Deletes the SA and, with the last SA of it, its parser entry. -ENOENT. */
int sadb_del(struct sadb *db, uint32_t spi, const struct ip_addr *dst);
/* Deletes all; returns their number. */
uint32_t sadb_flush(struct sadb *db);

/* The SA of a slot, or NULL if the slot is free or has another generation. Any thread. */
struct sa *sadb_get(const struct sadb *db, uint32_t index, uint32_t generation);
/* Control thread only. */
const struct sa *sadb_find(const struct sadb *db, uint32_t spi, const struct ip_addr *dst);
/* The first SA at or behind slot `*index`, or NULL; advances `*index` past it. Start with 0. */
const struct sa *sadb_next(const struct sadb *db, uint32_t *index);
/* The parser entry of an SA, or NULL if it has none; valid until the next change of the store. */
const struct sadb_parser *sadb_parser_of(const struct sadb *db, const struct sa *sa);
/* The entry at position `i` < sadb_parser_count(), in no special order. */
const struct sadb_parser *sadb_parser_at(const struct sadb *db, uint32_t i);
uint32_t sadb_parser_count(const struct sadb *db);
uint32_t sadb_count(const struct sadb *db);
uint32_t sadb_capacity(const struct sadb *db);

#endif
