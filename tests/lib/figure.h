/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a benchmark's figures reach `tests/bench/run`: one JSON line each on standard output, if the
 * environment has BENCH_JSON; who runs the program by hand has its table alone.
 */
#ifndef XESP_TESTS_FIGURE_H
#define XESP_TESTS_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

/* Status of a benchmark that does not run on this machine; the last line on standard error says why. */
#define FIGURE_LEFT_OUT 77

struct figure_quartiles {
	double q1, median, q3;
};

/* `name` is the figure's path, with dots: part, what, where. Unit as people write it. Prints median and
 * quartiles of what is sorted then. */
void figure_samples(const char *name, const char *unit, double *samples, size_t count);
/* Prints all of them, in order, so that those of one round can be compared with each other. */
void figure_rounds(const char *name, const char *unit, const double *samples, size_t count);
/* These two sort, and print nothing. */
struct figure_quartiles figure_quartiles(double *samples, size_t count);
double figure_median(double *samples, size_t count);
/* Of rounds measured in turn: quartiles of a/b, which are figure `name`. */
struct figure_quartiles figure_ratio(const char *name, const double *a, const double *b, size_t count);
void figure_value(const char *name, const char *unit, double value);
/* The environment has BENCH_QUICK: less of everything. */
bool figure_quick(void);

#endif
