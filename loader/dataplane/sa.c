/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building and freeing a running SA, and taking it over from another engine. Control thread.
 */
#include "dataplane/sa.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/event.h"
#include "dataplane/sa_key.h"

#define CACHE_LINE 64

/* In BEET mode the inner addresses are made from the selector's, so these need no comparison. */
static bool selector_restricts(const struct sa_params *params)
{
	const struct sa_selector *sel = &params->selector;

	if (sel->protocol || sel->sport || sel->dport)
		return true;
	return params->mode != SA_MODE_BEET &&
	       (sel->src.addr.family != AF_UNSPEC || sel->dst.addr.family != AF_UNSPEC);
}

static uint32_t steps_of(const struct sa_params *params)
{
	uint32_t steps = 0;

	if (selector_restricts(params))
		steps |= SA_STEP_SELECTOR;
	if (params->mode != SA_MODE_TUNNEL)
		return steps;
	if (!(params->flags & SA_FLAG_NO_ECN))
		steps |= SA_STEP_ECN;
	if (params->flags & SA_FLAG_DECAP_DSCP)
		steps |= SA_STEP_DSCP;
	return steps;
}

/* From the first packet on there is something to say. */
static void watch_init(struct sa_watch *watch, const struct sa_params *params)
{
	watch->packets_next = 1;
	watch->bytes_next = UINT64_MAX;
	if (!ip_addr_is_any(&params->src))
		memcpy(watch->peer.addr, params->src.bytes, sizeof(watch->peer.addr));
	if (params->encap.present)
		watch->peer.port = htons(params->encap.sport);
	watch->peer_told = watch->peer;
}

size_t sa_bytes(uint32_t window)
{
	size_t bytes = offsetof(struct sa, replay) + replay_bytes(window);

	if (bytes < sizeof(struct sa))
		bytes = sizeof(struct sa);
	return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

/* What follows from the params. */
static void derive(struct sa *sa, const struct crypto_provider *provider, const struct crypto_key *key)
{
	const struct algo *cipher = algo_by_id(sa->params.cipher);

	sa->spi = sa->params.spi;
	sa->owner = SA_OWNER_NONE;
	sa->mode = (uint8_t)sa->params.mode;
	sa->icv_bytes = sa->params.icv_bytes;
	sa->iv_bytes = cipher->iv_bytes;
	sa->align_bytes = cipher->align_bytes;
	sa->flags = sa->params.flags;
	sa->steps = steps_of(&sa->params);
	sa->key = key;
	sa->provider = provider;
}

static struct sa *allocate(struct state *state, uint32_t store, size_t bytes)
{
	struct sa *sa = state ? state_alloc(state, STATE_SA, store, bytes) : aligned_alloc(CACHE_LINE, bytes);

	if (sa && !state)
		memset(sa, 0, bytes);
	return sa;
}

/* Nobody holds it. */
static void release(struct sa *sa)
{
	if (sa->head.state) {
		state_free(&sa->head);
		return;
	}
	explicit_bzero(sa, sa_bytes(sa->params.replay_window));
	free(sa);
}

int sa_new_in(struct state *state, uint32_t store, const struct sa_params *params,
	      const struct crypto_provider *provider, struct crypto_ctx *ctx, struct sa **ret_sa)
{
	struct sa *sa = allocate(state, store, sa_bytes(params->replay_window));
	struct crypto_key *key;
	int r;

	if (!sa)
		return -ENOMEM;
	sa->params = *params;
	r = sa_key_new(params, provider, ctx, &key);
	if (r) {
		release(sa);
		return r;
	}
	if (!state) {
		explicit_bzero(sa->params.key, sizeof(sa->params.key));
		explicit_bzero(sa->params.auth_key, sizeof(sa->params.auth_key));
	}
	derive(sa, provider, key);
	watch_init(&sa->watch, params);
	sa_life_init(&sa->life, &sa->params.limits);
	replay_init(&sa->replay, params->replay_window, params->flags & SA_FLAG_ESN, params->replay_seq);
	*ret_sa = sa;
	return 0;
}

int sa_new(const struct sa_params *params, const struct crypto_provider *provider, struct crypto_ctx *ctx,
	   struct sa **ret_sa)
{
	return sa_new_in(NULL, 0, params, provider, ctx, ret_sa);
}

void sa_free(struct sa *sa)
{
	if (!sa)
		return;
	sa->provider->key_free((struct crypto_key *)sa->key);
	release(sa);
}

/* ---- outliving the process ----------------------------------------------------------------------------- */

static uint64_t sum_of(const struct sa *sa)
{
	const uint32_t names[] = {sa->head.kind, sa->head.store, sa->head.bytes, sa->index, sa->generation};

	return state_sum(state_sum(0, names, sizeof(names)), &sa->params, sizeof(sa->params));
}

void sa_commit(struct sa *sa)
{
	if (sa->head.state)
		state_commit(&sa->head, sum_of(sa));
}

void sa_uncommit(struct sa *sa)
{
	state_uncommit(&sa->head);
}

struct sa *sa_found(struct state_head *head)
{
	struct sa *sa = (struct sa *)head;

	if (head->kind != STATE_SA || head->bytes < sizeof(*sa) || head->sum != sum_of(sa))
		return NULL;
	return sa;
}

/* Where the peer is was told, and nobody has acted on it: it is told again with its next packet, as a change
 * from what the request says. */
static void tell_peer_again(struct sa_watch *watch, const struct sa_params *params)
{
	struct sa_watch first = {0};

	watch_init(&first, params);
	watch->peer_told = first.peer;
	watch->peer_told_at = 0;
	if (!memcmp(watch->peer_told.addr, watch->peer.addr, sizeof(watch->peer.addr)) &&
	    watch->peer_told.port == watch->peer.port)
		watch->peer_told = (struct sa_peer){{0, 0}, 0};
}

/* What was told may never have left the process, so it is told again, but for the first use. */
static int restore_watch(struct sa *sa)
{
	struct sa_watch *watch = &sa->watch;

	if (watch->expired > EVENT_LIMIT_PACKETS)
		return -EBADMSG;
	/* It was being written: the peer's next packet says where it is. */
	if (atomic_load_explicit(&watch->peer_version, memory_order_relaxed) & 1)
		watch->peer = watch->peer_told;
	atomic_store_explicit(&watch->peer_version, 0, memory_order_relaxed);
	if (watch->mappings != sa->mappings_taken)
		tell_peer_again(watch, &sa->params);
	watch->mappings = sa->mappings_taken;
	watch->told &= SA_TOLD_FIRST_USE;
	watch->packets_next = 0;
	watch->bytes_next = 0;
	return 0;
}

/* No packet is counted that has not moved the window. */
static bool counts_fit(const struct sa *sa)
{
	uint64_t packets = atomic_load_explicit(&sa->counters.packets, memory_order_relaxed);

	return !sa->params.replay_window || packets <= sa->replay.top - sa->params.replay_seq;
}

int sa_restore(struct sa *sa, struct state *state, const struct crypto_provider *provider,
	       struct crypto_ctx *ctx, uint64_t now)
{
	const struct sa_params *params = &sa->params;
	struct crypto_key *key;
	int err;

	if (sa->head.bytes != sa_bytes(params->replay_window))
		return -EBADMSG;
	err = replay_restore(&sa->replay, params->replay_window, params->flags & SA_FLAG_ESN,
			     params->replay_seq);
	if (!err)
		err = restore_watch(sa);
	if (!err && !(counts_fit(sa) && sa_life_restore(&sa->life, &params->limits, now)))
		err = -EBADMSG;
	if (!err)
		err = sa_key_new(params, provider, ctx, &key);
	if (err)
		return err;
	atomic_store(&sa->dead, false);
	atomic_store(&sa->delete_requested, false);
	derive(sa, provider, key);
	state_claim(state, &sa->head);
	return 0;
}
