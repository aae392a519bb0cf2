/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sealing ESP for tests, written for clearness: everything is laid out in a row before it is worked on.
 */
#include "tests/lib/esp_seal.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/icv.h"
#include "tests/lib/require.h"

static void put(uint8_t *at, uint64_t value, unsigned int bytes)
{
	while (bytes--) {
		at[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

size_t esp_seal_trailer(uint8_t *text, size_t len, uint8_t pad_bytes, uint8_t next_header)
{
	for (unsigned int i = 0; i < pad_bytes; i++)
		text[len + i] = (uint8_t)(i + 1);
	text[len + pad_bytes] = pad_bytes;
	text[len + pad_bytes + 1] = next_header;
	return len + pad_bytes + 2u;
}

uint8_t esp_seal_padding_to(size_t len, size_t align)
{
	return (uint8_t)(-(len + 2) % align);
}

uint8_t esp_seal_padding(size_t len)
{
	return esp_seal_padding_to(len, 4);
}

static enum algo_id cipher_of(const struct esp_seal *seal)
{
	return seal->cipher ? seal->cipher : ALGO_AES_GCM;
}

static size_t icv_bytes_of(const struct esp_seal *seal)
{
	return seal->icv_bytes ? seal->icv_bytes : 16;
}

static size_t salt_bytes_of(const struct esp_seal *seal)
{
	switch (cipher_of(seal)) {
	case ALGO_AES_CBC:
	case ALGO_NULL:
	case ALGO_3DES_CBC:
	case ALGO_DES_CBC: return 0;
	case ALGO_AES_CCM:
	case ALGO_AES_CCM_IIV: return 3;
	default: return 4;
	}
}

size_t esp_seal_iv_bytes(const struct esp_seal *seal)
{
	switch (cipher_of(seal)) {
	case ALGO_AES_GCM_IIV:
	case ALGO_AES_CCM_IIV:
	case ALGO_CHACHA20_POLY1305_IIV:
	case ALGO_NULL: return 0;
	case ALGO_AES_CBC: return 16;
	default: return 8;
	}
}

size_t esp_seal_overhead(const struct esp_seal *seal)
{
	return 8 + esp_seal_iv_bytes(seal) + icv_bytes_of(seal);
}

static const EVP_CIPHER *evp_cipher(const struct esp_seal *seal)
{
	size_t bits = 8 * (seal->key_bytes - salt_bytes_of(seal));
	const char *mode = "GCM";
	char name[32];
	const EVP_CIPHER *cipher;

	switch (cipher_of(seal)) {
	case ALGO_CHACHA20_POLY1305:
	case ALGO_CHACHA20_POLY1305_IIV: return EVP_chacha20_poly1305();
	case ALGO_3DES_CBC:
	case ALGO_DES_CBC: return EVP_des_ede3_cbc();
	case ALGO_AES_CCM:
	case ALGO_AES_CCM_IIV: mode = "CCM"; break;
	case ALGO_AES_CBC: mode = "CBC"; break;
	case ALGO_AES_CTR: mode = "CTR"; break;
	default: break;
	}
	snprintf(name, sizeof(name), "AES-%zu-%s", bits, mode);
	cipher = EVP_get_cipherbyname(name);
	REQUIRE(cipher);
	return cipher;
}

/* ---- AEAD ---------------------------------------------------------------------------------------------- */

/* Encrypts `text` to `out`, the ICV behind it. */
static void aead(const struct esp_seal *seal, const uint8_t *iv, const uint8_t *aad, size_t aad_len,
		 const uint8_t *text, size_t text_len, uint8_t *out)
{
	EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();
	int salt_bytes = (int)salt_bytes_of(seal);
	bool ccm = salt_bytes == 3;
	uint8_t nonce[12], nothing[16];
	int len;

	memcpy(nonce, seal->key + seal->key_bytes - salt_bytes, (size_t)salt_bytes);
	memcpy(nonce + salt_bytes, iv, 8);
	REQUIRE(evp && EVP_EncryptInit_ex(evp, evp_cipher(seal), NULL, NULL, NULL) == 1);
	REQUIRE(EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_IVLEN, salt_bytes + 8, NULL) == 1);
	REQUIRE(!ccm || EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, (int)icv_bytes_of(seal), NULL) == 1);
	REQUIRE(EVP_EncryptInit_ex(evp, NULL, NULL, seal->key, nonce) == 1);
	REQUIRE(!ccm || EVP_EncryptUpdate(evp, NULL, &len, NULL, (int)text_len) == 1);
	REQUIRE(EVP_EncryptUpdate(evp, NULL, &len, aad, (int)aad_len) == 1);
	REQUIRE(EVP_EncryptUpdate(evp, out, &len, text, (int)text_len) == 1);
	REQUIRE(EVP_EncryptFinal_ex(evp, nothing, &len) == 1);
	REQUIRE(EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, (int)icv_bytes_of(seal), out + text_len) ==
		1);
	EVP_CIPHER_CTX_free(evp);
}

static void seal_aead(const struct esp_seal *seal, const uint8_t *text, size_t text_len, uint8_t *out)
{
	size_t iv_bytes = esp_seal_iv_bytes(seal);
	uint8_t *place = out + 8 + iv_bytes;
	uint8_t iv[8];
	size_t aad_len = seal->esn ? 12 : 8;
	uint8_t *aad = malloc(aad_len + 8 + text_len);

	REQUIRE(aad);
	put(iv, seal->esn ? seal->seq : (uint32_t)seal->seq, 8);
	if (iv_bytes)
		memcpy(iv, out + 8, 8);
	put(aad, seal->spi, 4);
	put(aad + 4, seal->esn ? seal->seq : (uint32_t)seal->seq, seal->esn ? 8 : 4);
	if (cipher_of(seal) == ALGO_AES_GMAC) {
		memmove(place, text, text_len);
		memcpy(aad + aad_len, out + 8, 8 + text_len);
		aead(seal, iv, aad, aad_len + 8 + text_len, place, 0, place + text_len);
	} else {
		aead(seal, iv, aad, aad_len, text, text_len, place);
	}
	free(aad);
}

/* ---- a cipher and an integrity algorithm --------------------------------------------------------------- */

static void encrypt(const struct esp_seal *seal, const uint8_t *text, size_t text_len, uint8_t *out)
{
	size_t key_bytes = seal->key_bytes - salt_bytes_of(seal);
	uint8_t *place = out + 8 + esp_seal_iv_bytes(seal);
	uint8_t key[32], counter[16] = {[15] = 1};
	const uint8_t *iv = out + 8;
	EVP_CIPHER_CTX *evp;
	int len;

	if (cipher_of(seal) == ALGO_NULL) {
		memmove(place, text, text_len);
		return;
	}
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = seal->key[i % key_bytes];
	if (cipher_of(seal) == ALGO_AES_CTR) {
		memcpy(counter, seal->key + key_bytes, 4);
		memcpy(counter + 4, out + 8, 8);
		iv = counter;
	}
	evp = EVP_CIPHER_CTX_new();
	REQUIRE(evp && EVP_EncryptInit_ex(evp, evp_cipher(seal), NULL, key, iv) == 1);
	EVP_CIPHER_CTX_set_padding(evp, 0);
	REQUIRE(EVP_EncryptUpdate(evp, place, &len, text, (int)text_len) == 1 && (size_t)len == text_len);
	EVP_CIPHER_CTX_free(evp);
}

static void seal_pair(const struct esp_seal *seal, const uint8_t *text, size_t text_len, uint8_t *out)
{
	size_t len = 8 + esp_seal_iv_bytes(seal) + text_len;
	uint8_t *message = malloc(len + 4);
	uint8_t mac[ICV_FULL_MAX];

	REQUIRE(message && seal->auth);
	encrypt(seal, text, text_len, out);
	memcpy(message, out, len);
	put(message + len, seal->seq >> 32, 4);
	icv_compute(algo_by_id(seal->auth), seal->auth_key, message, seal->esn ? len + 4 : len, mac);
	memcpy(out + len, mac, icv_bytes_of(seal));
	free(message);
}

size_t esp_seal(const struct esp_seal *seal, const uint8_t *text, size_t text_len, uint8_t *out)
{
	size_t iv_bytes = esp_seal_iv_bytes(seal);

	/* The text may lie where all this goes: moved to its place first. */
	memmove(out + 8 + iv_bytes, text, text_len);
	text = out + 8 + iv_bytes;
	put(out, seal->spi, 4);
	put(out + 4, (uint32_t)seal->seq, 4);
	for (size_t i = 0; i < iv_bytes; i += 8)
		put(out + 8 + i, (seal->seq + i) ^ 0xa5a5a5a500000000ull, 8);
	if (seal->auth)
		seal_pair(seal, text, text_len, out);
	else
		seal_aead(seal, text, text_len, out);
	return text_len + esp_seal_overhead(seal);
}
