/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When each of many SAs is to be looked at next: a binary heap. A deleted SA leaves its deadline behind; when
 * most are such they are sorted out, so that memory follows the number of SAs. Control thread only.
 */
#ifndef XESP_CONTROL_DEADLINES_H
#define XESP_CONTROL_DEADLINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/handle.h"

#define DEADLINE_NEVER UINT64_MAX

struct deadline {
	uint64_t at; /* milliseconds of lifetime_now() */
	struct handle sa;
};

struct deadlines {
	struct deadline *heap;
	size_t count;
	size_t size;
	size_t sweep_at; /* count at which those that are not live are looked for */
	bool (*live)(const void *ctx, const struct deadline *deadline);
	const void *ctx;
};

/* `live`: whether the deadline still counts. */
void deadlines_init(struct deadlines *deadlines,
		    bool (*live)(const void *ctx, const struct deadline *deadline), const void *ctx);
void deadlines_end(struct deadlines *deadlines); /* also of zeroed memory */

/* -ENOMEM; never after one was taken out. */
int deadlines_push(struct deadlines *deadlines, const struct deadline *deadline);
/* The earliest, be it live or not; there must be one. */
struct deadline deadlines_pop(struct deadlines *deadlines);
/* When the earliest is; DEADLINE_NEVER: there is none. */
uint64_t deadlines_next(const struct deadlines *deadlines);

#endif
