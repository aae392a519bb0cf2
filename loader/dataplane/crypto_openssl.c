/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crypto provider on OpenSSL's EVP: for CPUs that libipsec-mb does not know, and the reference for it. Its
 * contexts, and ciphers with a separate integrity algorithm. A context belongs to one thread.
 *
 * Expanded keys of OpenSSL live on its heap, which is neither locked nor shared between threads. So a key
 * here is the raw key in key memory; a context keeps one cipher state a key length, sets a key where it
 * differs from the packet's before, and overwrites the states at the end of the burst: no copy of a key
 * outlives its burst, and the cost is one key setup a run of packets of one SA.
 */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "dataplane/crypto_openssl_private.h"

static const struct {
	enum algo_id id;
	uint8_t key_bytes;
	const char *name;
} ciphers[OPENSSL_CIPHERS] = {
	{ALGO_AES_GCM, 16, "AES-128-GCM"},
	{ALGO_AES_GCM, 24, "AES-192-GCM"},
	{ALGO_AES_GCM, 32, "AES-256-GCM"},
	{ALGO_AES_CCM, 16, "AES-128-CCM"},
	{ALGO_AES_CCM, 32, "AES-256-CCM"},
	{ALGO_CHACHA20_POLY1305, 32, "ChaCha20-Poly1305"},
	{ALGO_AES_CBC, 16, "AES-128-CBC"},
	{ALGO_AES_CBC, 24, "AES-192-CBC"},
	{ALGO_AES_CBC, 32, "AES-256-CBC"},
	{ALGO_AES_CTR, 16, "AES-128-CTR"},
	{ALGO_AES_CTR, 24, "AES-192-CTR"},
	{ALGO_AES_CTR, 32, "AES-256-CTR"},
	/* Also DES, with its key three times: single DES is not in OpenSSL's default provider. */
	{ALGO_3DES_CBC, 24, "DES-EDE3-CBC"},
};

#define NO_CIPHER OPENSSL_CIPHERS /* crypto_key.variant of the NULL cipher */

static const uint8_t zero[CRYPTO_CIPHER_KEY_MAX];

/* EVP_CIPHER_CTX_set_padding() would have EVP say it again with each packet. */
static bool without_padding(EVP_CIPHER_CTX *evp)
{
	unsigned int no = 0;
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_uint(OSSL_CIPHER_PARAM_PADDING, &no),
				     OSSL_PARAM_construct_end()};

	return EVP_CIPHER_CTX_set_params(evp, params) == 1;
}

int crypto_openssl_cipher_init(struct openssl_cipher *cipher, const char *name)
{
	cipher->cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	if (!cipher->cipher)
		return -EOPNOTSUPP;
	cipher->evp = EVP_CIPHER_CTX_new();
	/* With a key, so that EVP allocates now what it allocates late. */
	if (!cipher->evp || EVP_CipherInit_ex(cipher->evp, cipher->cipher, NULL, zero, zero, 1) != 1)
		return -ENOMEM;
	return EVP_CIPHER_get_block_size(cipher->cipher) == 1 || without_padding(cipher->evp) ? 0 : -EIO;
}

void crypto_openssl_cipher_cleanup(struct openssl_cipher *cipher)
{
	EVP_CIPHER_CTX_free(cipher->evp);
	EVP_CIPHER_free(cipher->cipher);
}

/* Also overwrites what is made of a key and a nonce, so that no packet of before can be forged. */
void crypto_openssl_cipher_blank(struct openssl_cipher *cipher)
{
	if (!cipher->key)
		return;
	cipher->key = NULL;
	EVP_CipherInit_ex(cipher->evp, NULL, NULL, zero, zero, 1);
}

static void ossl_ctx_free(struct crypto_ctx *ctx)
{
	if (!ctx)
		return;
	for (size_t i = 0; i < OPENSSL_CIPHERS; i++)
		crypto_openssl_cipher_cleanup(&ctx->ciphers[i]);
	crypto_openssl_mac_cleanup(ctx);
	free(ctx);
}

/* What OpenSSL was configured to leave out stays empty. */
static int ctx_init(struct crypto_ctx *ctx)
{
	const char *cpu = OPENSSL_info(OPENSSL_INFO_CPU_SETTINGS);
	int r;

	for (size_t i = 0; i < OPENSSL_CIPHERS; i++) {
		r = crypto_openssl_cipher_init(&ctx->ciphers[i], ciphers[i].name);
		if (r && r != -EOPNOTSUPP)
			return r;
	}
	if (!ctx->ciphers[0].evp)
		return -EOPNOTSUPP;
	r = crypto_openssl_mac_init(ctx);
	if (r)
		return r;
	snprintf(ctx->description, sizeof(ctx->description), "OpenSSL %s, %s",
		 OpenSSL_version(OPENSSL_VERSION_STRING), cpu ? cpu : "CPU features unknown");
	return crypto_serial_init(&ctx->serial);
}

static int ossl_ctx_new(struct crypto_ctx **ret_ctx)
{
	struct crypto_ctx *ctx = calloc(1, sizeof(*ctx));
	int r;

	if (!ctx)
		return -ENOMEM;
	r = ctx_init(ctx);
	ERR_clear_error();
	if (r) {
		ossl_ctx_free(ctx);
		return r;
	}
	*ret_ctx = ctx;
	return 0;
}

static const char *ossl_ctx_describe(const struct crypto_ctx *ctx)
{
	return ctx->description;
}

/* Nothing of a key outlives its burst. */
static void ossl_forget(struct crypto_ctx *ctx, const struct crypto_key *key)
{
	(void)ctx;
	(void)key;
}

/* The row that works for a cipher. */
static enum algo_id row_of(enum algo_id cipher)
{
	switch (cipher) {
	case ALGO_AES_GCM_IIV:
	case ALGO_AES_GMAC: return ALGO_AES_GCM;
	case ALGO_AES_CCM_IIV: return ALGO_AES_CCM;
	case ALGO_CHACHA20_POLY1305_IIV: return ALGO_CHACHA20_POLY1305;
	case ALGO_DES_CBC: return ALGO_3DES_CBC;
	default: return cipher;
	}
}

/* -EOPNOTSUPP for what OpenSSL lacks. */
static int variant_of(const struct crypto_ctx *ctx, const struct crypto_suite *suite)
{
	enum algo_id row = row_of(suite->cipher->id);
	size_t key_bytes =
		suite->cipher->id == ALGO_DES_CBC ? 24 : suite->key_bytes - suite->cipher->salt_bytes;

	if (row == ALGO_NULL)
		return NO_CIPHER;
	for (int i = 0; i < OPENSSL_CIPHERS; i++)
		if (ciphers[i].id == row && ciphers[i].key_bytes == key_bytes && ctx->ciphers[i].evp)
			return i;
	return -EOPNOTSUPP;
}

static int ossl_key_new(struct crypto_ctx *ctx, const struct crypto_suite *suite, struct crypto_key **ret_key)
{
	int variant = variant_of(ctx, suite);
	int r;

	if (variant < 0 || (suite->auth && !crypto_openssl_mac_has(suite->auth->id)))
		return -EOPNOTSUPP;
	r = crypto_key_new(&ctx->serial, suite, ret_key);
	if (r)
		return r;
	(*ret_key)->variant = (uint8_t)variant;
	return 0;
}

static bool cipher_start(struct openssl_cipher *cipher, const struct crypto_op *op, bool open)
{
	const struct crypto_key *key = op->key;
	uint8_t thrice[24], counter[CRYPTO_COUNTER_BLOCK];
	const uint8_t *cipher_key = key == cipher->key ? NULL : key->cipher_key;
	const uint8_t *iv = op->esp + CRYPTO_ESP_HEADER;
	bool good;

	if (key->cipher == ALGO_DES_CBC && cipher_key) {
		for (size_t i = 0; i < sizeof(thrice); i++)
			thrice[i] = key->cipher_key[i % 8];
		cipher_key = thrice;
	}
	if (key->cipher == ALGO_AES_CTR) {
		crypto_packet_counter(op, counter);
		iv = counter;
	}
	good = EVP_CipherInit_ex(cipher->evp, NULL, NULL, cipher_key, iv, !open) == 1;
	if (cipher_key == thrice)
		explicit_bzero(thrice, sizeof(thrice));
	return good;
}

/* 0 or -EIO. */
static int cipher_text(struct crypto_ctx *ctx, const struct crypto_op *op, bool open)
{
	struct openssl_cipher *cipher;
	uint8_t *text = crypto_packet_text(op);
	int len;

	if (op->key->variant == NO_CIPHER || !op->text_len)
		return 0;
	cipher = &ctx->ciphers[op->key->variant];
	if (!cipher_start(cipher, op, open))
		return -EIO;
	cipher->key = op->key;
	return EVP_CipherUpdate(cipher->evp, text, &len, text, (int)op->text_len) == 1 &&
			       len == (int)op->text_len
		       ? 0
		       : -EIO;
}

/* RFC 4303 section 3.4.4.1: authenticated first, so that nothing else is decrypted. */
static int open_pair(struct crypto_ctx *ctx, const struct crypto_op *op)
{
	uint8_t tag[EVP_MAX_MD_SIZE];
	int r = crypto_openssl_mac(ctx, op, tag);

	if (r)
		return r;
	if (CRYPTO_memcmp(tag, crypto_packet_icv(op), op->key->icv_bytes))
		return -EBADMSG;
	return cipher_text(ctx, op, true);
}

static int seal_pair(struct crypto_ctx *ctx, const struct crypto_op *op)
{
	uint8_t tag[EVP_MAX_MD_SIZE];
	int r = cipher_text(ctx, op, false);

	if (!r)
		r = crypto_openssl_mac(ctx, op, tag);
	if (!r)
		memcpy(crypto_packet_icv(op), tag, op->key->icv_bytes);
	return r;
}

/* 0, -EBADMSG or -EIO. */
static int work_one(struct crypto_ctx *ctx, const struct crypto_op *op, bool open)
{
	if (op->text_len > INT32_MAX / 2 || op->text_len % op->key->block_bytes)
		return -EIO;
	if (op->key->auth == ALGO_NONE)
		return crypto_openssl_aead(&ctx->ciphers[op->key->variant], op, open);
	return open ? open_pair(ctx, op) : seal_pair(ctx, op);
}

static void work_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count, bool open)
{
	for (size_t i = 0; i < count; i++)
		ops[i]->status = (int8_t)work_one(ctx, ops[i], open);
	for (size_t i = 0; i < OPENSSL_CIPHERS; i++)
		crypto_openssl_cipher_blank(&ctx->ciphers[i]);
	crypto_openssl_mac_blank(ctx);
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
	.key_free = crypto_key_free,
	.forget = ossl_forget,
	.open_burst = ossl_open_burst,
	.seal_burst = ossl_seal_burst,
};
