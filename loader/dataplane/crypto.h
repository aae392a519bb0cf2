/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crypto provider interface: two providers (libipsec-mb, OpenSSL) behind one table of functions, so
 * that each can be checked against the other. A key is kept as it was given, in key memory; contexts expand
 * it when packets want it. Opening a burst allocates nothing. One context a thread.
 */
#ifndef XESP_DATAPLANE_CRYPTO_H
#define XESP_DATAPLANE_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "control/algo.h"
#include "dataplane/key_cache.h"

struct crypto_ctx; /* a thread's state, provider-specific */
struct crypto_key; /* a key, provider-specific; read-only for all threads */

/* Most bytes of key memory that a key takes, and a context. */
#define CRYPTO_KEY_BYTES_MAX 64
#define CRYPTO_CTX_BYTES_MAX (KEY_CACHE_BYTES + 4096)

/* One packet to open in place. */
struct crypto_op {
	const struct crypto_key *key;
	uint8_t *text;	    /* ciphertext, becomes plaintext; its content is undefined if the ICV is wrong */
	uint32_t text_len;  /* bytes, without the ICV */
	const uint8_t *iv;  /* explicit IV of the packet */
	const uint8_t *icv; /* as received, icv_bytes long */
	uint8_t aad[12];    /* SPI, sequence number (with ESN: SPI, high half, low half), network order */
	uint8_t aad_len;    /* 8 or 12 */
	uint8_t icv_bytes;
	int8_t status; /* out: 0, -EBADMSG if the ICV is wrong, -EIO if the provider failed */
};

struct crypto_provider {
	const char *name; /* "ipsec-mb", "openssl" */

	/* -EOPNOTSUPP if the CPU or the library cannot; `*ret_ctx` belongs to the calling thread's use. */
	int (*ctx_new)(struct crypto_ctx **ret_ctx);
	void (*ctx_free)(struct crypto_ctx *ctx); /* NULL-safe */
	/* One line for status: library, version, and what it uses of the CPU. */
	const char *(*ctx_describe)(const struct crypto_ctx *ctx);

	/* Takes a copy of `key` (cipher key, then salt; key_bytes in all). -EOPNOTSUPP for an algorithm or
	 * length the provider lacks, -ENOMEM. The result lies in memory from keymem. */
	int (*key_new)(struct crypto_ctx *ctx, const struct algo *algo, const uint8_t *key, size_t key_bytes,
		       struct crypto_key **ret_key);
	void (*key_free)(struct crypto_key *key); /* wipes; NULL-safe */
	/* Wipes what `ctx` has made of a key whose last packet is opened; before key_free(), for every
	 * context that may have opened one. Never waits. The control thread, while `ctx` is in use. */
	void (*forget)(struct crypto_ctx *ctx, const struct crypto_key *key);

	/* Verifies and decrypts; each op says its own status. At most XESP_BURST_MAX ops. */
	void (*open_burst)(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count);
};

extern const struct crypto_provider crypto_ipsec_mb;
extern const struct crypto_provider crypto_openssl;

/* By name; "auto" takes ipsec-mb where it works, else OpenSSL. NULL for an unknown name. */
const struct crypto_provider *crypto_provider_by_name(const char *name);

#endif
