/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crypto provider on Intel's libipsec-mb, by its direct GCM calls: one call opens one packet in place, which
 * is faster than its job interface at every packet size. A context belongs to one thread, and has a bounded
 * number of expanded keys.
 *
 * The library exists for x86-64 only; elsewhere this provider says -EOPNOTSUPP.
 */
#include "dataplane/crypto.h"

#include <errno.h>

#if defined(__x86_64__)

#include <arpa/inet.h>
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dataplane/key_cache.h"
#include "dataplane/keymem.h"

#define ESP_HEADER_BYTES 8
#define SALT_BYTES 4
#define IV_BYTES 8
#define TAG_BYTES 16

/* What the library expands a cipher key to, in a block whose size does not depend on the library. */
_Static_assert(sizeof(struct gcm_key_data) <= KEY_CACHE_EXPANDED_MAX, "room for an expanded key");

struct crypto_ctx {
	IMB_MGR *manager;
	struct gcm_context_data gcm; /* the library's scratch of one call */
	struct key_cache cache;
	struct key_slot *spare; /* for a key that finds no slot: expanded for one burst */
	bool spare_used;
	char description[64];
};

struct crypto_key {
	aes_gcm_pre_t expand; /* these for this key length and this CPU */
	aes_gcm_enc_dec_t open;
	aes_gcm_enc_dec_t seal;
	uint8_t icv_bytes;
	bool esn;
	uint8_t cipher_key[KEY_CACHE_CIPHER_KEY_MAX];
	uint8_t salt[SALT_BYTES];
	uint8_t cipher_key_bytes;
};

static const char *arch_name(const IMB_MGR *manager)
{
	static const char *const names[] = {[IMB_ARCH_SSE] = "SSE",
					    [IMB_ARCH_AVX] = "AVX",
					    [IMB_ARCH_AVX2] = "AVX2",
					    [IMB_ARCH_AVX512] = "AVX512"};
	uint32_t arch = manager->used_arch;

	return arch < ARRAY_SIZE(names) && names[arch] ? names[arch] : "unknown";
}

static void mb_ctx_free(struct crypto_ctx *ctx)
{
	if (!ctx)
		return;
	if (ctx->manager)
		free_mb_mgr(ctx->manager);
	key_cache_cleanup(&ctx->cache);
	keymem_free(ctx->spare, sizeof(*ctx->spare));
	explicit_bzero(&ctx->gcm, sizeof(ctx->gcm));
	free(ctx);
}

static int mb_ctx_new(struct crypto_ctx **ret_ctx)
{
	const uint64_t vaes = IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ;
	struct crypto_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return -ENOMEM;
	ctx->manager = alloc_mb_mgr(0);
	if (!ctx->manager) {
		mb_ctx_free(ctx);
		return -ENOMEM;
	}
	init_mb_mgr_auto(ctx->manager, NULL);
	/* Without AES instructions the library emulates them: slower than OpenSSL. A failed self-test of the
	 * library shows in its error number. */
	if (imb_get_errno(ctx->manager) || (ctx->manager->features & IMB_CPUFLAGS_SSE) != IMB_CPUFLAGS_SSE ||
	    ctx->manager->used_arch == IMB_ARCH_NOAESNI) {
		mb_ctx_free(ctx);
		return -EOPNOTSUPP;
	}
	ctx->spare = keymem_alloc(sizeof(*ctx->spare));
	if (!ctx->spare || key_cache_init(&ctx->cache)) {
		mb_ctx_free(ctx);
		return -ENOMEM;
	}
	snprintf(ctx->description, sizeof(ctx->description), "ipsec-mb %s, %s%s", imb_get_version_str(),
		 arch_name(ctx->manager), (ctx->manager->features & vaes) == vaes ? " VAES" : "");
	*ret_ctx = ctx;
	return 0;
}

static const char *mb_ctx_describe(const struct crypto_ctx *ctx)
{
	return ctx->description;
}

/* -EOPNOTSUPP for a cipher key of another length than AES has. */
static int choose_calls(const IMB_MGR *manager, size_t cipher_key_bytes, struct crypto_key *key)
{
	switch (cipher_key_bytes) {
	case IMB_GCM_128_KEY_LEN:
		key->expand = manager->gcm128_pre;
		key->open = manager->gcm128_dec;
		key->seal = manager->gcm128_enc;
		return 0;
	case IMB_GCM_192_KEY_LEN:
		key->expand = manager->gcm192_pre;
		key->open = manager->gcm192_dec;
		key->seal = manager->gcm192_enc;
		return 0;
	case IMB_GCM_256_KEY_LEN:
		key->expand = manager->gcm256_pre;
		key->open = manager->gcm256_dec;
		key->seal = manager->gcm256_enc;
		return 0;
	default: return -EOPNOTSUPP;
	}
}

static void mb_key_free(struct crypto_key *key)
{
	keymem_free(key, sizeof(*key));
}

static int mb_key_new(struct crypto_ctx *ctx, const struct crypto_suite *suite, struct crypto_key **ret_key)
{
	size_t bytes = suite->key_bytes;
	struct crypto_key *key;
	int r;

	if (suite->cipher->id != ALGO_AES_GCM || bytes <= SALT_BYTES)
		return -EOPNOTSUPP;
	key = keymem_alloc(sizeof(*key));
	if (!key)
		return -ENOMEM;
	r = choose_calls(ctx->manager, bytes - SALT_BYTES, key);
	if (r) {
		mb_key_free(key);
		return r;
	}
	key->cipher_key_bytes = (uint8_t)(bytes - SALT_BYTES);
	memcpy(key->cipher_key, suite->key, key->cipher_key_bytes);
	memcpy(key->salt, suite->key + bytes - SALT_BYTES, SALT_BYTES);
	key->icv_bytes = suite->icv_bytes;
	key->esn = suite->esn;
	*ret_key = key;
	return 0;
}

static void mb_forget(struct crypto_ctx *ctx, const struct crypto_key *key)
{
	key_cache_forget(&ctx->cache, key);
}

static bool is_of(const struct key_slot *slot, const struct crypto_key *key)
{
	return slot->key_bytes == key->cipher_key_bytes &&
	       !memcmp(slot->cipher_key, key->cipher_key, sizeof(slot->cipher_key));
}

static void fill(struct key_slot *slot, const struct crypto_key *key)
{
	/* The library writes no more than this key's length asks for. */
	if (slot->key_bytes != key->cipher_key_bytes)
		explicit_bzero(slot->expanded, sizeof(slot->expanded));
	slot->key_bytes = key->cipher_key_bytes;
	memcpy(slot->cipher_key, key->cipher_key, sizeof(slot->cipher_key));
	key->expand(key->cipher_key, (struct gcm_key_data *)slot->expanded);
}

static const struct gcm_key_data *expand(struct crypto_ctx *ctx, const struct crypto_key *key)
{
	struct key_slot *slot = key_cache_claim(&ctx->cache, key);

	if (slot) {
		fill(slot, key);
		key_cache_filled(slot, key);
	} else {
		slot = ctx->spare;
		ctx->spare_used = true;
		fill(slot, key);
	}
	return (const struct gcm_key_data *)slot->expanded;
}

static const struct gcm_key_data *expanded(struct crypto_ctx *ctx, const struct crypto_key *key)
{
	const struct key_slot *slot = key_cache_find(&ctx->cache, key);

	if (slot && is_of(slot, key))
		return (const struct gcm_key_data *)slot->expanded;
	return expand(ctx, key);
}

/* RFC 4106 sections 4 and 5: with ESN the high half, which is not on the wire, stands in the middle. */
static const uint8_t *aad_of(const struct crypto_op *op, uint8_t *room, size_t *ret_len)
{
	uint32_t high = htonl((uint32_t)(op->seq >> 32));

	if (!op->key->esn) {
		*ret_len = ESP_HEADER_BYTES;
		return op->esp;
	}
	memcpy(room, op->esp, 4);
	memcpy(room + 4, &high, 4);
	memcpy(room + 8, op->esp + 4, 4);
	*ret_len = ESP_HEADER_BYTES + sizeof(high);
	return room;
}

static void gcm_one(struct crypto_ctx *ctx, const struct gcm_key_data *key_data, struct crypto_op *op,
		    bool open)
{
	const struct crypto_key *key = op->key;
	uint8_t *text = op->esp + ESP_HEADER_BYTES + IV_BYTES;
	uint8_t *icv = text + op->text_len;
	uint8_t nonce[SALT_BYTES + IV_BYTES];
	uint8_t tag[TAG_BYTES], room[12];
	size_t aad_len;
	const uint8_t *aad = aad_of(op, room, &aad_len);

	memcpy(nonce, key->salt, SALT_BYTES);
	memcpy(nonce + SALT_BYTES, op->esp + ESP_HEADER_BYTES, IV_BYTES);
	(open ? key->open : key->seal)(key_data, &ctx->gcm, text, text, op->text_len, nonce, aad, aad_len,
				       tag, TAG_BYTES);
	/* The call has no result of its own; after an error `tag` is the packet's before. */
	if (imb_get_errno(ctx->manager))
		op->status = -EIO;
	else if (open)
		op->status = CRYPTO_memcmp(tag, icv, key->icv_bytes) ? -EBADMSG : 0;
	else
		op->status = 0;
	if (!open)
		memcpy(icv, tag, key->icv_bytes);
}

static void gcm_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count, bool open)
{
	const struct gcm_key_data *key_data = NULL;
	const struct crypto_key *key = NULL;

	for (size_t i = 0; i < count; i++) {
		if (ops[i]->key != key) {
			key = ops[i]->key;
			key_data = expanded(ctx, key);
		}
		gcm_one(ctx, key_data, ops[i], open);
	}
	if (ctx->spare_used) {
		explicit_bzero(ctx->spare, sizeof(*ctx->spare));
		ctx->spare_used = false;
	}
}

static void mb_open_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count)
{
	gcm_burst(ctx, ops, count, true);
}

static void mb_seal_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count)
{
	gcm_burst(ctx, ops, count, false);
}

#else

static int mb_ctx_new(struct crypto_ctx **ret_ctx)
{
	(void)ret_ctx;
	return -EOPNOTSUPP;
}

/* There is no context, so nothing below is ever reached with one. */
#define mb_ctx_free NULL
#define mb_ctx_describe NULL
#define mb_key_new NULL
#define mb_key_free NULL
#define mb_forget NULL
#define mb_open_burst NULL
#define mb_seal_burst NULL

#endif

const struct crypto_provider crypto_ipsec_mb = {
	.name = "ipsec-mb",
	.ctx_new = mb_ctx_new,
	.ctx_free = mb_ctx_free,
	.ctx_describe = mb_ctx_describe,
	.key_new = mb_key_new,
	.key_free = mb_key_free,
	.forget = mb_forget,
	.open_burst = mb_open_burst,
	.seal_burst = mb_seal_burst,
};
