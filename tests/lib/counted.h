/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what a burst costs in counts (stepper.h, recorded.h). Included by programs of cmocka tests.
 */
#ifndef XESP_TESTS_COUNTED_H
#define XESP_TESTS_COUNTED_H

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/recorded.h"
#include "tests/lib/stepper.h"

/* Counts are of what users run: not of code with checks in it, and not of another compiler's. */
static inline bool counted_here(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__) || \
	!defined(__OPTIMIZE__)
	return false;
#else
	return true;
#endif
}

/* One burst of work(arg). `name` has room for a suffix of 16 bytes. */
static inline void count_burst(const char *name, void (*work)(void *arg), void *arg)
{
	struct step_counts counts = {0};
	char full[96];
	int err = counted_here() ? step_count(work, arg, &counts) : -EOPNOTSUPP;

	if (err == -EOPNOTSUPP) {
		print_message(
			"counts are of optimised code of gcc without sanitizers, on x86-64 with ptrace(2)\n");
		skip();
	}
	assert_int_equal(err, 0);
	print_message("%s: %" PRIu64 " instructions and %" PRIu64 " of the crypto library, %" PRIu64
		      " system calls, %" PRIu64 " allocations\n",
		      name, counts.instructions, counts.crypto, counts.calls, counts.allocations);
	/* Nothing to tolerate. */
	assert_int_equal(counts.allocations, 0);
	snprintf(full, sizeof(full), "%s.calls", name);
	assert_int_equal(recorded_check(full, counts.calls), RECORDED_KEPT);
	snprintf(full, sizeof(full), "%s.instructions", name);
	assert_int_equal(recorded_check(full, counts.instructions), RECORDED_KEPT);
}

#endif
