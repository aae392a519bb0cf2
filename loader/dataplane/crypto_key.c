/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making and freeing keys. Control thread.
 */
#include "dataplane/crypto_key.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <xesp/limits.h>

#include "dataplane/keymem.h"

_Static_assert(offsetof(struct crypto_key, auth_key) <= 64, "an AEAD's key is one block of key memory");
_Static_assert(offsetof(struct crypto_key, auth_key) + XESP_AUTH_KEY_MAX <= CRYPTO_KEY_BLOCK_MAX,
	       "the longest key");
_Static_assert(offsetof(struct crypto_key, cipher_key) + 48 <= 64, "48 bytes can be read of a cipher key");
_Static_assert(CRYPTO_SALT_MAX + CRYPTO_CIPHER_KEY_MAX == XESP_KEY_MAX, "room for what a request may have");

int crypto_serial_init(struct crypto_serial *serial)
{
	return getrandom(&serial->next, sizeof(serial->next), 0) == sizeof(serial->next) ? 0 : -EIO;
}

static uint64_t take_serial(struct crypto_serial *serial)
{
	serial->next++;
	return serial->next ? serial->next : ++serial->next;
}

/* RFC 4301 section 3.2: a cipher never goes without integrity. */
static bool is_suite(const struct crypto_suite *suite)
{
	const struct algo *cipher = suite->cipher;
	const struct algo *auth = suite->auth;
	size_t salt_bytes = cipher->salt_bytes;
	size_t bytes = suite->key_bytes;

	if (cipher->class == ALGO_CLASS_AEAD ? auth != NULL : !auth || auth->class != ALGO_CLASS_AUTH)
		return false;
	if (!cipher->key_bytes[0] && bytes)
		return false;
	if (cipher->key_bytes[0] &&
	    (bytes <= salt_bytes || bytes > XESP_KEY_MAX ||
	     !algo_length_allowed(cipher->key_bytes, (unsigned int)(bytes - salt_bytes))))
		return false;
	if (auth && (suite->auth_key_bytes > XESP_AUTH_KEY_MAX ||
		     !algo_length_allowed(auth->key_bytes, (unsigned int)suite->auth_key_bytes)))
		return false;
	return algo_length_allowed(auth ? auth->icv_bytes : cipher->icv_bytes, suite->icv_bytes);
}

static uint8_t block_bytes(enum algo_id cipher)
{
	switch (cipher) {
	case ALGO_AES_CBC: return 16;
	case ALGO_3DES_CBC:
	case ALGO_DES_CBC: return 8;
	default: return 1;
	}
}

static size_t bytes_of(size_t auth_key_bytes)
{
	return offsetof(struct crypto_key, auth_key) + auth_key_bytes;
}

int crypto_key_new(struct crypto_serial *serial, const struct crypto_suite *suite,
		   struct crypto_key **ret_key)
{
	size_t auth_key_bytes = suite->auth ? suite->auth_key_bytes : 0;
	struct crypto_key *key;

	if (!is_suite(suite))
		return -EOPNOTSUPP;
	key = keymem_alloc(bytes_of(auth_key_bytes));
	if (!key)
		return -ENOMEM;
	key->serial = take_serial(serial);
	key->cipher = (uint8_t)suite->cipher->id;
	key->auth = suite->auth ? (uint8_t)suite->auth->id : ALGO_NONE;
	key->salt_bytes = suite->key_bytes ? suite->cipher->salt_bytes : 0;
	key->cipher_key_bytes = (uint8_t)(suite->key_bytes - key->salt_bytes);
	key->auth_key_bytes = (uint8_t)auth_key_bytes;
	key->iv_bytes = suite->cipher->iv_bytes;
	key->icv_bytes = suite->icv_bytes;
	key->block_bytes = block_bytes(suite->cipher->id);
	key->esn = suite->esn;
	if (suite->key_bytes) {
		memcpy(key->salt, suite->key + key->cipher_key_bytes, key->salt_bytes);
		memcpy(key->cipher_key, suite->key, key->cipher_key_bytes);
	}
	if (auth_key_bytes)
		memcpy(key->auth_key, suite->auth_key, auth_key_bytes);
	*ret_key = key;
	return 0;
}

void crypto_key_free(struct crypto_key *key)
{
	if (key)
		keymem_free(key, bytes_of(key->auth_key_bytes));
}
