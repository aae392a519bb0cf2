/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time, for benchmarks.
 */
#include "tests/lib/stopwatch.h"

#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>

uint64_t stopwatch_cycles(void)
{
	_mm_lfence();
	return __rdtsc();
}

#else

uint64_t stopwatch_cycles(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#endif

static double seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double stopwatch_cpu(void)
{
	return seconds(CLOCK_THREAD_CPUTIME_ID);
}

double stopwatch_wall(void)
{
	return seconds(CLOCK_MONOTONIC);
}
