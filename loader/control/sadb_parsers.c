/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of parser entries. Control thread.
 */
#include "control/sadb_parsers.h"

#include <errno.h>
#include <stdlib.h>

int sadb_parsers_init(struct sadb_parsers *parsers, struct classifier *classifier)
{
	*parsers = (struct sadb_parsers){.classifier = classifier};
	parsers->entries = calloc(XESP_PARSERS_MAX, sizeof(*parsers->entries));
	if (!parsers->entries)
		return -ENOMEM;
	for (uint32_t i = 0; i < XESP_PARSERS_MAX; i++)
		parsers->entries[i].handle.index = i;
	return 0;
}

void sadb_parsers_cleanup(struct sadb_parsers *parsers)
{
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

static int make(struct sadb_parsers *parsers, const struct sa_encap *encap, struct sadb_parser **ret_parser)
{
	struct sadb_parser *parser = free_place(parsers);
	int err;

	if (!parser)
		return -ENOSPC;
	if (++parsers->last_id == 0)
		parsers->last_id = 1;
	parser->id = parsers->last_id;
	parser->type = encap->type;
	parser->port = encap->dport;
	parser->refs = 0;
	parsers->count++;
	err = publish_port(parsers, parser->port);
	if (err) {
		parser->id = 0;
		parsers->count--;
		return err;
	}
	parser->handle.generation++;
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
