/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random IVs. A worker, but for iv_pool_new() and iv_pool_free().
 */
#include "dataplane/iv_pool.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xesp/limits.h>

#define HALF_BYTES 4096

_Static_assert(HALF_BYTES / IV_POOL_IV_MAX > XESP_BURST_MAX, "a burst's IVs outlive the filling of a half");

/* While one half is taken from, the other has what was taken before. */
struct iv_pool {
	EVP_CIPHER_CTX *evp;
	size_t at;
	size_t end; /* of what is filled of the half that is taken from */
	uint8_t bytes[2 * HALF_BYTES];
};

static int start(struct iv_pool *pool)
{
	uint8_t seed[32 + 16]; /* key, first counter */
	int err = -EIO;

	if (getrandom(seed, sizeof(seed), 0) == sizeof(seed) &&
	    EVP_EncryptInit_ex(pool->evp, EVP_aes_256_ctr(), NULL, seed, seed + 32) == 1)
		err = 0;
	explicit_bzero(seed, sizeof(seed));
	return err;
}

int iv_pool_new(struct iv_pool **ret_pool)
{
	struct iv_pool *pool = calloc(1, sizeof(*pool));
	int err;

	if (!pool)
		return -ENOMEM;
	pool->evp = EVP_CIPHER_CTX_new();
	err = pool->evp ? start(pool) : -ENOMEM;
	if (err) {
		iv_pool_free(pool);
		return err;
	}
	*ret_pool = pool;
	return 0;
}

void iv_pool_free(struct iv_pool *pool)
{
	if (!pool)
		return;
	EVP_CIPHER_CTX_free(pool->evp);
	explicit_bzero(pool, sizeof(*pool));
	free(pool);
}

/* Goes on with the other half, filled anew. */
static int refill(struct iv_pool *pool)
{
	static const uint8_t zeros[HALF_BYTES];
	size_t half = pool->end == HALF_BYTES ? HALF_BYTES : 0;
	int written;

	if (EVP_EncryptUpdate(pool->evp, pool->bytes + half, &written, zeros, HALF_BYTES) != 1 ||
	    written != HALF_BYTES)
		return -EIO;
	pool->at = half;
	pool->end = half + HALF_BYTES;
	return 0;
}

const uint8_t *iv_pool_take(struct iv_pool *pool, size_t bytes)
{
	const uint8_t *iv;

	if (pool->end - pool->at < bytes && refill(pool))
		return NULL;
	iv = pool->bytes + pool->at;
	pool->at += bytes;
	return iv;
}
