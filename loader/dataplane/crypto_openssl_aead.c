/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AEADs by OpenSSL: AES-GCM, AES-CCM, ChaCha20-Poly1305, with explicit and implicit IV, and AES-GMAC as
 * AES-GCM with nothing but additional data. Workers.
 */
#include <errno.h>

#include "dataplane/crypto_openssl_private.h"

static bool is_ccm(const struct crypto_key *key)
{
	return key->cipher == ALGO_AES_CCM || key->cipher == ALGO_AES_CCM_IIV;
}

static bool set_icv(EVP_CIPHER_CTX *evp, const struct crypto_op *op, bool open)
{
	return EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, op->key->icv_bytes,
				   open ? crypto_packet_icv(op) : NULL) == 1;
}

/* OpenSSL wants to know of CCM, before the key, which way it goes and how long the ICV is (on opening also
 * the ICV itself); then how long the text is, before all else (RFC 3610 section 2.2 begins with it). */
static bool start_ccm(struct openssl_cipher *cipher, const struct crypto_op *op, const uint8_t *nonce,
		      bool open)
{
	EVP_CIPHER_CTX *evp = cipher->evp;
	const struct crypto_key *key = op->key;
	int len;

	return EVP_CipherInit_ex(evp, NULL, NULL, NULL, NULL, !open) == 1 &&
	       EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_IVLEN, key->salt_bytes + CRYPTO_AEAD_IV, NULL) ==
		       1 &&
	       set_icv(evp, op, open) &&
	       EVP_CipherInit_ex(evp, NULL, NULL, key == cipher->key ? NULL : key->cipher_key, nonce,
				 !open) == 1 &&
	       EVP_CipherUpdate(evp, NULL, &len, NULL, (int)op->text_len) == 1;
}

static bool start(struct openssl_cipher *cipher, const struct crypto_op *op, bool open)
{
	const struct crypto_key *key = op->key;
	uint8_t nonce[CRYPTO_NONCE_ROOM];

	crypto_packet_nonce(op, key->salt_bytes, key->iv_bytes, nonce);
	if (is_ccm(key))
		return start_ccm(cipher, op, nonce, open);
	return EVP_CipherInit_ex(cipher->evp, NULL, NULL, key == cipher->key ? NULL : key->cipher_key, nonce,
				 !open) == 1;
}

/* RFC 4543 section 3.3: of GMAC, IV and text are additional data, too. */
static bool work(EVP_CIPHER_CTX *evp, const struct crypto_op *op)
{
	uint8_t *text = crypto_packet_text(op);
	uint8_t room[CRYPTO_AAD_MAX];
	size_t aad_len;
	const uint8_t *aad = crypto_packet_aad(op, room, &aad_len);
	int len;

	if (EVP_CipherUpdate(evp, NULL, &len, aad, (int)aad_len) != 1)
		return false;
	if (op->key->cipher == ALGO_AES_GMAC)
		return EVP_CipherUpdate(evp, NULL, &len, op->esp + CRYPTO_ESP_HEADER,
					(int)(op->key->iv_bytes + op->text_len)) == 1;
	return EVP_CipherUpdate(evp, text, &len, text, (int)op->text_len) == 1;
}

static int finish_open(EVP_CIPHER_CTX *evp, const struct crypto_op *op)
{
	uint8_t nothing[EVP_MAX_BLOCK_LENGTH];
	int len;

	if (!set_icv(evp, op, true))
		return -EIO;
	/* EVP compares in constant time. */
	return EVP_CipherFinal_ex(evp, nothing, &len) == 1 ? 0 : -EBADMSG;
}

static int finish_seal(EVP_CIPHER_CTX *evp, const struct crypto_op *op)
{
	uint8_t nothing[EVP_MAX_BLOCK_LENGTH];
	int len;

	return EVP_CipherFinal_ex(evp, nothing, &len) == 1 &&
			       EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, op->key->icv_bytes,
						   crypto_packet_icv(op)) == 1
		       ? 0
		       : -EIO;
}

int crypto_openssl_aead(struct openssl_cipher *cipher, const struct crypto_op *op, bool open)
{
	if (!start(cipher, op, open))
		return -EIO;
	cipher->key = op->key;
	/* Of CCM, the update that decrypts also checks. */
	if (!work(cipher->evp, op))
		return open && is_ccm(op->key) ? -EBADMSG : -EIO;
	if (open)
		return is_ccm(op->key) ? 0 : finish_open(cipher->evp, op);
	return finish_seal(cipher->evp, op);
}
