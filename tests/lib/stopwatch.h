/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time, for benchmarks: cycles of code that is short and calls nobody, CPU time of what has the kernel work
 * as well, and the time on the wall.
 */
#ifndef XESP_TESTS_STOPWATCH_H
#define XESP_TESTS_STOPWATCH_H

#include <stdint.h>

#if defined(__x86_64__)
#define STOPWATCH_CYCLES "cycles (TSC)"
#else
#define STOPWATCH_CYCLES "ns"
#endif

/* Of STOPWATCH_CYCLES, since some time; what was to be done before it is done. */
uint64_t stopwatch_cycles(void);
/* Seconds that this thread had a CPU, the kernel's work for it included. */
double stopwatch_cpu(void);
/* Seconds since some time. */
double stopwatch_wall(void);

#endif
