/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SA store filled from what another engine left. Control thread, before there are workers.
 */
#include <errno.h>
#include <string.h>

#include "control/lifetime.h"
#include "control/sadb_private.h"
#include "control/validate.h"

/* Legacy algorithms were allowed when it was added, or they would not be here. */
static const char *params_wrong(const struct sa_params *params)
{
	struct field_error error;

	if (!restore_params_readable(params) || params->dir != SA_DIR_IN || validate_sa(params, true, &error))
		return "what it was made of is damaged";
	return NULL;
}

static const char *place_wrong(const struct sadb *db, const struct sa *sa)
{
	if (sa->index >= db->config.capacity || !sa->generation)
		return "its handle is damaged";
	if (db->slots[sa->index].owned || sadb_index_find(db, sa->params.spi, &sa->params.dst))
		return "there is another in its place";
	return NULL;
}

static const char *failure(int err)
{
	switch (err) {
	case -EBADMSG: return "its window or its counts are damaged";
	case -EOPNOTSUPP: return "the crypto provider lacks its algorithm";
	default: return strerror(-err);
	}
}

/* Into its slot, and where packets find it. NULL, or what is wrong: then nothing of it is left in the store.
 */
static const char *put_back(struct sadb *db, struct sa *sa, uint64_t now)
{
	const struct sadb_config *config = &db->config;
	struct slot *slot = &db->slots[sa->index];
	const char *what = NULL;
	int err = sa_restore(sa, config->state, config->provider, config->crypto, now);

	if (err)
		return failure(err);
	slot->owned = sa;
	slot->generation = sa->generation;
	slot->added = sadb_now_seconds();
	err = sadb_publish(db, slot, &what);
	if (!err) {
		sadb_index_add(db, sa);
		return NULL;
	}
	slot->owned = NULL;
	slot->parser = NULL;
	config->provider->key_free((struct crypto_key *)sa->key);
	return "the classifier does not take it";
}

static void restore_one(struct sadb *db, struct state_head *head, uint64_t now, struct restore_tally *tally)
{
	struct sa *sa = sa_found(head);
	const char *wrong;

	if (!sa) {
		restore_lost_block(tally, head, "");
		state_drop(db->config.state, head);
		return;
	}
	wrong = params_wrong(&sa->params);
	if (!wrong)
		wrong = place_wrong(db, sa);
	if (!wrong)
		wrong = put_back(db, sa, now);
	if (wrong) {
		restore_lost(tally, &sa->params, true, wrong);
		state_drop(db->config.state, head);
		return;
	}
	state_store_found(db->store, sa->generation);
	tally->kept++;
	db->used++;
}

/* The slots that are left. */
static void fill_free(struct sadb *db)
{
	uint32_t count = 0;

	db->free_head = 0;
	for (uint32_t i = 0; i < db->config.capacity; i++)
		if (!db->slots[i].owned)
			db->free[count++] = i;
}

void sadb_restore(struct sadb *db, struct restore_tally *tally)
{
	struct state_cursor cursor = {0};
	uint64_t now = lifetime_now();
	struct state_head *head;

	if (!db->config.state)
		return;
	sadb_parsers_restore(&db->parsers);
	while ((head = state_next(db->config.state, STATE_SA, db->config.store, false, &cursor)))
		restore_one(db, head, now, tally);
	fill_free(db);
	db->first_generation = state_store_highest(db->store) + 1;
	db->parsers.first_generation = db->first_generation;
}
