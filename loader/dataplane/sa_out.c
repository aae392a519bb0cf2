/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building and freeing a running outbound SA and taking it over from another engine, by the control thread;
 * its numbers and addresses, for workers.
 */
#include "dataplane/sa_out.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "dataplane/sa_key.h"
#include "dataplane/wire.h"

#define CACHE_LINE 64
#define UDP_HEADER_BYTES 8
#define MARKER_BYTES 8

static uint8_t form_of(const struct sa_encap *encap)
{
	if (!encap->present)
		return XESP_FORM_NATIVE;
	return encap->type == XESP_ENCAP_IKE ? XESP_FORM_UDP_IKE : XESP_FORM_UDP;
}

static uint8_t outer_bytes_of(const struct sa_out *sa)
{
	uint32_t bytes = sa->params.dst.family == AF_INET6 ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES;

	if (sa->form != XESP_FORM_NATIVE)
		bytes += UDP_HEADER_BYTES;
	if (sa->form == XESP_FORM_UDP_IKE)
		bytes += MARKER_BYTES;
	return (uint8_t)bytes;
}

/* `ip xfrm` names the ports of an outbound SA as they are sent: ours, then the peer's. */
static void ends_init(struct sa_out *sa)
{
	const struct sa_params *params = &sa->params;
	struct sa_out_ends ends = {.dst = params->dst};

	if (!ip_addr_is_any(&params->src))
		ends.src = params->src;
	if (params->encap.present) {
		ends.sport = params->encap.sport;
		ends.dport = params->encap.dport;
	}
	sa_out_set_ends(sa, &ends);
}

/* Each packet that is let go takes one number, so a lifetime in packets is one in numbers. */
static uint64_t seq_limit_of(const struct sa_params *params)
{
	uint64_t limit = params->flags & SA_FLAG_ESN ? UINT64_MAX : UINT32_MAX;
	uint64_t packets = params->limits.packet_hard;

	if (packets && params->send_seq < limit && packets < limit - params->send_seq)
		return params->send_seq + packets;
	return limit;
}

/* What follows from the params. */
static void derive(struct sa_out *sa, const struct crypto_provider *provider, const struct crypto_key *key)
{
	const struct sa_params *params = &sa->params;
	const struct algo *cipher = algo_by_id(params->cipher);

	sa->spi = params->spi;
	sa->mode = (uint8_t)params->mode;
	sa->form = form_of(&params->encap);
	sa->iv_bytes = cipher->iv_bytes;
	sa->iv_random = cipher->iv_random;
	sa->icv_bytes = params->icv_bytes;
	sa->align_bytes = cipher->align_bytes;
	sa->outer_bytes = outer_bytes_of(sa);
	sa->esn = params->flags & SA_FLAG_ESN;
	sa->seq_limit = seq_limit_of(params);
	sa->counts_bytes = params->limits.byte_soft || params->limits.byte_hard;
	sa->key = key;
	sa->provider = provider;
}

static struct sa_out *allocate(struct state *state)
{
	size_t bytes = sizeof(struct sa_out);
	struct sa_out *sa = state ? state_alloc(state, STATE_SA_OUT, STATE_STORE_OUTBOUND, bytes)
				  : aligned_alloc(CACHE_LINE, bytes);

	if (sa && !state)
		memset(sa, 0, bytes);
	return sa;
}

static void release(struct sa_out *sa)
{
	if (sa->head.state) {
		state_free(&sa->head);
		return;
	}
	explicit_bzero(sa, sizeof(*sa));
	free(sa);
}

int sa_out_new_in(struct state *state, const struct sa_params *params, const struct crypto_provider *provider,
		  struct crypto_ctx *ctx, struct sa_out **ret_sa)
{
	struct sa_out *sa = allocate(state);
	struct crypto_key *key;
	uint64_t last;
	int r;

	if (!sa)
		return -ENOMEM;
	sa->params = *params;
	r = getrandom(&sa->iv_base, sizeof(sa->iv_base), 0) == sizeof(sa->iv_base) ? 0 : -EIO;
	if (!r)
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
	last = params->send_seq < sa->seq_limit ? params->send_seq : sa->seq_limit;
	atomic_init(&sa->last_seq, last);
	atomic_init(&sa->not_taken, ~last);
	sa_life_init(&sa->life, &sa->params.limits);
	ends_init(sa);
	*ret_sa = sa;
	return 0;
}

int sa_out_new(const struct sa_params *params, const struct crypto_provider *provider, struct crypto_ctx *ctx,
	       struct sa_out **ret_sa)
{
	return sa_out_new_in(NULL, params, provider, ctx, ret_sa);
}

void sa_out_free(struct sa_out *sa)
{
	if (!sa)
		return;
	sa->provider->key_free((struct crypto_key *)sa->key);
	release(sa);
}

/* What is kept is the last number instead of the next, which behind 2^64 - 1 would be 0. */
uint64_t sa_out_take(struct sa_out *sa, uint32_t count)
{
	uint64_t last = atomic_load_explicit(&sa->last_seq, memory_order_relaxed);

	do {
		if (count == 0 || sa->seq_limit - last < count)
			return 0;
	} while (!atomic_compare_exchange_weak_explicit(&sa->last_seq, &last, last + count,
							memory_order_relaxed, memory_order_relaxed));
	/* Who takes over when this process is killed can tell a number that was overwritten; what another
	 * worker took in between only leaves it behind. */
	atomic_store_explicit(&sa->not_taken, ~(last + count), memory_order_relaxed);
	return last + 1;
}

uint64_t sa_out_left(const struct sa_out *sa)
{
	return sa->seq_limit - atomic_load_explicit(&sa->last_seq, memory_order_relaxed);
}

/* ---- outer addresses ----------------------------------------------------------------------------------- */

static void words_of(const struct sa_out_ends *ends, uint64_t *words)
{
	memcpy(&words[0], ends->src.bytes, 16);
	memcpy(&words[2], ends->dst.bytes, 16);
	words[4] = (uint64_t)ends->src.family << 48 | (uint64_t)ends->dst.family << 32 |
		   (uint32_t)ends->sport << 16 | ends->dport;
}

/* Two copies, of which readers use the one that the version names while the other is written: so a reader
 * begins again only after a whole change, and never waits for a writer that has lost its CPU. */
void sa_out_set_ends(struct sa_out *sa, const struct sa_out_ends *ends)
{
	uint32_t version = atomic_load_explicit(&sa->ends_version, memory_order_relaxed) + 1;
	_Atomic uint64_t *to = sa->ends[version % 2].words;
	uint64_t words[5];

	words_of(ends, words);
	/* The version before this one is seen before what is written here. */
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < 5; i++)
		atomic_store_explicit(&to[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&sa->ends_version, version, memory_order_release);
}

/* ---- outliving the process ----------------------------------------------------------------------------- */

static uint64_t sum_of(const struct sa_out *sa)
{
	const uint64_t names[] = {sa->head.kind, sa->head.bytes, sa->index, sa->generation, sa->iv_base};

	return state_sum(state_sum(0, names, sizeof(names)), &sa->params, sizeof(sa->params));
}

void sa_out_commit(struct sa_out *sa)
{
	if (sa->head.state)
		state_commit(&sa->head, sum_of(sa));
}

void sa_out_uncommit(struct sa_out *sa)
{
	state_uncommit(&sa->head);
}

struct sa_out *sa_out_found(struct state_head *head)
{
	struct sa_out *sa = (struct sa_out *)head;

	if (head->kind != STATE_SA_OUT || head->bytes != sizeof(*sa) || head->sum != sum_of(sa))
		return NULL;
	return sa;
}

/* Each packet that was sent had a number of its own, and each number was written twice. */
static bool numbers_fit(const struct sa_out *sa)
{
	const struct sa_params *params = &sa->params;
	uint64_t limit = seq_limit_of(params);
	uint64_t first = params->send_seq < limit ? params->send_seq : limit;
	uint64_t last = atomic_load(&sa->last_seq);

	return last >= first && last <= limit && last >= ~atomic_load(&sa->not_taken) &&
	       last - first >= atomic_load(&sa->counters.packets);
}

/* What was let go is no less than what was sent. */
static bool bytes_fit(const struct sa_out *sa)
{
	const struct sa_limits *limits = &sa->params.limits;

	return !(limits->byte_soft || limits->byte_hard) ||
	       atomic_load(&sa->watch.bytes) >= atomic_load(&sa->counters.bytes);
}

/* The peer may have moved, to an address of the same family. */
static bool ends_fit(struct sa_out *sa)
{
	const struct sa_params *params = &sa->params;
	struct sa_out_ends ends;

	sa_out_get_ends(sa, &ends);
	return ends.dst.family == params->dst.family &&
	       (ends.src.family == AF_UNSPEC || ends.src.family == params->dst.family) &&
	       !ip_addr_is_any(&ends.dst) && (params->encap.present || !ends.dport);
}

int sa_out_restore(struct sa_out *sa, struct state *state, const struct crypto_provider *provider,
		   struct crypto_ctx *ctx, uint64_t now)
{
	struct crypto_key *key;
	int err;

	if (!numbers_fit(sa) || !bytes_fit(sa) || !ends_fit(sa) ||
	    !sa_life_restore(&sa->life, &sa->params.limits, now))
		return -EBADMSG;
	err = sa_key_new(&sa->params, provider, ctx, &key);
	if (err)
		return err;
	derive(sa, provider, key);
	/* What was told may never have left the process; a worker that was telling is no more. */
	atomic_fetch_and(&sa->watch.told, (uint32_t)SA_OUT_TOLD_FIRST_USE);
	atomic_store(&sa->watch.seq_next, 0);
	atomic_store(&sa->watch.bytes_next, 0);
	atomic_store(&sa->watch.telling, false);
	atomic_store(&sa->dead, false);
	atomic_store(&sa->hop, NULL);
	memset(sa->spd_rules, 0, sizeof(sa->spd_rules));
	state_claim(state, &sa->head);
	return 0;
}
