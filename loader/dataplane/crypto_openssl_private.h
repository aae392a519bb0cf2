/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the OpenSSL provider share. Workers, each with a context of its own.
 */
#ifndef XESP_DATAPLANE_CRYPTO_OPENSSL_PRIVATE_H
#define XESP_DATAPLANE_CRYPTO_OPENSSL_PRIVATE_H

#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include "dataplane/crypto_key.h"
#include "dataplane/crypto_packet.h"

#define OPENSSL_CIPHERS 13

/* A cipher with one key length. */
struct openssl_cipher {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *evp;
	const struct crypto_key *key; /* that is set in `evp`; only within a burst */
};

/* The state of a hash. */
union openssl_hash {
	SHA_CTX sha1;
	SHA256_CTX sha256;
	SHA512_CTX sha512; /* also of SHA-384 */
	MD5_CTX md5;
};

/* Behind the key xor ipad, and opad. */
struct openssl_hmac {
	const struct crypto_key *key; /* only within a burst */
	union openssl_hash inner;
	union openssl_hash outer;
};

/* AES-128 in CBC mode, as AES-XCBC and AES-CMAC have it. */
struct openssl_cbc_mac {
	struct openssl_cipher aes;
	uint8_t last_whole[16]; /* of the key: goes into a last block that is whole */
	uint8_t last_padded[16];
};

struct crypto_ctx {
	struct openssl_cipher ciphers[OPENSSL_CIPHERS]; /* by crypto_key.variant */
	struct openssl_hmac hmac;
	struct openssl_cbc_mac cbc_mac;
	struct crypto_serial serial;
	char description[160];
};

/* Sets up a cipher of this name. -EOPNOTSUPP, -ENOMEM, -EIO. */
int crypto_openssl_cipher_init(struct openssl_cipher *cipher, const char *name);
void crypto_openssl_cipher_cleanup(struct openssl_cipher *cipher);
/* Overwrites the key that is set, if there is one. */
void crypto_openssl_cipher_blank(struct openssl_cipher *cipher);

/* crypto_openssl_aead.c: 0, -EBADMSG or -EIO. */
int crypto_openssl_aead(struct openssl_cipher *cipher, const struct crypto_op *op, bool open);

/* crypto_openssl_mac.c: what integrity algorithms need. As crypto_openssl_cipher_init(). */
int crypto_openssl_mac_init(struct crypto_ctx *ctx);
void crypto_openssl_mac_cleanup(struct crypto_ctx *ctx);
bool crypto_openssl_mac_has(enum algo_id auth);
/* The ICV of a packet, whole, to `tag`: at most EVP_MAX_MD_SIZE bytes. 0 or -EIO. */
int crypto_openssl_mac(struct crypto_ctx *ctx, const struct crypto_op *op, uint8_t *tag);
/* After a burst. */
void crypto_openssl_mac_blank(struct crypto_ctx *ctx);

#endif
