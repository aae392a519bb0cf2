/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A benchmark's figures as JSON lines.
 */
#include "tests/lib/figure.h"

#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void print(const char *name, const char *unit, const double quartiles[3], size_t count)
{
	if (!getenv("BENCH_JSON"))
		return;
	printf("{\"figure\": \"%s\", \"unit\": \"%s\", \"q1\": %.6g, \"median\": %.6g, \"q3\": %.6g, \"n\": %zu}\n",
	       name, unit, quartiles[0], quartiles[1], quartiles[2], count);
}

void figure_samples(const char *name, const char *unit, double *samples, size_t count)
{
	qsort(samples, count, sizeof(*samples), compare);
	print(name, unit, (double[]){samples[count / 4], samples[count / 2], samples[count - 1 - count / 4]},
	      count);
}

void figure_rounds(const char *name, const char *unit, const double *samples, size_t count)
{
	if (!getenv("BENCH_JSON"))
		return;
	printf("{\"figure\": \"%s\", \"unit\": \"%s\", \"samples\": [", name, unit);
	for (size_t i = 0; i < count; i++)
		printf("%s%.6g", i ? ", " : "", samples[i]);
	printf("]}\n");
}

double figure_median(double *samples, size_t count)
{
	qsort(samples, count, sizeof(*samples), compare);
	return samples[count / 2];
}

void figure_value(const char *name, const char *unit, double value)
{
	print(name, unit, (double[]){value, value, value}, 1);
}

bool figure_quick(void)
{
	return getenv("BENCH_QUICK") != NULL;
}
