/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An assertion for where cmocka's cannot be used, which leave by longjmp(): threads, fuzz targets, and
 * helpers of both. Any thread.
 */
#ifndef XESP_TESTS_REQUIRE_H
#define XESP_TESTS_REQUIRE_H

#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

#endif
