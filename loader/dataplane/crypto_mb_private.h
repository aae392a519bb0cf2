/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the libipsec-mb provider share: its context, what it makes of a key, and the ways to work
 * on packets. x86-64 only. Workers, each with a context of its own.
 */
#ifndef XESP_DATAPLANE_CRYPTO_MB_PRIVATE_H
#define XESP_DATAPLANE_CRYPTO_MB_PRIVATE_H

#include <intel-ipsec-mb.h>
#include <xesp/limits.h>

#include "dataplane/crypto_key.h"
#include "dataplane/crypto_packet.h"
#include "dataplane/key_cache.h"

/* crypto_key.way */
enum mb_way {
	MB_WAY_GCM, /* one direct call a packet: faster than jobs at every size */
	MB_WAY_GCM_IIV,
	MB_WAY_GMAC,   /* direct calls */
	MB_WAY_CHACHA, /* one job a packet; the key is used as it is */
	MB_WAY_CCM,    /* one job a packet */
	MB_WAY_PAIR,   /* cipher and integrity each in a pass over the burst */
	MB_WAY_DES,    /* by OpenSSL */
};

/* For one length of AES keys, on this CPU. */
struct mb_gcm_calls {
	aes_gcm_pre_t expand;
	aes_gcm_enc_dec_t open;
	aes_gcm_enc_dec_t seal;
	aes_gmac_init_t gmac_init;
	aes_gmac_update_t gmac_update;
	aes_gmac_finalize_t gmac_finalize;
};

#define MB_AES_SCHEDULE 240 /* bytes of round keys, at most */
#define MB_HMAC_STATE 64    /* bytes of a hash state, at most */

struct mb_aes_keys {
	_Alignas(16) uint8_t enc[MB_AES_SCHEDULE];
	_Alignas(16) uint8_t dec[MB_AES_SCHEDULE];
};

struct mb_des_keys {
	_Alignas(16) uint8_t schedules[3][IMB_DES_KEY_SCHED_SIZE];
	const void *list[3]; /* 3DES: to the schedules */
};

/* States of the hash behind the key xor ipad, and opad (RFC 2104 section 4). */
struct mb_hmac_keys {
	_Alignas(16) uint8_t inner[MB_HMAC_STATE];
	_Alignas(16) uint8_t outer[MB_HMAC_STATE];
};

/* RFC 3566 section 4 (K1 expanded, K2, K3) and RFC 4493 section 2.3 (K expanded, K1, K2). */
struct mb_cbc_mac_keys {
	_Alignas(16) uint8_t enc[MB_AES_SCHEDULE];
	_Alignas(16) uint8_t last_whole[16]; /* for a last block that is whole: K2, or K1 */
	_Alignas(16) uint8_t last_padded[16];
};

/* What the provider makes of a key. */
union mb_keys {
	struct gcm_key_data gcm;
	struct {
		union {
			struct mb_aes_keys aes; /* also of CCM */
			struct mb_des_keys des;
		} cipher;
		union {
			struct mb_hmac_keys hmac;
			struct mb_cbc_mac_keys cbc_mac;
		} auth;
	} pair;
};

_Static_assert(sizeof(union mb_keys) <= KEY_CACHE_EXPANDED_MAX, "room for an expanded key");

/* A packet on its way through jobs, which point into it. */
struct mb_work {
	struct crypto_op *op;
	const union mb_keys *keys;
	uint8_t block[CRYPTO_COUNTER_BLOCK]; /* nonce or counter block */
	uint8_t aad[CRYPTO_AAD_MAX];
	uint8_t icv[CRYPTO_ICV_MAX]; /* the packet's, where another thing is to be hashed in its place */
	uint8_t tag[IMB_SHA512_DIGEST_SIZE_IN_BYTES];
};

struct crypto_ctx {
	/* For many packets at once: as wide as the CPU can. */
	IMB_MGR *wide;
	/* For few: with SHA instructions and shorter rounds, if the CPU has them and the wide one is another.
	 */
	IMB_MGR *narrow;
	/* Without AVX512 the library's DES, which avoids look-ups that depend on the key, takes 7 million
	 * cycles for a packet of 1400 bytes, OpenSSL's 120,000: a peer could stop the worker. Elsewhere NULL.
	 */
	struct crypto_ctx *openssl;
	struct mb_gcm_calls gcm[3]; /* by crypto_key.variant: 16, 24, 32 bytes of key */
	struct crypto_serial serial;
	struct key_cache cache;
	struct key_slot *spare; /* for a key that finds no slot: expanded for one round */
	bool spare_used;
	struct mb_work work[XESP_BURST_MAX];
	IMB_JOB jobs[XESP_BURST_MAX];
	char description[80];
	_Alignas(64) struct gcm_context_data scratch; /* the library's, of one call */
};

/* crypto_mb_keys.c: expands a key that is in no slot. */
const union mb_keys *crypto_mb_keys_expand(struct crypto_ctx *ctx, const struct crypto_key *key);

/* What the key is expanded to, for packets that are worked on at once. */
static inline const union mb_keys *crypto_mb_keys(struct crypto_ctx *ctx, const struct crypto_key *key)
{
	const struct key_slot *slot = key_cache_find(&ctx->cache, key->serial);

	return slot ? (const union mb_keys *)slot->expanded : crypto_mb_keys_expand(ctx, key);
}

/* The same, valid until crypto_mb_keys_unpin(). NULL if there is no room left in this round, never for the
 * first key of a round. */
const union mb_keys *crypto_mb_keys_pin(struct crypto_ctx *ctx, const struct crypto_key *key);
/* Ends a round: what was expanded for it alone is wiped. */
void crypto_mb_keys_unpin(struct crypto_ctx *ctx);

/* crypto_mb_gcm.c: opens or seals packets whose way is GCM or GMAC, up to the first that goes another.
 * Returns how many. */
size_t crypto_mb_gcm_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count, bool open);

/* crypto_mb_job.c: opens or seals packets that go another way, side by side, also of different SAs. */
void crypto_mb_job_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count, bool open);

#endif
