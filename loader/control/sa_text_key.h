/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Key material as text: hex digits, a file, or standard input. Private to sa_text*.c and sa_json.c. What
 * these functions read in between they wipe, and no error text has any of it.
 */
#ifndef XESP_CONTROL_SA_TEXT_KEY_H
#define XESP_CONTROL_SA_TEXT_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xesp/limits.h>

#include "control/sa_params.h"

/* Whole bytes of hex digits, without 0x. -EINVAL for anything else, -E2BIG if they are more than `room`
 * bytes; `key` has that room and may be written in part on failure. */
int sa_text_key_hex(const char *digits, size_t len, size_t room, uint8_t *key, uint8_t *ret_key_bytes);

/* The KEY word of the grammar for `algo`: 0xHEX, file:PATH, or - where `stdin_allowed`, which takes one line
 * of standard input. Fills auth_key and auth_key_bytes of `*params` for an integrity algorithm, else key and
 * key_bytes; or `*ret_error`, and returns -EINVAL. */
int sa_text_key_read(const char *word, const struct algo *algo, bool stdin_allowed, struct sa_params *params,
		     struct field_error *ret_error);

#endif
