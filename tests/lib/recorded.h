/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts that must not grow: each is compared with what tests/data/counts says that it was, and by how much
 * it may be more. `make record-counts` writes what it is now.
 */
#ifndef XESP_TESTS_RECORDED_H
#define XESP_TESTS_RECORDED_H

#include <stdint.h>

enum recorded { RECORDED_KEPT, RECORDED_GROWN, RECORDED_UNKNOWN };

/* Says on standard error what has grown, or fallen so far that it is worth recording. UNKNOWN: there is no
 * such name in the file, or no file. */
enum recorded recorded_check(const char *name, uint64_t measured);

#endif
