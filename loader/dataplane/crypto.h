/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crypto provider interface: two providers (libipsec-mb, OpenSSL) behind one table of functions, so
 * that each can be checked against the other. A key is kept as it was given, in key memory; contexts expand
 * it when packets want it. Working on a burst allocates nothing, but for the error that OpenSSL notes where
 * its CCM refuses a packet. One context a thread.
 */
#ifndef XESP_DATAPLANE_CRYPTO_H
#define XESP_DATAPLANE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/algo.h"
#include "dataplane/key_cache.h"
#include "dataplane/keymem.h"

struct crypto_ctx; /* a thread's state, provider-specific */
struct crypto_key; /* a suite with its keys, provider-specific; read-only for all threads */

/* A key takes a block of key memory of 64 bytes, with an integrity algorithm at most this. */
#define CRYPTO_KEY_BLOCK_MAX 128
/* Most bytes of key memory that a key takes, with its share of the chunk's header, and a context: its
 * expanded keys, two chunks of the library's managers, and what it needs for one burst. */
#define CRYPTO_KEY_BYTES_MAX (CRYPTO_KEY_BLOCK_MAX + 1)
#define CRYPTO_CTX_BYTES_MAX (KEY_CACHE_BYTES + 2 * KEYMEM_CHUNK_BYTES + 65536)

/* What a key is made of. The bytes are copied. */
struct crypto_suite {
	const struct algo *cipher; /* AEAD or ENC */
	const struct algo *auth;   /* AUTH, or NULL with an AEAD */
	const uint8_t *key;	   /* of the cipher, then salt */
	size_t key_bytes;	   /* both; 0 for the NULL cipher */
	const uint8_t *auth_key;
	size_t auth_key_bytes;
	uint8_t icv_bytes;
	bool esn; /* the high half of the sequence number is authenticated with the packet */
};

/* One packet to open or seal in place: `esp` is the ESP header, and behind it without a gap lie the explicit
 * IV (as long as the cipher's row says), `text_len` bytes of text, and the ICV. */
struct crypto_op {
	const struct crypto_key *key;
	uint8_t *esp;
	uint64_t seq; /* the whole number: high half of ESN, and of an implicit IV (RFC 8750) */
	uint32_t text_len;
	int8_t status; /* out: 0, -EBADMSG if the ICV is wrong, -EIO if the provider failed */
};

struct crypto_provider {
	const char *name; /* "ipsec-mb", "openssl" */

	/* -EOPNOTSUPP if the CPU or the library cannot; `*ret_ctx` belongs to the calling thread's use. */
	int (*ctx_new)(struct crypto_ctx **ret_ctx);
	void (*ctx_free)(struct crypto_ctx *ctx); /* NULL-safe */
	/* One line for status: library, version, and what it uses of the CPU. */
	const char *(*ctx_describe)(const struct crypto_ctx *ctx);

	/* -EOPNOTSUPP for an algorithm, pair or length that the provider lacks, -ENOMEM. The result lies in
	 * memory from keymem. */
	int (*key_new)(struct crypto_ctx *ctx, const struct crypto_suite *suite, struct crypto_key **ret_key);
	void (*key_free)(struct crypto_key *key); /* wipes; NULL-safe */
	/* Wipes what `ctx` has made of a key whose last packet is done; before key_free(), for every
	 * context that may have used one. Never waits. The control thread, while `ctx` is in use. */
	void (*forget)(struct crypto_ctx *ctx, const struct crypto_key *key);

	/* Verifies and decrypts; each op says its own status. At most XESP_BURST_MAX ops. The text of a
	 * packet whose ICV is wrong is undefined afterwards, the ICV's bytes are of any packet. */
	void (*open_burst)(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count);
	/* Encrypts the text (with padding and trailer in it) and writes the ICV behind it. Header and
	 * explicit IV are there already. */
	void (*seal_burst)(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count);
};

extern const struct crypto_provider crypto_ipsec_mb;
extern const struct crypto_provider crypto_openssl;

/* By name; "auto" takes ipsec-mb where it works, else OpenSSL. NULL for an unknown name. */
const struct crypto_provider *crypto_provider_by_name(const char *name);

#endif
