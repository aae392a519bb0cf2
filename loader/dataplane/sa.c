/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building and freeing a running SA. Control thread.
 */
#include "dataplane/sa.h"

#include <errno.h>
#include <stdlib.h>

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

static size_t sa_bytes(uint32_t window)
{
	size_t bytes = offsetof(struct sa, replay) + replay_bytes(window);

	if (bytes < sizeof(struct sa))
		bytes = sizeof(struct sa);
	return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

int sa_new(const struct sa_params *params, const struct crypto_provider *provider, struct crypto_ctx *ctx,
	   struct sa **ret_sa)
{
	const struct crypto_suite suite = {
		.cipher = algo_by_id(params->cipher),
		.auth = algo_by_id(params->auth),
		.key = params->key,
		.key_bytes = params->key_bytes,
		.auth_key = params->auth_key,
		.auth_key_bytes = params->auth_key_bytes,
		.icv_bytes = params->icv_bytes,
		.esn = params->flags & SA_FLAG_ESN,
	};
	size_t bytes = sa_bytes(params->replay_window);
	struct crypto_key *key;
	struct sa *sa;
	int r;

	if (!suite.cipher)
		return -EOPNOTSUPP;
	sa = aligned_alloc(CACHE_LINE, bytes);
	if (!sa)
		return -ENOMEM;
	r = provider->key_new(ctx, &suite, &key);
	if (r) {
		free(sa);
		return r;
	}
	memset(sa, 0, bytes);
	sa->spi = params->spi;
	sa->owner = SA_OWNER_NONE;
	sa->mode = (uint8_t)params->mode;
	sa->icv_bytes = params->icv_bytes;
	sa->iv_bytes = suite.cipher->iv_bytes;
	sa->align_bytes = suite.cipher->align_bytes;
	sa->flags = params->flags;
	sa->steps = steps_of(params);
	sa->key = key;
	sa->provider = provider;
	sa->params = *params;
	explicit_bzero(sa->params.key, sizeof(sa->params.key));
	explicit_bzero(sa->params.auth_key, sizeof(sa->params.auth_key));
	watch_init(&sa->watch, params);
	sa_life_init(&sa->life, &sa->params.limits);
	replay_init(&sa->replay, params->replay_window, params->flags & SA_FLAG_ESN, params->replay_seq);
	*ret_sa = sa;
	return 0;
}

void sa_free(struct sa *sa)
{
	if (!sa)
		return;
	sa->provider->key_free((struct crypto_key *)sa->key);
	explicit_bzero(sa, sa_bytes(sa->params.replay_window));
	free(sa);
}
