/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for key material: locked, left out of core dumps and not inherited by fork, wiped when freed.
 */
#ifndef XESP_DATAPLANE_KEYMEM_H
#define XESP_DATAPLANE_KEYMEM_H

#include <stddef.h>

/* Blocks of one size are cut from chunks of so many bytes. */
#define KEYMEM_CHUNK_BYTES ((size_t)256 * 1024)

/* Sets aside room for `bytes` of blocks, locked as it comes into use. Once, while the process still has
 * CAP_IPC_LOCK: what is locked then stays so, and what is used of it later counts against no limit. Without
 * it, or when it is used up, blocks come from memory locked under RLIMIT_MEMLOCK. -errno if it cannot be. */
int keymem_reserve(size_t bytes);

/* Zeroed block of at least `bytes`, aligned to 64. NULL if memory or RLIMIT_MEMLOCK ran out. Thread-safe
 * against keymem_free() only under the caller's lock: the control thread is the only caller. */
void *keymem_alloc(size_t bytes);
/* Wipes and frees; NULL-safe. `bytes` as given to keymem_alloc(). */
void keymem_free(void *block, size_t bytes);

#endif
