/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of parser entries. Control thread.
 */
#include "control/sadb_parsers.h"

#include <errno.h>
#include <stdlib.h>

/* An entry in state memory. */
struct kept_parser {
	struct state_head head;
	struct handle handle;
	uint32_t id;
	uint16_t type;
	uint16_t port;
};

int sadb_parsers_init(struct sadb_parsers *parsers, struct classifier *classifier,
		      const struct sadb_parsers_state *state)
{
	*parsers = (struct sadb_parsers){.classifier = classifier,
					 .state = *state,
					 .first_generation = state_store_highest(state->store) + 1};
	parsers->entries = calloc(XESP_PARSERS_MAX, sizeof(*parsers->entries));
	if (!parsers->entries)
		return -ENOMEM;
	for (uint32_t i = 0; i < XESP_PARSERS_MAX; i++)
		parsers->entries[i].handle.index = i;
	return 0;
}

static uint64_t sum_of(const struct kept_parser *kept)
{
	return state_sum(0, &kept->handle, sizeof(*kept) - offsetof(struct kept_parser, handle));
}

static int keep(const struct sadb_parsers *parsers, struct sadb_parser *parser)
{
	const struct sadb_parsers_state *state = &parsers->state;
	struct kept_parser *kept;

	if (!state->memory)
		return 0;
	kept = state_alloc(state->memory, STATE_PARSER, state->number, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	kept->handle = parser->handle;
	kept->id = parser->id;
	kept->type = (uint16_t)parser->type;
	kept->port = parser->port;
	state_store_note(state->store, parser->handle.generation);
	state_commit(&kept->head, sum_of(kept));
	parser->kept = kept;
	return 0;
}

static void keep_no_longer(struct sadb_parser *parser)
{
	if (parser->kept)
		state_free(&parser->kept->head);
	parser->kept = NULL;
}

void sadb_parsers_cleanup(struct sadb_parsers *parsers)
{
	if (parsers->entries)
		for (uint32_t i = 0; i < XESP_PARSERS_MAX; i++)
			keep_no_longer(&parsers->entries[i]);
	free(parsers->entries);
	parsers->entries = NULL;
}

struct sadb_parser *sadb_parsers_next(const struct sadb_parsers *parsers, uint32_t *index)
{
	while (*index < XESP_PARSERS_MAX) {
		struct sadb_parser *parser = &parsers->entries[(*index)++];

		if (parser->id)
			return parser;
	}
	return NULL;
}

struct sadb_parser *sadb_parsers_get(const struct sadb_parsers *parsers, struct handle handle)
{
	struct sadb_parser *parser;

	if (handle.index >= XESP_PARSERS_MAX)
		return NULL;
	parser = &parsers->entries[handle.index];
	return parser->id && parser->handle.generation == handle.generation ? parser : NULL;
}

/* Places are given away from the first on, so that the entries in use are among the first. */
static struct sadb_parser *find(const struct sadb_parsers *parsers, enum xesp_encap type, uint16_t port)
{
	uint32_t left = parsers->count;

	for (uint32_t i = 0; left; i++) {
		struct sadb_parser *parser = &parsers->entries[i];

		if (!parser->id)
			continue;
		if (parser->type == type && parser->port == port)
			return parser;
		left--;
	}
	return NULL;
}

/* Tells the classifier what entries the port has now. */
static int publish_port(struct sadb_parsers *parsers, uint16_t port)
{
	struct classifier *classifier = parsers->classifier;
	struct xesp_parser_slot slot = {0};

	for (unsigned int type = 0; type < XESP_ENCAP_TYPES; type++) {
		const struct sadb_parser *parser = find(parsers, type, port);

		if (parser)
			slot.id[type] = parser->id;
	}
	return classifier->ops->set_parser(classifier, port, &slot);
}

static struct sadb_parser *free_place(const struct sadb_parsers *parsers)
{
	for (uint32_t i = 0; i < XESP_PARSERS_MAX; i++)
		if (!parsers->entries[i].id)
			return &parsers->entries[i];
	return NULL;
}

static uint32_t next_generation(const struct sadb_parsers *parsers, const struct sadb_parser *parser)
{
	/* Those that this process has not given away itself begin behind all that others have. */
	return parser->handle.generation < parsers->first_generation ? parsers->first_generation
								     : parser->handle.generation + 1;
}

static int make(struct sadb_parsers *parsers, const struct sa_encap *encap, struct sadb_parser **ret_parser)
{
	struct sadb_parser *parser = free_place(parsers);
	uint32_t before;
	int err;

	if (!parser)
		return -ENOSPC;
	if (++parsers->last_id == 0)
		parsers->last_id = 1;
	before = parser->handle.generation;
	parser->handle.generation = next_generation(parsers, parser);
	parser->id = parsers->last_id;
	parser->type = encap->type;
	parser->port = encap->dport;
	parser->refs = 0;
	parsers->count++;
	err = keep(parsers, parser);
	if (!err)
		err = publish_port(parsers, parser->port);
	if (err) {
		keep_no_longer(parser);
		parser->handle.generation = before;
		parser->id = 0;
		parsers->count--;
		return err;
	}
	*ret_parser = parser;
	return 0;
}

int sadb_parsers_take(struct sadb_parsers *parsers, const struct sa_encap *encap,
		      struct sadb_parser **ret_parser, bool *ret_made)
{
	struct sadb_parser *parser = find(parsers, encap->type, encap->dport);
	bool made = !parser;
	int err = made ? make(parsers, encap, &parser) : 0;

	if (err)
		return err;
	parser->refs++;
	*ret_parser = parser;
	*ret_made = made;
	return 0;
}

void sadb_parsers_give(struct sadb_parser *parser)
{
	parser->refs--;
}

int sadb_parsers_remove(struct sadb_parsers *parsers, struct sadb_parser *parser)
{
	keep_no_longer(parser);
	parser->id = 0;
	parsers->count--;
	return publish_port(parsers, parser->port);
}

int sadb_parsers_sweep(struct sadb_parsers *parsers)
{
	struct sadb_parser *parser;
	uint32_t index = 0;
	int first = 0;

	while ((parser = sadb_parsers_next(parsers, &index))) {
		int err = parser->refs ? 0 : sadb_parsers_remove(parsers, parser);

		if (!first)
			first = err;
	}
	return first;
}

/* ---- from another engine --------------------------------------------------------------------------------
 */

static bool id_in_use(const struct sadb_parsers *parsers, uint32_t id)
{
	const struct sadb_parser *parser;
	uint32_t index = 0;

	while ((parser = sadb_parsers_next(parsers, &index)))
		if (parser->id == id)
			return true;
	return false;
}

static bool can_be(const struct sadb_parsers *parsers, const struct kept_parser *kept)
{
	return kept->head.bytes == sizeof(*kept) && kept->head.sum == sum_of(kept) &&
	       kept->handle.index < XESP_PARSERS_MAX && !parsers->entries[kept->handle.index].id &&
	       kept->handle.generation && kept->id && kept->type < XESP_ENCAP_TYPES && kept->port &&
	       !id_in_use(parsers, kept->id) && !find(parsers, (enum xesp_encap)kept->type, kept->port);
}

/* False: the classifier does not take it. */
static bool take_over(struct sadb_parsers *parsers, struct kept_parser *kept)
{
	struct sadb_parser *parser = &parsers->entries[kept->handle.index];

	*parser = (struct sadb_parser){.handle = kept->handle,
				       .id = kept->id,
				       .type = (enum xesp_encap)kept->type,
				       .port = kept->port,
				       .kept = kept};
	parsers->count++;
	if (publish_port(parsers, parser->port)) {
		*parser = (struct sadb_parser){.handle.index = kept->handle.index};
		parsers->count--;
		return false;
	}
	state_claim(parsers->state.memory, &kept->head);
	if (kept->id > parsers->last_id)
		parsers->last_id = kept->id;
	return true;
}

void sadb_parsers_restore(struct sadb_parsers *parsers)
{
	struct sadb_parsers_state *state = &parsers->state;
	struct state_cursor cursor = {0};
	struct state_head *head;

	while ((head = state_next(state->memory, STATE_PARSER, state->number, false, &cursor))) {
		struct kept_parser *kept = (struct kept_parser *)head;

		if (can_be(parsers, kept) && take_over(parsers, kept))
			state_store_found(state->store, kept->handle.generation);
		else
			state_drop(state->memory, head);
	}
}
