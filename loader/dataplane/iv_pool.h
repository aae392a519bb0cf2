/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IVs that nobody can foretell, for CBC (RFC 3602 section 3): a key stream of AES-256 in counter mode, whose
 * key comes from the kernel, made a few thousand bytes at a time. Taking one allocates nothing and calls
 * nobody. One worker's.
 */
#ifndef XESP_DATAPLANE_IV_POOL_H
#define XESP_DATAPLANE_IV_POOL_H

#include <stddef.h>
#include <stdint.h>

struct iv_pool;

#define IV_POOL_IV_MAX 16

/* -ENOMEM, -EIO (no random numbers). */
int iv_pool_new(struct iv_pool **ret_pool);
/* Wipes; NULL-safe. */
void iv_pool_free(struct iv_pool *pool);
/* The next `bytes` bytes, at most IV_POOL_IV_MAX; valid until XESP_BURST_MAX more are taken. NULL if they
 * cannot be made: then nothing is to be sent. */
const uint8_t *iv_pool_take(struct iv_pool *pool, size_t bytes);

#endif
