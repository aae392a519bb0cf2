/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MACs of the integrity algorithms for tests.
 */
#include "tests/lib/icv.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define AES_BYTES 16

static const EVP_MD *digest(enum algo_id id)
{
	switch (id) {
	case ALGO_HMAC_MD5: return EVP_md5();
	case ALGO_HMAC_SHA1: return EVP_sha1();
	case ALGO_HMAC_SHA256: return EVP_sha256();
	case ALGO_HMAC_SHA384: return EVP_sha384();
	case ALGO_HMAC_SHA512: return EVP_sha512();
	default: abort();
	}
}

static void aes_block(const uint8_t *key, const uint8_t *in, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len;

	if (!ctx || EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(ctx, 0) != 1 ||
	    EVP_EncryptUpdate(ctx, out, &len, in, AES_BYTES) != 1 || len != AES_BYTES)
		abort();
	EVP_CIPHER_CTX_free(ctx);
}

static void xor_into(uint8_t *state, const uint8_t *other, size_t len)
{
	for (size_t i = 0; i < len; i++)
		state[i] ^= other[i];
}

/* RFC 3566 section 4. */
static void xcbc(const uint8_t *key, const uint8_t *data, size_t len, uint8_t *ret_mac)
{
	uint8_t keys[3][AES_BYTES]; /* K1, K2, K3 */
	uint8_t state[AES_BYTES] = {0};

	for (size_t i = 0; i < 3; i++) {
		memset(keys[i], (int)(i + 1), AES_BYTES);
		aes_block(key, keys[i], keys[i]);
	}
	for (; len > AES_BYTES; data += AES_BYTES, len -= AES_BYTES) {
		xor_into(state, data, AES_BYTES);
		aes_block(keys[0], state, state);
	}
	xor_into(state, data, len);
	if (len < AES_BYTES)
		state[len] ^= 0x80;
	xor_into(state, keys[len == AES_BYTES ? 1 : 2], AES_BYTES);
	aes_block(keys[0], state, ret_mac);
}

void icv_compute(const struct algo *auth, const uint8_t *key, const uint8_t *data, size_t len,
		 uint8_t ret_mac[static ICV_FULL_MAX])
{
	size_t key_bytes = auth->key_bytes[0];

	if (auth->id == ALGO_AES_XCBC)
		xcbc(key, data, len, ret_mac);
	else if (auth->id == ALGO_AES_CMAC) {
		if (!EVP_Q_mac(NULL, "CMAC", NULL, "AES-128-CBC", NULL, key, key_bytes, data, len, ret_mac,
			       ICV_FULL_MAX, NULL))
			abort();
	} else if (!HMAC(digest(auth->id), key, (int)key_bytes, data, len, ret_mac, NULL)) {
		abort();
	}
}
