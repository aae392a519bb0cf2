/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/state_store.h"

#include <errno.h>

struct state_store {
	struct state_head head;
	uint64_t highest; /* and above it the same inverted: in one word, so never half written */
};

/* If the number is damaged, handles go on far from where they can have been. */
#define FAR (UINT32_MAX / 2)

static uint64_t word_of(uint32_t generation)
{
	return (uint64_t)~generation << 32 | generation;
}

static void set(struct state_store *store, uint32_t generation)
{
	__atomic_store_n(&store->highest, word_of(generation), __ATOMIC_RELAXED);
	atomic_signal_fence(memory_order_seq_cst);
}

static struct state_store *take_over(struct state *state, uint32_t number)
{
	struct state_cursor cursor = {0};
	struct state_head *head = state_next(state, STATE_STORE, number, false, &cursor);
	struct state_store *store = (struct state_store *)head;

	if (!head)
		return NULL;
	if (head->bytes != sizeof(*store)) {
		state_drop(state, head);
		return NULL;
	}
	state_claim(state, head);
	if (store->highest != word_of((uint32_t)store->highest))
		set(store, FAR);
	return store;
}

int state_store_open(struct state *state, uint32_t number, struct state_store **ret_store)
{
	struct state_store *store = state ? take_over(state, number) : NULL;

	if (state && !store) {
		store = state_alloc(state, STATE_STORE, number, sizeof(*store));
		if (!store)
			return -ENOMEM;
		set(store, 0);
		state_commit(&store->head, 0);
	}
	*ret_store = store;
	return 0;
}

void state_store_free(struct state_store *store)
{
	if (store)
		state_free(&store->head);
}

uint32_t state_store_highest(const struct state_store *store)
{
	return store ? (uint32_t)store->highest : 0;
}

void state_store_note(struct state_store *store, uint32_t generation)
{
	if (store && generation > state_store_highest(store))
		set(store, generation);
}

void state_store_found(struct state_store *store, uint32_t generation)
{
	if (generation > state_store_highest(store))
		set(store, generation < FAR ? FAR : generation);
}
