/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SA store. Owns every struct sa of one interface, the parser entries, and the index from
 * {SPI, destination} to them. The control thread runs all of it; workers only read `slots`.
 */
#include "control/sadb.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Compared as bytes: every byte is set, there is no padding. */
struct sa_key {
	uint32_t spi;
	uint8_t family;
	uint8_t dst[16];
	uint8_t zero[3];
};

struct node {
	struct sa_key key;
	uint32_t parser_id; /* 0: none */
	struct sa *sa;
	UT_hash_handle hh;
};

struct slot {
	struct sa *_Atomic sa;
	struct node *node;
	uint32_t generation; /* of the SA that is or was here last */
};

struct sadb {
	struct sadb_config config;
	struct slot *slots;
	uint32_t *free; /* ring of free slot numbers: the one freed first is used first */
	uint32_t free_head;
	uint32_t count;
	struct node *index;
	struct sadb_parser *parsers;
	uint32_t parser_count;
	uint32_t last_parser_id;
};

static struct sa_key key_of(uint32_t spi, const struct ip_addr *dst)
{
	struct sa_key key = {.spi = spi, .family = dst->family};

	memcpy(key.dst, dst->bytes, ip_addr_size(dst->family));
	return key;
}

static struct node *find_node(const struct sadb *db, uint32_t spi, const struct ip_addr *dst)
{
	struct sa_key key = key_of(spi, dst);
	struct node *node;

	HASH_FIND(hh, db->index, &key, sizeof(key), node);
	return node;
}

int sadb_new(const struct sadb_config *config, struct sadb **ret_db)
{
	struct sadb *db = calloc(1, sizeof(*db));

	if (!db)
		return -ENOMEM;
	db->config = *config;
	db->slots = calloc(config->capacity, sizeof(*db->slots));
	db->free = calloc(config->capacity, sizeof(*db->free));
	db->parsers = calloc(XESP_PARSERS_MAX, sizeof(*db->parsers));
	if (!db->slots || !db->free || !db->parsers) {
		sadb_free(db);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < config->capacity; i++)
		db->free[i] = i;
	*ret_db = db;
	return 0;
}

void sadb_free(struct sadb *db)
{
	if (!db)
		return;
	if (db->slots && db->free && db->parsers)
		sadb_flush(db);
	free(db->slots);
	free(db->free);
	free(db->parsers);
	free(db);
}

/* ---- parser entries ------------------------------------------------------------------------------- */

static struct sadb_parser *find_parser(const struct sadb *db, enum xesp_encap type, uint16_t port)
{
	for (uint32_t i = 0; i < db->parser_count; i++)
		if (db->parsers[i].type == type && db->parsers[i].port == port)
			return &db->parsers[i];
	return NULL;
}

static struct sadb_parser *find_parser_id(const struct sadb *db, uint32_t id)
{
	for (uint32_t i = 0; i < db->parser_count; i++)
		if (db->parsers[i].id == id)
			return &db->parsers[i];
	return NULL;
}

/* Tells the classifier what entries the port has now. */
static int publish_port(struct sadb *db, uint16_t port)
{
	struct xesp_parser_slot slot = {0};

	for (unsigned int type = 0; type < XESP_ENCAP_TYPES; type++) {
		const struct sadb_parser *parser = find_parser(db, type, port);

		if (parser)
			slot.id[type] = parser->id;
	}
	return db->config.classifier->ops->set_parser(db->config.classifier, port, &slot);
}

static void parser_remove(struct sadb *db, struct sadb_parser *parser)
{
	*parser = db->parsers[--db->parser_count];
}

/* Takes a reference on the entry of an encapsulation, creating it if there is none. */
static int parser_get(struct sadb *db, const struct sa_encap *encap, uint32_t *ret_id, const char **ret_what)
{
	struct sadb_parser *parser = find_parser(db, encap->type, encap->dport);
	int err;

	if (!parser) {
		if (db->parser_count == XESP_PARSERS_MAX) {
			*ret_what = "parser entries";
			return -ENOSPC;
		}
		if (++db->last_parser_id == 0)
			db->last_parser_id = 1;
		parser = &db->parsers[db->parser_count++];
		*parser = (struct sadb_parser){
			.id = db->last_parser_id, .type = encap->type, .port = encap->dport};
		err = publish_port(db, encap->dport);
		if (err) {
			parser_remove(db, parser);
			return err;
		}
	}
	parser->refs++;
	*ret_id = parser->id;
	return 0;
}

static void parser_put(struct sadb *db, uint32_t id)
{
	struct sadb_parser *parser = id ? find_parser_id(db, id) : NULL;
	uint16_t port;

	if (!parser || --parser->refs)
		return;
	port = parser->port;
	parser_remove(db, parser);
	publish_port(db, port);
}

/* ---- add ------------------------------------------------------------------------------------------ */

static int index_add(struct sadb *db, const struct sa_params *params, struct sa *sa, struct node **ret_node)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return -ENOMEM;
	node->key = key_of(params->spi, &params->dst);
	node->sa = sa;
	HASH_ADD(hh, db->index, key, sizeof(node->key), node);
	if (!node->hh.tbl) {
		free(node);
		return -ENOMEM;
	}
	*ret_node = node;
	return 0;
}

static void index_del(struct sadb *db, struct node *node)
{
	HASH_DELETE(hh, db->index, node);
	free(node);
}

static void slot_take(struct sadb *db, struct node *node)
{
	struct sa *sa = node->sa;
	uint32_t number = db->free[db->free_head];

	db->free_head = (db->free_head + 1) % db->config.capacity;
	db->count++;
	sa->index = number;
	sa->generation = ++db->slots[number].generation;
	db->slots[number].node = node;
	atomic_store_explicit(&db->slots[number].sa, sa, memory_order_release);
}

/* The slot no longer leads to the SA; its number comes back into use with slot_give(). */
static void slot_clear(struct sadb *db, uint32_t number)
{
	atomic_store(&db->slots[number].sa, NULL);
	db->slots[number].node = NULL;
}

static void slot_give(struct sadb *db, uint32_t number)
{
	db->count--;
	db->free[(db->free_head + db->config.capacity - db->count - 1) % db->config.capacity] = number;
}

int sadb_add(struct sadb *db, const struct sa_params *params, const struct sa **ret_sa, const char **ret_what)
{
	struct classifier *classifier = db->config.classifier;
	struct node *node = NULL;
	struct sa *sa = NULL;
	uint32_t parser_id = 0;
	struct xesp_sa_ref ref;
	int err;

	if (find_node(db, params->spi, &params->dst))
		return -EEXIST;
	if (db->count == db->config.capacity) {
		*ret_what = "SAs";
		return -ENOSPC;
	}
	err = sa_new(params, db->config.provider, db->config.crypto, &sa);
	if (err)
		return err;
	err = index_add(db, params, sa, &node);
	if (err)
		goto undo_sa;
	if (params->encap.present) {
		err = parser_get(db, &params->encap, &parser_id, ret_what);
		if (err)
			goto undo_index;
	}
	node->parser_id = parser_id;
	slot_take(db, node);
	ref = (struct xesp_sa_ref){.index = sa->index, .generation = sa->generation, .parser_id = parser_id};
	err = classifier->ops->add_sa(classifier, params->spi, &params->dst, &ref);
	if (err)
		goto undo_slot;
	*ret_sa = sa;
	return 0;

undo_slot:
	/* No packet can carry this index and generation: the classifier never had them. */
	slot_clear(db, sa->index);
	slot_give(db, sa->index);
	parser_put(db, parser_id);
undo_index:
	index_del(db, node);
undo_sa:
	sa_free(sa);
	return err;
}

/* ---- delete --------------------------------------------------------------------------------------- */

static void quiesce(const struct sadb *db)
{
	if (db->config.quiesce)
		db->config.quiesce(db->config.quiesce_ctx);
}

/* From here on no packet that the classifier looks at leads to the SA, and no worker finds it anew. The
 * SA stays valid for workers that found it before. */
static int unpublish(struct sadb *db, const struct sa *sa)
{
	struct classifier *classifier = db->config.classifier;
	int err = classifier->ops->del_sa(classifier, sa->params.spi, &sa->params.dst);

	slot_clear(db, sa->index);
	return err == -ENOENT ? 0 : err;
}

static void destroy(struct sadb *db, struct node *node)
{
	struct sa *sa = node->sa;

	parser_put(db, node->parser_id);
	slot_give(db, sa->index);
	index_del(db, node);
	sa_free(sa);
}

int sadb_del(struct sadb *db, uint32_t spi, const struct ip_addr *dst)
{
	struct node *node = find_node(db, spi, dst);
	int err;

	if (!node)
		return -ENOENT;
	err = unpublish(db, node->sa);
	quiesce(db);
	destroy(db, node);
	return err;
}

uint32_t sadb_flush(struct sadb *db)
{
	uint32_t deleted = db->count;
	struct node *node;
	struct node *next;

	if (!deleted)
		return 0;
	HASH_ITER (hh, db->index, node, next)
		unpublish(db, node->sa);
	quiesce(db);
	HASH_ITER (hh, db->index, node, next)
		destroy(db, node);
	return deleted;
}

/* ---- look-up -------------------------------------------------------------------------------------- */

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
	const struct node *node = find_node(db, spi, dst);

	return node ? node->sa : NULL;
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
	uint32_t id = db->slots[sa->index].node->parser_id;

	return id ? find_parser_id(db, id) : NULL;
}

const struct sadb_parser *sadb_parser_at(const struct sadb *db, uint32_t i)
{
	return i < db->parser_count ? &db->parsers[i] : NULL;
}

uint32_t sadb_parser_count(const struct sadb *db)
{
	return db->parser_count;
}

uint32_t sadb_count(const struct sadb *db)
{
	return db->count;
}

uint32_t sadb_capacity(const struct sadb *db)
{
	return db->config.capacity;
}
