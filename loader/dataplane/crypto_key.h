/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A key as both providers keep it: what the suite says of a packet, and the raw bytes, in key memory. What a
 * provider makes of the bytes belongs to its contexts. Private to the providers. Made and freed by the
 * control thread, read by workers.
 */
#ifndef XESP_DATAPLANE_CRYPTO_KEY_H
#define XESP_DATAPLANE_CRYPTO_KEY_H

#include "dataplane/crypto.h"

#define CRYPTO_SALT_MAX 4
#define CRYPTO_CIPHER_KEY_MAX 32

struct crypto_key {
	uint64_t serial; /* no other key has it, nor will one that comes to lie here later; never 0 */
	/* Not at the end: libipsec-mb 1.3 reads 48 bytes of a ChaCha20 key on AVX2. */
	uint8_t cipher_key[CRYPTO_CIPHER_KEY_MAX];
	uint8_t cipher; /* enum algo_id */
	uint8_t auth;	/* enum algo_id; ALGO_NONE with an AEAD */
	uint8_t cipher_key_bytes;
	uint8_t auth_key_bytes;
	uint8_t iv_bytes; /* on the wire; of an AEAD 0: the number is the IV (RFC 8750) */
	uint8_t icv_bytes;
	uint8_t block_bytes; /* the text is a multiple of this */
	uint8_t salt_bytes;
	bool esn;
	uint8_t way;	 /* the provider's: how packets with this key are worked on */
	uint8_t variant; /* the provider's: an index, by cipher key length */
	uint8_t salt[CRYPTO_SALT_MAX];
	uint8_t auth_key[]; /* `auth_key_bytes` of them: without, a key fits 64 bytes */
};

/* Where the serials of one context's keys come from. */
struct crypto_serial {
	uint64_t next;
};

/* Starts at a random number, so that keys made by several contexts do not meet. -errno. */
int crypto_serial_init(struct crypto_serial *serial);

/* Copies the suite. -EOPNOTSUPP for a pair of algorithms or a length that is in no row of the table,
 * -ENOMEM. `suite->cipher` and `suite->auth` are rows of the table. */
int crypto_key_new(struct crypto_serial *serial, const struct crypto_suite *suite,
		   struct crypto_key **ret_key);
/* Wipes; NULL-safe. */
void crypto_key_free(struct crypto_key *key);

#endif
