/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening and sealing ESP with AES-GCM by libipsec-mb and nothing else, to compare with: nonce, one call, and
 * for opening one comparison.
 */
#ifndef XESP_TESTS_BARE_GCM_H
#define XESP_TESTS_BARE_GCM_H

#include <stddef.h>
#include <stdint.h>

struct bare_gcm;

/* Key, then salt of 4 bytes. NULL where there is no libipsec-mb. */
struct bare_gcm *bare_gcm_new(const uint8_t *key, size_t key_bytes);
void bare_gcm_free(struct bare_gcm *bare); /* NULL-safe */
/* Header of 8 bytes, IV of 8, text, ICV of 16; in place. Ends the program if the ICV is wrong. */
void bare_gcm_open(struct bare_gcm *bare, uint8_t *esp, uint32_t text_len);
/* The same places; header and IV are there, the ICV is written. */
void bare_gcm_seal(struct bare_gcm *bare, uint8_t *esp, uint32_t text_len);

#endif
