/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A running outbound SA: what the packet path needs to seal and send. Created and freed by the control
 * thread. Any worker may send on it, so what changes while it runs is atomic: the sequence number, of which a
 * worker takes as many as its burst has packets, the outer addresses, and the counters.
 */
#ifndef XESP_DATAPLANE_SA_OUT_H
#define XESP_DATAPLANE_SA_OUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "control/sa_params.h"
#include "dataplane/crypto.h"
#include "dataplane/sa_life.h"
#include "dataplane/state.h"

struct nexthop;
struct spd_rule;

#define SPD_FAMILIES 2

enum sa_out_told {
	SA_OUT_TOLD_FIRST_USE = 1u << 0,
	SA_OUT_TOLD_SOFT_BYTES = 1u << 1,
	SA_OUT_TOLD_SOFT_PACKETS = 1u << 2,
	SA_OUT_TOLD_SOFT_SEQUENCE = 1u << 3,
	SA_OUT_TOLD_HARD = 1u << 4,
};

/* What the workers watch as they send; see sa_out_watch.h. */
struct sa_out_watch {
	_Atomic uint64_t seq_next;   /* number from which on there is something to tell */
	_Atomic uint64_t bytes_next; /* the same of bytes */
	_Atomic uint64_t bytes;	     /* of payload that were let go; counted if a lifetime is in bytes */
	_Atomic uint32_t told;	     /* enum sa_out_told */
	_Atomic bool telling;	     /* a worker is about to tell */
};

struct sa_out_counters {
	_Atomic uint64_t packets; /* sent */
	_Atomic uint64_t bytes;	  /* of ESP payload in them: without padding and trailer, as of inbound SAs */
	_Atomic uint64_t refused; /* matched the SA and were not sent */
	_Atomic uint64_t first_used; /* seconds of CLOCK_REALTIME, 0: never */
	_Atomic uint64_t last_used;
};

/* The outer addresses and, with UDP, ports in host order. The peer's may change while the SA runs (RFC 7296
 * section 2.23), ours with the route to it. */
struct sa_out_ends {
	struct ip_addr src; /* AF_UNSPEC: not known yet; nothing can be sent, but in transport mode, where it
			     * is the packet's */
	struct ip_addr dst;
	uint16_t sport;
	uint16_t dport;
};

/* The same in words that a reader can load one by one. */
struct sa_out_ends_words {
	_Atomic uint64_t words[5];
};

struct sa_out {
	struct state_head head;
	uint32_t index;
	uint32_t generation;
	uint32_t spi; /* host order */
	uint8_t mode; /* enum sa_mode */
	uint8_t form; /* enum xesp_form */
	uint8_t iv_bytes;
	uint8_t icv_bytes;
	uint8_t align_bytes;
	bool iv_random; /* CBC: no IV may be foretold (RFC 3602 section 3); else it is iv_base + number */
	bool esn;
	uint8_t outer_bytes; /* of IP, UDP and marker in front of ESP; in transport mode without options */
	uint64_t iv_base;    /* random: a key that is installed again does not begin with the same IVs */
	uint64_t seq_limit; /* highest number that may be sent: by RFC 4303 section 3.3.3, or by a lifetime in
			     * packets */
	bool counts_bytes;  /* a lifetime is in bytes */
	const struct crypto_key *key;
	const struct crypto_provider *provider;
	struct nexthop *_Atomic hop;		  /* the way to the peer; the control thread's */
	struct spd_rule *spd_rules[SPD_FAMILIES]; /* spd.c's */

	_Alignas(64) _Atomic uint64_t last_seq; /* highest number taken; seq_limit: the SA has ended */
	_Atomic uint64_t not_taken;		/* ~last_seq, written after it: it is never above */
	struct sa_out_watch watch;
	_Alignas(64) _Atomic bool dead; /* deleted, or its hard lifetime is reached: nothing more is sent */
	_Atomic uint32_t ends_version;	/* its lowest bit says which of `ends` is valid */
	struct sa_out_ends_words ends[2];
	struct sa_out_counters counters;
	uint64_t dummy_seen;	 /* packets sent when it was last asked whether a dummy is due; the control
				    thread's */
	struct sa_life life;	 /* the control thread's */
	struct sa_params params; /* with the keys in state memory, as in struct sa; else without */
};

/* Builds an outbound SA from validated params: takes the key, draws iv_base. -ENOMEM, -EOPNOTSUPP, -EIO (no
 * random numbers). The caller keeps (and wipes) its params. Control thread. */
int sa_out_new(const struct sa_params *params, const struct crypto_provider *provider, struct crypto_ctx *ctx,
	       struct sa_out **ret_sa);
/* The same in state memory. */
int sa_out_new_in(struct state *state, const struct sa_params *params, const struct crypto_provider *provider,
		  struct crypto_ctx *ctx, struct sa_out **ret_sa);

/* As of struct sa: before the first number is taken, and before the SA is taken from where packets find it.
 */
void sa_out_commit(struct sa_out *sa);
void sa_out_uncommit(struct sa_out *sa);
/* As sa_found(). */
struct sa_out *sa_out_found(struct state_head *head);
/* As sa_restore(). -EBADMSG also where it cannot be ruled out that a number would be taken again. The way to
 * the peer and the rules are the caller's to find. */
int sa_out_restore(struct sa_out *sa, struct state *state, const struct crypto_provider *provider,
		   struct crypto_ctx *ctx, uint64_t now);

/* Frees and wipes; NULL-safe. No worker may still see the SA, and each has forgotten its key. */
void sa_out_free(struct sa_out *sa);

/* Takes `count` numbers in a row; returns the first, or 0 if there are not so many left (RFC 4303 section
 * 3.3.3: the number never cycles). What is left then may be taken by asking for less. Any worker. */
uint64_t sa_out_take(struct sa_out *sa, uint32_t count);
/* Numbers that are left. Any thread. */
uint64_t sa_out_left(const struct sa_out *sa);

/* What was sent: `bytes` of payload in all; `now` in seconds of CLOCK_REALTIME. Any thread. */
static inline void sa_out_count(struct sa_out *sa, uint32_t packets, uint64_t bytes, uint64_t now)
{
	struct sa_out_counters *counters = &sa->counters;

	atomic_fetch_add_explicit(&counters->packets, packets, memory_order_relaxed);
	atomic_fetch_add_explicit(&counters->bytes, bytes, memory_order_relaxed);
	if (!atomic_load_explicit(&counters->first_used, memory_order_relaxed))
		atomic_store_explicit(&counters->first_used, now, memory_order_relaxed);
	if (atomic_load_explicit(&counters->last_used, memory_order_relaxed) != now)
		atomic_store_explicit(&counters->last_used, now, memory_order_relaxed);
}

/* Control thread. The family of `dst` stays the SA's. */
void sa_out_set_ends(struct sa_out *sa, const struct sa_out_ends *ends);

/* Word by word: a load of 16 bytes that were just written in two pieces waits until they are in the cache. */
static inline void sa_out_ends_of(const uint64_t *words, struct sa_out_ends *ret_ends)
{
	memcpy(ret_ends->src.bytes, &words[0], 8);
	memcpy(ret_ends->src.bytes + 8, &words[1], 8);
	memcpy(ret_ends->dst.bytes, &words[2], 8);
	memcpy(ret_ends->dst.bytes + 8, &words[3], 8);
	ret_ends->src.family = (uint8_t)(words[4] >> 48);
	ret_ends->dst.family = (uint8_t)(words[4] >> 32);
	ret_ends->sport = (uint16_t)(words[4] >> 16);
	ret_ends->dport = (uint16_t)words[4];
}

/* Any thread; never waits for the control thread. */
static inline void sa_out_get_ends(const struct sa_out *sa, struct sa_out_ends *ret_ends)
{
	uint32_t version, after;
	uint64_t words[5];

	do {
		version = atomic_load_explicit(&sa->ends_version, memory_order_acquire);
#pragma GCC unroll 5
		for (size_t i = 0; i < 5; i++)
			words[i] =
				atomic_load_explicit(&sa->ends[version % 2].words[i], memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&sa->ends_version, memory_order_relaxed);
	} while (after != version);
	sa_out_ends_of(words, ret_ends);
}

#endif
