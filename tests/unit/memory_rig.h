/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that ends when a test says so: malloc(), calloc() and aligned_alloc() of this program, libraries
 * included, stand in for the C library's. Sanitizers have theirs, and memory does not end there. Included by
 * one file of a program. One thread.
 */
#ifndef XESP_TESTS_MEMORY_RIG_H
#define XESP_TESTS_MEMORY_RIG_H

#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_ENDS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MEMORY_ENDS 0
#endif
#endif
#ifndef MEMORY_ENDS
#define MEMORY_ENDS 1
#endif

/* How many allocations go well before all fail; SIZE_MAX: all do. */
static size_t memory_left = SIZE_MAX;

#if MEMORY_ENDS
static bool memory_is_over(void)
{
	if (memory_left == SIZE_MAX)
		return false;
	if (memory_left == 0)
		return true;
	memory_left--;
	return false;
}

void *malloc(size_t size)
{
	return memory_is_over() ? NULL : memalign(16, size);
}

void *calloc(size_t count, size_t size)
{
	void *memory = memory_is_over() ? NULL : memalign(16, count * size);

	if (memory)
		memset(memory, 0, count * size);
	return memory;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memory_is_over() ? NULL : memalign(alignment, size);
}
#endif

#endif
