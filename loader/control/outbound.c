/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store of outbound SAs. Control thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/outbound_private.h"
#include "control/sadb.h"

/* The table replaces what it outgrows; that is freed now and then also where SAs are only added. */
#define ADDS_PER_REAP 256

/* ---- names and slots ------------------------------------------------------------------------------------
 */

/* Padding is hashed as well. */
static struct outbound_name name_of(uint32_t spi, const struct ip_addr *dst)
{
	struct outbound_name name;

	memset(&name, 0, sizeof(name));
	name.spi = spi;
	name.dst.family = dst->family;
	memcpy(name.dst.bytes, dst->bytes, ip_addr_size(dst->family));
	return name;
}

struct outbound_slot *outbound_slot_find(const struct outbound *outbound, uint32_t spi,
					 const struct ip_addr *dst)
{
	const struct outbound_name name = name_of(spi, dst);
	struct outbound_slot *slot;

	HASH_FIND(hh, outbound->by_name, &name, sizeof(name), slot);
	return slot;
}

int outbound_name_add(struct outbound *outbound, struct outbound_slot *slot, const struct sa_params *params)
{
	slot->name = name_of(params->spi, &params->dst);
	HASH_ADD(hh, outbound->by_name, name, sizeof(slot->name), slot);
	return hash_added(&slot->hh) ? 0 : -ENOMEM;
}

void outbound_name_del(struct outbound *outbound, struct outbound_slot *slot)
{
	HASH_DEL(outbound->by_name, slot); /* NOLINT(clang-analyzer-core.NullDereference): it is in it */
}

static void slot_give(struct outbound *outbound, struct outbound_slot *slot)
{
	slot->owned = NULL;
	slot->next = NULL;
	*outbound->unused_end = slot;
	outbound->unused_end = &slot->next;
	outbound->used--;
}

void outbound_fill_unused(struct outbound *outbound)
{
	outbound->unused = NULL;
	outbound->unused_end = &outbound->unused;
	outbound->used = outbound->config.capacity;
	for (uint32_t i = 0; i < outbound->config.capacity; i++)
		if (!outbound->slots[i].owned)
			slot_give(outbound, &outbound->slots[i]);
}

static struct outbound_slot *slot_take(struct outbound *outbound)
{
	struct outbound_slot *slot = outbound->unused;

	outbound->unused = slot->next;
	if (!outbound->unused)
		outbound->unused_end = &outbound->unused;
	outbound->used++;
	return slot;
}

int outbound_new(const struct outbound_config *config, struct outbound **ret_outbound)
{
	struct outbound *outbound = calloc(1, sizeof(*outbound));
	int err;

	if (!outbound)
		return -ENOMEM;
	outbound->config = *config;
	outbound->unused_end = &outbound->unused;
	outbound->slots = calloc(config->capacity, sizeof(*outbound->slots));
	err = outbound->slots ? state_store_open(config->state, STATE_STORE_OUTBOUND, &outbound->store)
			      : -ENOMEM;
	if (!err)
		err = spd_new(&outbound->spd);
	if (err) {
		state_store_free(outbound->store);
		free(outbound->slots);
		free(outbound);
		return err;
	}
	outbound->first_generation = state_store_highest(outbound->store) + 1;
	outbound_fill_unused(outbound);
	*ret_outbound = outbound;
	return 0;
}

/* ---- freeing ----------------------------------------------------------------------------------------------
 */

/* Frees a list of marked SAs, which is empty then. */
static void free_marked(struct outbound *outbound, struct outbound_slot **list)
{
	const struct outbound_config *config = &outbound->config;

	while (*list) {
		struct outbound_slot *slot = *list;
		struct sa_out *sa = slot->owned;

		*list = slot->next;
		outbound->marked--;
		if (config->forget)
			config->forget(config->owner, sa->key);
		if (config->hop_give)
			config->hop_give(config->owner, sa->hop);
		slot_give(outbound, slot);
		sa_out_free(sa);
	}
}

static bool quiesced(const struct outbound *outbound, bool begin, unsigned int timeout_ms)
{
	const struct outbound_config *config = &outbound->config;

	return !config->quiesce || config->quiesce(config->owner, begin, timeout_ms);
}

static void give_left(struct outbound *outbound)
{
	while (outbound->left) {
		struct left_hop *left = outbound->left;

		outbound->left = left->next;
		if (outbound->config.hop_give)
			outbound->config.hop_give(outbound->config.owner, left->hop);
		free(left);
	}
}

/* As the store of inbound SAs does: first those that were awaited before, then those marked since. */
static void free_quiesced(struct outbound *outbound, unsigned int timeout_ms)
{
	bool replaced;

	if (outbound->awaited) {
		if (!quiesced(outbound, false, 0))
			return;
		spd_reap(outbound->spd);
		free_marked(outbound, &outbound->awaited);
	}
	replaced = spd_reap_begin(outbound->spd);
	if (!outbound->later && !replaced && !outbound->left)
		return;
	outbound->awaited = outbound->later;
	outbound->later = NULL;
	if (!quiesced(outbound, true, timeout_ms))
		return;
	spd_reap(outbound->spd);
	free_marked(outbound, &outbound->awaited);
	give_left(outbound);
}

/* ---- add -------------------------------------------------------------------------------------------------
 */

/* Takes the way to the peer and puts the SA into the table, last. Leaves nothing behind on failure. */
int outbound_publish(struct outbound *outbound, struct sa_out *sa, const char **ret_what)
{
	const struct outbound_config *config = &outbound->config;
	struct nexthop *hop = NULL;
	struct sa_out_ends ends;
	int err = 0;

	sa_out_get_ends(sa, &ends);
	if (config->hop_take)
		err = config->hop_take(config->owner, &ends.dst, &hop);
	if (err) {
		*ret_what = "peers";
		return err;
	}
	atomic_store(&sa->hop, hop);
	/* Before its first number is taken. */
	sa_out_commit(sa);
	err = spd_add(outbound->spd, &sa->params.selector, sa->params.priority, sa);
	if (!err)
		return 0;
	sa_out_uncommit(sa);
	*ret_what = "kinds of selectors";
	if (config->hop_give)
		config->hop_give(config->owner, sa->hop);
	return err;
}

int outbound_add(struct outbound *outbound, const struct sa_params *params, const struct sa_out **ret_sa,
		 const char **ret_what)
{
	struct outbound_slot *slot;
	struct sa_out *sa;
	int err;

	if (outbound_slot_find(outbound, params->spi, &params->dst))
		return -EEXIST;
	if (outbound->used == outbound->config.capacity) {
		*ret_what = "outbound SAs";
		return -ENOSPC;
	}
	err = sa_out_new_in(outbound->config.state, params, outbound->config.provider,
			    outbound->config.crypto, &sa);
	if (err)
		return err;
	slot = slot_take(outbound);
	/* A slot that this process has not used yet begins behind all that others may have given away. */
	slot->generation = slot->generation < outbound->first_generation ? outbound->first_generation
									 : slot->generation + 1;
	state_store_note(outbound->store, slot->generation);
	sa->index = (uint32_t)(slot - outbound->slots);
	sa->generation = slot->generation;
	err = outbound_name_add(outbound, slot, params);
	if (!err) {
		err = outbound_publish(outbound, sa, ret_what);
		if (err)
			outbound_name_del(outbound, slot);
	}
	if (err) {
		slot_give(outbound, slot);
		sa_out_free(sa);
		return err;
	}
	slot->sa = slot->owned = sa;
	if (outbound->used % ADDS_PER_REAP == 0)
		free_quiesced(outbound, 0);
	*ret_sa = sa;
	return 0;
}

/* ---- delete ----------------------------------------------------------------------------------------------
 */

/* From here on no worker finds it anew, and one that has it sends nothing more. */
static void unpublish(struct outbound *outbound, struct outbound_slot *slot)
{
	sa_out_uncommit(slot->owned);
	atomic_store(&slot->owned->dead, true);
	spd_remove(outbound->spd, slot->owned);
	outbound_name_del(outbound, slot);
	slot->sa = NULL;
	slot->next = outbound->later;
	outbound->later = slot;
	outbound->marked++;
}

/* `before`: SAs that were marked already. */
static void free_or_report(struct outbound *outbound, uint32_t before)
{
	free_quiesced(outbound, before ? SADB_QUIESCE_AGAIN_MS : SADB_QUIESCE_MS);
	if ((outbound->marked || outbound->left) && outbound->config.marked)
		outbound->config.marked(outbound->config.owner);
}

void outbound_delete(struct outbound *outbound, const struct sa_out *sa, bool *ret_marked)
{
	uint32_t before = outbound->marked;

	unpublish(outbound, &outbound->slots[sa->index]);
	free_or_report(outbound, before);
	if (ret_marked)
		*ret_marked = outbound->marked > 0;
}

uint32_t outbound_flush(struct outbound *outbound, const char *dev)
{
	uint32_t before = outbound->marked;
	uint32_t deleted = 0;

	for (uint32_t i = 0; i < outbound->config.capacity; i++) {
		struct outbound_slot *slot = &outbound->slots[i];

		if (!slot->sa || (dev[0] && strcmp(slot->sa->params.dev, dev)))
			continue;
		unpublish(outbound, slot);
		deleted++;
	}
	if (deleted)
		free_or_report(outbound, before);
	return deleted;
}

uint32_t outbound_reap(struct outbound *outbound)
{
	free_quiesced(outbound, SADB_QUIESCE_AGAIN_MS);
	return outbound->marked + (outbound->left != NULL);
}

void outbound_free(struct outbound *outbound)
{
	if (!outbound)
		return;
	if (outbound->spd) {
		outbound_flush(outbound, "");
		free_marked(outbound, &outbound->awaited);
		free_marked(outbound, &outbound->later);
	}
	give_left(outbound);
	spd_free(outbound->spd);
	state_store_free(outbound->store);
	free(outbound->slots);
	free(outbound);
}

int outbound_move(struct outbound *outbound, const struct sa_out *sa, const struct ip_addr *peer,
		  uint16_t port)
{
	const struct outbound_config *config = &outbound->config;
	struct sa_out *own = outbound->slots[sa->index].sa;
	uint32_t before = outbound->marked;
	struct nexthop *hop = NULL;
	struct left_hop *left;
	struct sa_out_ends ends;
	int err;

	sa_out_get_ends(own, &ends);
	if (peer->family != ends.dst.family)
		return -EAFNOSUPPORT;
	if (config->hop_take && !ip_addr_equal(peer, &ends.dst)) {
		left = calloc(1, sizeof(*left));
		if (!left)
			return -ENOMEM;
		err = config->hop_take(config->owner, peer, &hop);
		if (err) {
			free(left);
			return err;
		}
		*left = (struct left_hop){.hop = atomic_exchange(&own->hop, hop), .next = outbound->left};
		outbound->left = left;
	}
	ends.dst = *peer;
	ends.dport = port;
	sa_out_set_ends(own, &ends);
	if (outbound->left)
		free_or_report(outbound, before);
	return 0;
}

/* ---- look-up ---------------------------------------------------------------------------------------------
 */

static struct sa_out *sa_at(const struct outbound *outbound, struct handle handle)
{
	const struct outbound_slot *slot;

	if (handle.index >= outbound->config.capacity)
		return NULL;
	slot = &outbound->slots[handle.index];
	return slot->sa && slot->generation == handle.generation ? slot->sa : NULL;
}

const struct sa_out *outbound_get(const struct outbound *outbound, struct handle handle)
{
	return sa_at(outbound, handle);
}

struct sa_out *outbound_sender(const struct outbound *outbound, struct handle handle)
{
	return sa_at(outbound, handle);
}

struct sa_life *outbound_life(const struct outbound *outbound, struct handle handle)
{
	struct sa_out *sa = sa_at(outbound, handle);

	return sa ? &sa->life : NULL;
}

const struct sa_out *outbound_find(const struct outbound *outbound, uint32_t spi, const struct ip_addr *dst)
{
	const struct outbound_slot *slot = outbound_slot_find(outbound, spi, dst);

	return slot ? slot->sa : NULL;
}

const struct sa_out *outbound_next(const struct outbound *outbound, uint32_t *index)
{
	while (*index < outbound->config.capacity) {
		const struct sa_out *sa = outbound->slots[(*index)++].sa;

		if (sa)
			return sa;
	}
	return NULL;
}

uint32_t outbound_count(const struct outbound *outbound)
{
	return outbound->config.capacity && outbound->slots ? outbound->used - outbound->marked : 0;
}

const struct spd *outbound_spd(const struct outbound *outbound)
{
	return outbound->spd;
}
