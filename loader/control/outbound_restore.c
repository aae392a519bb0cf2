/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store of outbound SAs filled from what another engine left. Control thread.
 */
#include <errno.h>
#include <string.h>

#include "control/lifetime.h"
#include "control/outbound_private.h"
#include "control/validate.h"

static const char *params_wrong(const struct sa_params *params)
{
	struct field_error error;

	if (!restore_params_readable(params) || params->dir != SA_DIR_OUT ||
	    validate_sa(params, true, &error))
		return "what it was made of is damaged";
	return NULL;
}

static const char *place_wrong(const struct outbound *outbound, const struct sa_out *sa)
{
	if (sa->index >= outbound->config.capacity || !sa->generation)
		return "its handle is damaged";
	if (outbound->slots[sa->index].owned || outbound_slot_find(outbound, sa->params.spi, &sa->params.dst))
		return "there is another in its place";
	return NULL;
}

static const char *failure(int err)
{
	switch (err) {
	case -EBADMSG: return "its sequence number or its counts are damaged";
	case -EOPNOTSUPP: return "the crypto provider lacks its algorithm";
	default: return strerror(-err);
	}
}

/* NULL, or what is wrong: then nothing of it is left in the store. */
static const char *put_back(struct outbound *outbound, struct sa_out *sa, uint64_t now)
{
	const struct outbound_config *config = &outbound->config;
	struct outbound_slot *slot = &outbound->slots[sa->index];
	const char *what = "";
	int err = sa_out_restore(sa, config->state, config->provider, config->crypto, now);

	if (err)
		return failure(err);
	err = outbound_name_add(outbound, slot, &sa->params);
	if (!err) {
		err = outbound_publish(outbound, sa, &what);
		if (err)
			outbound_name_del(outbound, slot);
	}
	if (err) {
		config->provider->key_free((struct crypto_key *)sa->key);
		return strerror(-err);
	}
	slot->sa = slot->owned = sa;
	slot->generation = sa->generation;
	return NULL;
}

static void restore_one(struct outbound *outbound, struct state_head *head, uint64_t now,
			struct restore_tally *tally)
{
	struct sa_out *sa = sa_out_found(head);
	const char *wrong;

	if (!sa) {
		restore_lost_block(tally, head, "");
		state_drop(outbound->config.state, head);
		return;
	}
	wrong = params_wrong(&sa->params);
	if (!wrong)
		wrong = place_wrong(outbound, sa);
	if (!wrong)
		wrong = put_back(outbound, sa, now);
	if (wrong) {
		restore_lost(tally, &sa->params, true, wrong);
		state_drop(outbound->config.state, head);
		return;
	}
	state_store_found(outbound->store, sa->generation);
	tally->kept++;
}

void outbound_restore(struct outbound *outbound, struct restore_tally *tally)
{
	struct state_cursor cursor = {0};
	uint64_t now = lifetime_now();
	struct state_head *head;

	if (!outbound->config.state)
		return;
	while ((head = state_next(outbound->config.state, STATE_SA_OUT, STATE_STORE_OUTBOUND, false,
				  &cursor)))
		restore_one(outbound, head, now, tally);
	outbound_fill_unused(outbound);
	outbound->first_generation = state_store_highest(outbound->store) + 1;
}
