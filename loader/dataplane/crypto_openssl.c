/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crypto provider on OpenSSL's EVP: for CPUs that libipsec-mb does not know, and the reference for it.
 * A context belongs to one thread.
 *
 * Expanded keys of OpenSSL live on its heap, which is neither locked nor shared between threads. So a key
 * here is the raw key in key memory; a context keeps one cipher state a key length, sets a key where it
 * differs from the packet's before, and overwrites the states at the end of the burst: no copy of a key
 * outlives its SA, and the cost is one key setup a run of packets of one SA.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dataplane/crypto.h"
#include "dataplane/keymem.h"

#define ESP_HEADER_BYTES 8
#define SALT_BYTES 4
#define IV_BYTES 8
#define CIPHER_KEY_MAX 32

struct cipher_state {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *evp;
	const struct crypto_key *key; /* set in `evp`; only within a burst */
};

static const struct {
	const char *name;
	size_t key_bytes;
} ciphers[] = {{"AES-128-GCM", 16}, {"AES-192-GCM", 24}, {"AES-256-GCM", 32}};

struct crypto_ctx {
	struct cipher_state states[ARRAY_SIZE(ciphers)];
	char description[160];
};

struct crypto_key {
	size_t state; /* index into states and ciphers */
	uint8_t icv_bytes;
	bool esn;
	uint8_t cipher_key[CIPHER_KEY_MAX];
	uint8_t salt[SALT_BYTES];
};

static void ossl_ctx_free(struct crypto_ctx *ctx)
{
	if (!ctx)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(ciphers); i++) {
		EVP_CIPHER_CTX_free(ctx->states[i].evp);
		EVP_CIPHER_free(ctx->states[i].cipher);
	}
	free(ctx);
}

/* Sets the all-zero key: allocates what EVP allocates lazily, and is how a burst's key is overwritten. */
static int state_blank(struct cipher_state *state)
{
	static const uint8_t zero[CIPHER_KEY_MAX];

	state->key = NULL;
	return EVP_CipherInit_ex(state->evp, state->cipher, NULL, zero, NULL, 0) == 1 ? 0 : -EOPNOTSUPP;
}

static int state_init(struct cipher_state *state, const char *name)
{
	state->cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	if (!state->cipher)
		return -EOPNOTSUPP;
	state->evp = EVP_CIPHER_CTX_new();
	if (!state->evp)
		return -ENOMEM;
	return state_blank(state);
}

static int ossl_ctx_new(struct crypto_ctx **ret_ctx)
{
	struct crypto_ctx *ctx = calloc(1, sizeof(*ctx));
	const char *cpu = OPENSSL_info(OPENSSL_INFO_CPU_SETTINGS);

	if (!ctx)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(ciphers); i++) {
		int r = state_init(&ctx->states[i], ciphers[i].name);

		if (r) {
			ERR_clear_error();
			ossl_ctx_free(ctx);
			return r;
		}
	}
	snprintf(ctx->description, sizeof(ctx->description), "OpenSSL %s, %s",
		 OpenSSL_version(OPENSSL_VERSION_STRING), cpu ? cpu : "CPU features unknown");
	*ret_ctx = ctx;
	return 0;
}

static const char *ossl_ctx_describe(const struct crypto_ctx *ctx)
{
	return ctx->description;
}

static void ossl_key_free(struct crypto_key *key)
{
	keymem_free(key, sizeof(*key));
}

/* Nothing of a key outlives its burst. */
static void ossl_forget(struct crypto_ctx *ctx, const struct crypto_key *key)
{
	(void)ctx;
	(void)key;
}

static int ossl_key_new(struct crypto_ctx *ctx, const struct crypto_suite *suite, struct crypto_key **ret_key)
{
	struct crypto_key *key;
	size_t state = 0;

	(void)ctx;
	if (suite->cipher->id != ALGO_AES_GCM)
		return -EOPNOTSUPP;
	while (state < ARRAY_SIZE(ciphers) && ciphers[state].key_bytes + SALT_BYTES != suite->key_bytes)
		state++;
	if (state == ARRAY_SIZE(ciphers))
		return -EOPNOTSUPP;
	key = keymem_alloc(sizeof(*key));
	if (!key)
		return -ENOMEM;
	key->state = state;
	key->icv_bytes = suite->icv_bytes;
	key->esn = suite->esn;
	memcpy(key->cipher_key, suite->key, suite->key_bytes - SALT_BYTES);
	memcpy(key->salt, suite->key + suite->key_bytes - SALT_BYTES, SALT_BYTES);
	*ret_key = key;
	return 0;
}

/* RFC 4106 section 5: with ESN the high half, which is not on the wire, stands in the middle. */
static int update_aad(EVP_CIPHER_CTX *evp, const struct crypto_op *op)
{
	uint32_t high = htonl((uint32_t)(op->seq >> 32));
	int len;

	if (!op->key->esn)
		return EVP_CipherUpdate(evp, NULL, &len, op->esp, ESP_HEADER_BYTES);
	return EVP_CipherUpdate(evp, NULL, &len, op->esp, 4) == 1 &&
	       EVP_CipherUpdate(evp, NULL, &len, (const uint8_t *)&high, 4) == 1 &&
	       EVP_CipherUpdate(evp, NULL, &len, op->esp + 4, 4) == 1;
}

/* 0, -EBADMSG or -EIO. */
static int work_one(struct cipher_state *state, struct crypto_op *op, bool open)
{
	const struct crypto_key *key = op->key;
	EVP_CIPHER_CTX *evp = state->evp;
	uint8_t nonce[SALT_BYTES + IV_BYTES]; /* RFC 4106 section 4 */
	uint8_t *text = op->esp + ESP_HEADER_BYTES + IV_BYTES;
	uint8_t *icv = text + op->text_len;
	int len;

	memcpy(nonce, key->salt, SALT_BYTES);
	memcpy(nonce + SALT_BYTES, op->esp + ESP_HEADER_BYTES, IV_BYTES);
	if (EVP_CipherInit_ex(evp, NULL, NULL, key == state->key ? NULL : key->cipher_key, nonce, !open) != 1)
		return -EIO;
	state->key = key;
	if (update_aad(evp, op) != 1 || EVP_CipherUpdate(evp, text, &len, text, (int)op->text_len) != 1)
		return -EIO;
	/* GCM writes nothing at the end; EVP compares the ICV in constant time. */
	if (open)
		return EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, key->icv_bytes, icv) != 1 ? -EIO
		       : EVP_CipherFinal_ex(evp, nonce, &len) == 1				 ? 0
												 : -EBADMSG;
	return EVP_CipherFinal_ex(evp, nonce, &len) == 1 &&
			       EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, key->icv_bytes, icv) == 1
		       ? 0
		       : -EIO;
}

static void work_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count, bool open)
{
	for (size_t i = 0; i < count; i++)
		ops[i]->status = (int8_t)work_one(&ctx->states[ops[i]->key->state], ops[i], open);
	for (size_t i = 0; i < ARRAY_SIZE(ciphers); i++) {
		if (ctx->states[i].key)
			state_blank(&ctx->states[i]);
	}
	ERR_clear_error();
}

static void ossl_open_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count)
{
	work_burst(ctx, ops, count, true);
}

static void ossl_seal_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count)
{
	work_burst(ctx, ops, count, false);
}

const struct crypto_provider crypto_openssl = {
	.name = "openssl",
	.ctx_new = ossl_ctx_new,
	.ctx_free = ossl_ctx_free,
	.ctx_describe = ossl_ctx_describe,
	.key_new = ossl_key_new,
	.key_free = ossl_key_free,
	.forget = ossl_forget,
	.open_burst = ossl_open_burst,
	.seal_burst = ossl_seal_burst,
};
