/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory between two inaccessible pages, for tests: a read or write of one byte too many faults.
 */
#ifndef XESP_TESTS_GUARD_H
#define XESP_TESTS_GUARD_H

#include <stddef.h>
#include <stdint.h>

struct guard {
	uint8_t *start; /* a page boundary; the page before is inaccessible */
	uint8_t *end;	/* the page behind is inaccessible */
	size_t mapped;
};

/* At least `bytes` long; ends the program if there is no memory. */
struct guard guard_new(size_t bytes);
void guard_free(struct guard *guard);

#endif
