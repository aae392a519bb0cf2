/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles: how a client names an SA or a parser entry that it was given. A slot number and the slot's
 * generation, so that a handle whose object is gone names nothing, not what came into its place. Pure.
 */
#ifndef XESP_CONTROL_HANDLE_H
#define XESP_CONTROL_HANDLE_H

#include <stdint.h>

struct handle {
	uint32_t index;
	uint32_t generation;
};

#define HANDLE_SA "sa"
#define HANDLE_SA_OUT "sa-out"
#define HANDLE_PARSER "parser"

/* Bytes of the longest text, with its end. */
#define HANDLE_TEXT_MAX 32

/* "KIND-INDEX-GENERATION"; returns `buffer`, HANDLE_TEXT_MAX bytes. */
const char *handle_format(const char *kind, struct handle handle, char *buffer);
/* Takes nothing but what handle_format() makes. -EINVAL. */
int handle_parse(const char *kind, const char *text, struct handle *ret_handle);

#endif
