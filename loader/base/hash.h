/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uthash, whose HASH_ADD says so where memory ends: else it ends the process. To be included instead of
 * uthash.h. Any thread.
 */
#ifndef XESP_BASE_HASH_H
#define XESP_BASE_HASH_H

#define HASH_NONFATAL_OOM 1
#include <stdbool.h>
#include <stddef.h>
#include <uthash.h>

/* To be asked after each HASH_ADD: false: no memory; the table is as before, the item is still the caller's.
 */
static inline bool hash_added(const UT_hash_handle *handle)
{
	return handle->tbl != NULL;
}

#endif
