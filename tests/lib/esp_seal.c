/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sealing ESP for tests.
 */
#include "tests/lib/esp_seal.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

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

uint8_t esp_seal_padding(size_t len)
{
	return (uint8_t)(-(len + 2) % 4);
}

size_t esp_seal(const struct esp_seal *seal, const uint8_t *text, size_t text_len, uint8_t *out)
{
	const EVP_CIPHER *cipher = seal->key_bytes == 20   ? EVP_aes_128_gcm()
				   : seal->key_bytes == 28 ? EVP_aes_192_gcm()
							   : EVP_aes_256_gcm();
	EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();
	uint8_t nonce[12];
	uint8_t aad[12];
	size_t aad_len = seal->esn ? 12 : 8;
	int len;

	put(out, seal->spi, 4);
	put(out + 4, (uint32_t)seal->seq, 4);
	put(out + 8, seal->seq ^ 0xa5a5a5a500000000ull, 8);
	memcpy(nonce, seal->key + seal->key_bytes - 4, 4);
	memcpy(nonce + 4, out + 8, 8);
	put(aad, seal->spi, 4);
	put(aad + 4, seal->esn ? seal->seq : (uint32_t)seal->seq, seal->esn ? 8 : 4);
	if (!evp || EVP_EncryptInit_ex(evp, cipher, NULL, seal->key, nonce) != 1 ||
	    EVP_EncryptUpdate(evp, NULL, &len, aad, (int)aad_len) != 1 ||
	    EVP_EncryptUpdate(evp, out + 16, &len, text, (int)text_len) != 1 ||
	    EVP_EncryptFinal_ex(evp, nonce, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, 16, out + 16 + text_len) != 1)
		abort();
	EVP_CIPHER_CTX_free(evp);
	return text_len + ESP_SEAL_OVERHEAD;
}
