/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A benchmark's figures as JSON lines.
 */
#include "tests/lib/figure.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void print(const char *name, const char *unit, struct figure_quartiles quartiles, size_t count)
{
	if (!getenv("BENCH_JSON"))
		return;
	printf("{\"figure\": \"%s\", \"unit\": \"%s\", \"q1\": %.6g, \"median\": %.6g, \"q3\": %.6g, \"n\": %zu}\n",
	       name, unit, quartiles.q1, quartiles.median, quartiles.q3, count);
}

void figure_samples(const char *name, const char *unit, double *samples, size_t count)
{
	print(name, unit, figure_quartiles(samples, count), count);
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

struct figure_quartiles figure_quartiles(double *samples, size_t count)
{
	qsort(samples, count, sizeof(*samples), compare);
	return (struct figure_quartiles){samples[count / 4], samples[count / 2],
					 samples[count - 1 - count / 4]};
}

double figure_median(double *samples, size_t count)
{
	return figure_quartiles(samples, count).median;
}

struct figure_quartiles figure_ratio(const char *name, const double *a, const double *b, size_t count)
{
	CLEANUP_FREE double *ratios = calloc(count, sizeof(*ratios));
	struct figure_quartiles quartiles;

	if (!ratios)
		abort();
	for (size_t i = 0; i < count; i++)
		ratios[i] = a[i] / b[i];
	quartiles = figure_quartiles(ratios, count);
	print(name, "times", quartiles, count);
	return quartiles;
}

void figure_value(const char *name, const char *unit, double value)
{
	print(name, unit, (struct figure_quartiles){value, value, value}, 1);
}

bool figure_quick(void)
{
	return getenv("BENCH_QUICK") != NULL;
}
