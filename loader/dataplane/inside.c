/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buckets of a few places. A place is written while it has no hop, which only the control thread gives and
 * takes away; a worker that has seen a hop sees what was written before it, until the end of its round.
 */
#include "dataplane/inside.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <xesp/limits.h>

#define WAYS 4
/* Twice as many places as destinations, so that few of them meet a full bucket. */
#define BUCKETS (2 * XESP_INSIDE_MAX / WAYS)
/* Destinations that were missed; one at a place, the others come with their next packet. */
#define WANTED 64

_Static_assert((BUCKETS & (BUCKETS - 1)) == 0, "a power of two");

struct place {
	struct ip_addr dst;
	_Atomic(struct nexthop *) hop; /* NULL: not to be found */
	_Atomic bool used;	       /* looked up since the last inside_expire() */
	struct nexthop *expired;       /* not to be found any more, but a worker may still read it */
};

enum wanted_state { WANTED_FREE, WANTED_WRITTEN, WANTED_READY };

struct wanted {
	_Atomic uint8_t state; /* enum wanted_state */
	struct ip_addr dst;
};

struct inside {
	uint64_t seed;
	uint32_t count;
	uint32_t turn;	 /* next of `wanted` to be looked at */
	uint32_t reaped; /* all expired places are behind this one */
	struct wanted wanted[WANTED];
	struct place places[BUCKETS * WAYS];
};

int inside_new(uint64_t seed, struct inside **ret_inside)
{
	struct inside *inside = calloc(1, sizeof(*inside));

	if (!inside)
		return -ENOMEM;
	inside->seed = seed;
	*ret_inside = inside;
	return 0;
}

void inside_free(struct inside *inside)
{
	free(inside);
}

/* Both halves go through a multiplication of 128 bits by a secret, so that whoever does not know it cannot
 * choose addresses that meet. */
static uint32_t hash(const struct inside *inside, const struct ip_addr *dst)
{
	uint64_t words[2];
	unsigned __int128 product;

	memcpy(words, dst->bytes, sizeof(words));
	product = (unsigned __int128)(words[0] ^ inside->seed) * (words[1] ^ ~inside->seed ^ dst->family);
	words[0] = (uint64_t)product ^ (uint64_t)(product >> 64) ^ inside->seed;
	product = (unsigned __int128)words[0] * 0x9e3779b97f4a7c15ull;
	return (uint32_t)((uint64_t)product ^ (uint64_t)(product >> 64));
}

static struct place *bucket_of(struct inside *inside, uint32_t hashed)
{
	return &inside->places[(hashed & (BUCKETS - 1)) * WAYS];
}

static void want(struct inside *inside, uint32_t hashed, const struct ip_addr *dst)
{
	struct wanted *wanted = &inside->wanted[hashed / BUCKETS % WANTED];
	uint8_t state = WANTED_FREE;

	if (atomic_load_explicit(&wanted->state, memory_order_relaxed) != WANTED_FREE ||
	    !atomic_compare_exchange_strong(&wanted->state, &state, WANTED_WRITTEN))
		return;
	wanted->dst = *dst;
	atomic_store_explicit(&wanted->state, WANTED_READY, memory_order_release);
}

/* NULL: it is not there, or was expired. */
static struct place *look_up(struct inside *inside, uint32_t hashed, const struct ip_addr *dst,
			     struct nexthop **ret_hop)
{
	struct place *place = bucket_of(inside, hashed);

	for (uint32_t i = 0; i < WAYS; i++, place++) {
		*ret_hop = atomic_load_explicit(&place->hop, memory_order_acquire);
		if (*ret_hop && ip_addr_equal(&place->dst, dst))
			return place;
	}
	return NULL;
}

const struct nexthop *inside_find(struct inside *inside, uint8_t family, const uint8_t *dst)
{
	struct ip_addr addr = {.family = family == 4 ? AF_INET : AF_INET6};
	struct nexthop *hop;
	struct place *place;
	uint32_t hashed;

	memcpy(addr.bytes, dst, family == 4 ? 4 : 16);
	hashed = hash(inside, &addr);
	place = look_up(inside, hashed, &addr, &hop);
	if (!place) {
		want(inside, hashed, &addr);
		return NULL;
	}
	/* Written once, and not each time: workers share it. */
	if (!atomic_load_explicit(&place->used, memory_order_relaxed))
		atomic_store_explicit(&place->used, true, memory_order_relaxed);
	return hop;
}

/* ---- the control thread -------------------------------------------------------------------------------- */

static bool is_known(struct inside *inside, const struct ip_addr *dst)
{
	struct nexthop *hop;

	return look_up(inside, hash(inside, dst), dst, &hop) != NULL;
}

bool inside_wanted(struct inside *inside, struct ip_addr *ret_dst)
{
	for (uint32_t i = 0; i < WANTED; i++) {
		struct wanted *wanted = &inside->wanted[inside->turn++ % WANTED];
		struct ip_addr dst;

		if (atomic_load_explicit(&wanted->state, memory_order_acquire) != WANTED_READY)
			continue;
		dst = wanted->dst;
		atomic_store_explicit(&wanted->state, WANTED_FREE, memory_order_release);
		if (is_known(inside, &dst))
			continue;
		*ret_dst = dst;
		return true;
	}
	return false;
}

static struct place *free_place(struct inside *inside, const struct ip_addr *dst)
{
	struct place *place = bucket_of(inside, hash(inside, dst));

	for (uint32_t i = 0; i < WAYS; i++, place++)
		if (!atomic_load_explicit(&place->hop, memory_order_relaxed) && !place->expired)
			return place;
	return NULL;
}

bool inside_has_room(struct inside *inside, const struct ip_addr *dst)
{
	return inside->count < XESP_INSIDE_MAX && free_place(inside, dst);
}

void inside_add(struct inside *inside, const struct ip_addr *dst, struct nexthop *hop)
{
	struct place *place = free_place(inside, dst);

	place->dst = *dst;
	atomic_store_explicit(&place->used, true, memory_order_relaxed);
	atomic_store_explicit(&place->hop, hop, memory_order_release);
	inside->count++;
}

uint32_t inside_expire(struct inside *inside)
{
	uint32_t expired = 0;

	for (uint32_t i = 0; i < BUCKETS * WAYS; i++) {
		struct place *place = &inside->places[i];
		struct nexthop *hop = atomic_load_explicit(&place->hop, memory_order_relaxed);

		if (!hop || atomic_exchange_explicit(&place->used, false, memory_order_relaxed))
			continue;
		place->expired = hop;
		atomic_store_explicit(&place->hop, NULL, memory_order_relaxed);
		expired++;
	}
	inside->reaped = 0;
	return expired;
}

struct nexthop *inside_reap(struct inside *inside)
{
	for (; inside->reaped < BUCKETS * WAYS; inside->reaped++) {
		struct nexthop *hop = inside->places[inside->reaped].expired;

		if (!hop)
			continue;
		inside->places[inside->reaped].expired = NULL;
		inside->count--;
		return hop;
	}
	return NULL;
}

uint32_t inside_count(const struct inside *inside)
{
	return inside->count;
}
