/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SA store. Owns every struct sa of one interface, the parser entries, and the index from
 * {SPI, destination} to them. The control thread runs all of it; workers only read `slots`.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/sadb_private.h"

/* Slots that one search for a delete request looks at. */
#define VICTIM_SAMPLE 64

/* What outlives the process. */
static int make_tables(struct sadb *db)
{
	struct sadb_parsers_state state = {.memory = db->config.state, .number = db->config.store};
	int err = state_store_open(db->config.state, db->config.store, &db->store);

	if (err)
		return err;
	state.store = db->store;
	db->first_generation = state_store_highest(db->store) + 1;
	return sadb_parsers_init(&db->parsers, db->config.classifier, &state);
}

int sadb_new(const struct sadb_config *config, struct sadb **ret_db)
{
	struct sadb *db = calloc(1, sizeof(*db));
	uint32_t chains = 1;

	if (!db)
		return -ENOMEM;
	while (chains < config->capacity)
		chains *= 2;
	db->config = *config;
	db->awaited = NO_SLOT;
	db->later = NO_SLOT;
	db->chain_mask = chains - 1;
	db->slots = calloc(config->capacity, sizeof(*db->slots));
	db->free = calloc(config->capacity, sizeof(*db->free));
	db->chains = malloc(chains * sizeof(*db->chains));
	if (!db->slots || !db->free || !db->chains || make_tables(db)) {
		sadb_free(db);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < config->capacity; i++)
		db->free[i] = i;
	memset(db->chains, 0xff, chains * sizeof(*db->chains));
	*ret_db = db;
	return 0;
}

/* ---- the index: chains through the slots, so that an add allocates nothing for it
 * --------------------------
 */

static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93u;
	value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93u;
	return value ^ (value >> 32);
}

static uint32_t *chain_of(const struct sadb *db, uint32_t spi, const struct ip_addr *dst)
{
	uint64_t halves[2] = {0};

	memcpy(halves, dst->bytes, ip_addr_size(dst->family));
	return &db->chains[mix(halves[0] ^ mix(halves[1] ^ mix(spi))) & db->chain_mask];
}

struct sa *sadb_index_find(const struct sadb *db, uint32_t spi, const struct ip_addr *dst)
{
	uint32_t number = *chain_of(db, spi, dst);

	for (; number != NO_SLOT; number = db->slots[number].next) {
		struct sa *sa = db->slots[number].owned;

		if (sa->spi == spi && ip_addr_equal(&sa->params.dst, dst))
			return sa;
	}
	return NULL;
}

void sadb_index_add(struct sadb *db, const struct sa *sa)
{
	uint32_t *chain = chain_of(db, sa->spi, &sa->params.dst);

	db->slots[sa->index].next = *chain;
	*chain = sa->index;
}

static void index_del(struct sadb *db, const struct sa *sa)
{
	uint32_t *link = chain_of(db, sa->spi, &sa->params.dst);

	while (*link != sa->index)
		link = &db->slots[*link].next;
	*link = db->slots[sa->index].next;
}

/* ---- slots -------------------------------------------------------------------------------------------- */

uint32_t sadb_now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (uint32_t)now.tv_sec;
}

static struct slot *slot_take(struct sadb *db, struct sa *sa)
{
	uint32_t number = db->free[db->free_head];
	struct slot *slot = &db->slots[number];

	db->free_head = (db->free_head + 1) % db->config.capacity;
	db->used++;
	/* A slot that this process has not used yet begins behind all that others may have given away. */
	slot->generation =
		slot->generation < db->first_generation ? db->first_generation : slot->generation + 1;
	state_store_note(db->store, slot->generation);
	sa->index = number;
	sa->generation = slot->generation;
	slot->owned = sa;
	slot->added = sadb_now_seconds();
	return slot;
}

static void slot_give(struct sadb *db, struct slot *slot)
{
	uint32_t number = (uint32_t)(slot - db->slots);

	slot->owned = NULL;
	db->used--;
	db->free[(db->free_head + db->config.capacity - db->used - 1) % db->config.capacity] = number;
}

/* ---- delete requests ------------------------------------------------------------------------------------
 */

/* Orders SAs by when they were of use last. Times are in whole seconds: of the same second, one that was used
 * comes behind one that was only added. */
static uint64_t last_useful(const struct slot *slot)
{
	uint64_t used = atomic_load_explicit(&slot->owned->counters.last_used, memory_order_relaxed);

	return (used > slot->added ? used : slot->added) * 2 + (used != 0);
}

/* Asks for the deletion of the SA that has been of no use for the longest time, among some: bounded work, and
 * another part of the store each time. Each SA is asked for once. */
static void request_deletion(struct sadb *db)
{
	uint32_t sample = db->config.capacity < VICTIM_SAMPLE ? db->config.capacity : VICTIM_SAMPLE;
	struct slot *chosen = NULL;

	if (!db->config.delete_request)
		return;
	for (uint32_t i = 0; i < sample; i++) {
		struct slot *slot = &db->slots[db->hand];
		const struct sa *sa = atomic_load_explicit(&slot->sa, memory_order_relaxed);

		db->hand = (db->hand + 1) % db->config.capacity;
		if (!sa || atomic_load_explicit(&sa->delete_requested, memory_order_relaxed))
			continue;
		if (!chosen || last_useful(slot) < last_useful(chosen))
			chosen = slot;
	}
	if (!chosen)
		return;
	atomic_store_explicit(&chosen->owned->delete_requested, true, memory_order_relaxed);
	db->config.delete_request(db->config.owner, chosen->owned);
}

/* ---- add ------------------------------------------------------------------------------------------------
 */

/* Takes what the SA needs of the classifier, its SA entry last. Leaves nothing behind on failure. */
int sadb_publish(struct sadb *db, struct slot *slot, const char **ret_what)
{
	struct classifier *classifier = db->config.classifier;
	struct sa *sa = slot->owned;
	const struct sa_params *params = &sa->params;
	struct xesp_sa_ref ref = {.index = sa->index, .generation = sa->generation};
	struct sadb_parser *parser = NULL;
	bool made = false;
	int err = 0;

	if (params->encap.present)
		err = sadb_parsers_take(&db->parsers, &params->encap, &parser, &made);
	if (err) {
		if (err == -ENOSPC)
			*ret_what = "parser entries";
		return err;
	}
	if (parser)
		ref.parser_id = parser->id;
	slot->parser = parser;
	/* From its first packet on the SA has a window that must not be forgotten. */
	sa_commit(sa);
	/* Before the classifier's entry: its first packet must find the SA. */
	atomic_store_explicit(&slot->sa, slot->owned, memory_order_release);
	err = classifier->ops->add_sa(classifier, params->spi, &params->dst, &ref);
	if (!err)
		return 0;
	/* No packet carries this index and generation: the classifier never had them. */
	atomic_store_explicit(&slot->sa, NULL, memory_order_relaxed);
	sa_uncommit(sa);
	if (parser)
		sadb_parsers_give(parser);
	if (made)
		sadb_parsers_remove(&db->parsers, parser);
	return err;
}

int sadb_add(struct sadb *db, const struct sa_params *params, const struct sa **ret_sa, const char **ret_what)
{
	struct slot *slot;
	struct sa *sa;
	int err;

	if (sadb_index_find(db, params->spi, &params->dst))
		return -EEXIST;
	if (db->used == db->config.capacity) {
		*ret_what = "SAs";
		request_deletion(db);
		return -ENOSPC;
	}
	err = sa_new_in(db->config.state, db->config.store, params, db->config.provider, db->config.crypto,
			&sa);
	if (err)
		return err;
	slot = slot_take(db, sa);
	err = sadb_publish(db, slot, ret_what);
	if (err) {
		slot_give(db, slot);
		sa_free(sa);
		return err;
	}
	sadb_index_add(db, sa);
	*ret_sa = sa;
	return 0;
}

int sadb_bind(const struct sadb *db, struct handle handle, struct sa_params *params)
{
	const struct sadb_parser *parser = sadb_parser_get(db, handle);

	if (!parser)
		return -ESTALE;
	if (params->encap.present)
		return params->encap.type == parser->type && params->encap.dport == parser->port ? 0
												 : -EINVAL;
	params->encap = (struct sa_encap){.present = true, .type = parser->type, .dport = parser->port};
	return 0;
}

/* ---- delete ---------------------------------------------------------------------------------------------
 */

/* From here on no packet that the classifier looks at leads to the SA, no worker finds it anew, and what a
 * worker has of it is not delivered. Its memory stays valid for that worker; the name is free. */
static int unpublish(struct sadb *db, struct slot *slot)
{
	struct classifier *classifier = db->config.classifier;
	struct sa *sa = slot->owned;
	int err;

	/* First of all: who deletes an SA wants its key gone, whatever happens to this process. */
	sa_uncommit(sa);
	err = classifier->ops->del_sa(classifier, sa->spi, &sa->params.dst);
	atomic_store(&slot->sa, NULL);
	atomic_store(&sa->dead, true);
	index_del(db, sa);
	if (slot->parser)
		sadb_parsers_give(slot->parser);
	slot->parser = NULL;
	slot->next = db->later;
	db->later = sa->index;
	db->marked_count++;
	return err == -ENOENT ? 0 : err;
}

/* Frees a list of marked SAs, which is empty then. */
static void free_marked(struct sadb *db, uint32_t *list)
{
	while (*list != NO_SLOT) {
		struct slot *slot = &db->slots[*list];
		struct sa *sa = slot->owned;

		*list = slot->next;
		db->marked_count--;
		/* An SA that never had a packet has left nothing in a worker. */
		if (db->config.forget && atomic_load(&sa->owner) != SA_OWNER_NONE)
			db->config.forget(db->config.workers, sa->key);
		slot_give(db, slot);
		sa_free(sa);
	}
}

/* Frees what the workers have let go of: first those that were awaited before, then those marked since, for
 * which a new wait begins. So a worker need not be between two rounds just when somebody looks. */
static void free_quiesced(struct sadb *db, unsigned int timeout_ms)
{
	const struct sadb_config *config = &db->config;

	if (db->awaited != NO_SLOT) {
		if (config->quiesce && !config->quiesce(config->workers, false, 0))
			return;
		free_marked(db, &db->awaited);
	}
	if (db->later == NO_SLOT)
		return;
	db->awaited = db->later;
	db->later = NO_SLOT;
	if (!config->quiesce || config->quiesce(config->workers, true, timeout_ms))
		free_marked(db, &db->awaited);
}

/* `before`: SAs that were marked already. */
static void free_or_report(struct sadb *db, uint32_t before)
{
	free_quiesced(db, before ? SADB_QUIESCE_AGAIN_MS : SADB_QUIESCE_MS);
	if (db->marked_count && db->config.marked)
		db->config.marked(db->config.owner);
}

int sadb_delete(struct sadb *db, const struct sa *sa, enum sadb_entry entry, bool *ret_marked)
{
	struct slot *slot = &db->slots[sa->index];
	struct sadb_parser *parser = slot->parser;
	uint32_t before = db->marked_count;
	int err, parser_err = 0;

	if (entry == SADB_ENTRY_GOES && parser && parser->refs > 1)
		return -EBUSY;
	err = unpublish(db, slot);
	if (entry != SADB_ENTRY_STAYS && parser && !parser->refs)
		parser_err = sadb_parsers_remove(&db->parsers, parser);
	free_or_report(db, before);
	if (ret_marked)
		*ret_marked = db->marked_count > 0;
	return err ? err : parser_err;
}

int sadb_del(struct sadb *db, uint32_t spi, const struct ip_addr *dst)
{
	const struct sa *sa = sadb_index_find(db, spi, dst);

	return sa ? sadb_delete(db, sa, SADB_ENTRY_IF_UNUSED, NULL) : -ENOENT;
}

uint32_t sadb_flush(struct sadb *db)
{
	uint32_t before = db->marked_count;
	uint32_t deleted = sadb_count(db);
	const struct sa *sa;
	uint32_t index = 0;

	while ((sa = sadb_next(db, &index)))
		unpublish(db, &db->slots[sa->index]);
	sadb_parsers_sweep(&db->parsers);
	if (deleted)
		free_or_report(db, before);
	return deleted;
}

uint32_t sadb_reap(struct sadb *db)
{
	free_quiesced(db, SADB_QUIESCE_AGAIN_MS);
	return db->marked_count;
}

void sadb_free(struct sadb *db)
{
	if (!db)
		return;
	if (db->slots && db->free && db->chains && db->parsers.entries) {
		sadb_flush(db);
		free_marked(db, &db->awaited);
		free_marked(db, &db->later);
	}
	sadb_parsers_cleanup(&db->parsers);
	state_store_free(db->store);
	free(db->chains);
	free(db->slots);
	free(db->free);
	free(db);
}

/* ---- look-up --------------------------------------------------------------------------------------------
 */

struct sa *sadb_get(const struct sadb *db, uint32_t index, uint32_t generation)
{
	struct sa *sa;

	if (index >= db->config.capacity)
		return NULL;
	sa = atomic_load_explicit(&db->slots[index].sa, memory_order_acquire);
	return sa && sa->generation == generation ? sa : NULL;
}

const struct sa *sadb_find(const struct sadb *db, uint32_t spi, const struct ip_addr *dst)
{
	return sadb_index_find(db, spi, dst);
}

const struct sa *sadb_next(const struct sadb *db, uint32_t *index)
{
	while (*index < db->config.capacity) {
		const struct sa *sa = atomic_load_explicit(&db->slots[(*index)++].sa, memory_order_relaxed);

		if (sa)
			return sa;
	}
	return NULL;
}

const struct sadb_parser *sadb_parser_of(const struct sadb *db, const struct sa *sa)
{
	return db->slots[sa->index].parser;
}

const struct sadb_parser *sadb_parser_get(const struct sadb *db, struct handle handle)
{
	return sadb_parsers_get(&db->parsers, handle);
}

const struct sadb_parser *sadb_parser_next(const struct sadb *db, uint32_t *index)
{
	return sadb_parsers_next(&db->parsers, index);
}

uint32_t sadb_parser_count(const struct sadb *db)
{
	return db->parsers.count;
}

uint32_t sadb_count(const struct sadb *db)
{
	return db->used - db->marked_count;
}

uint32_t sadb_marked(const struct sadb *db)
{
	return db->marked_count;
}

uint32_t sadb_capacity(const struct sadb *db)
{
	return db->config.capacity;
}

const struct classifier *sadb_classifier(const struct sadb *db)
{
	return db->config.classifier;
}
