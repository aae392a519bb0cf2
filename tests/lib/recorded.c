/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of counts: lines of name, count, and percent that it may be more. The environment has XESP_RECORD:
 * counts are written instead of compared.
 */
#include "tests/lib/recorded.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "tests/data/counts"
#define LINES_MAX 128
#define LINE_MAX_BYTES 160

struct line {
	char text[LINE_MAX_BYTES];
};

static size_t read_lines(struct line *lines)
{
	FILE *file = fopen(FILE_NAME, "re");
	size_t count = 0;

	if (!file)
		return 0;
	while (count < LINES_MAX && fgets(lines[count].text, sizeof(lines[count].text), file))
		count++;
	fclose(file);
	return count;
}

/* The line of the name, or `count`. */
static size_t find(const struct line *lines, size_t count, const char *name, uint64_t *ret_value,
		   unsigned int *ret_percent)
{
	char found[LINE_MAX_BYTES];
	unsigned int percent;
	uint64_t value;

	for (size_t i = 0; i < count; i++)
		if (sscanf(lines[i].text, "%159s %" SCNu64 " %u", found, &value, &percent) == 3 &&
		    !strcmp(found, name)) {
			*ret_value = value;
			*ret_percent = percent;
			return i;
		}
	return count;
}

static void write_lines(const struct line *lines, size_t count)
{
	FILE *file = fopen(FILE_NAME, "we");

	if (!file) {
		perror(FILE_NAME);
		return;
	}
	for (size_t i = 0; i < count; i++)
		fputs(lines[i].text, file);
	fclose(file);
}

static void record(struct line *lines, size_t count, const char *name, uint64_t measured)
{
	unsigned int percent = 10;
	uint64_t value = 0;
	size_t at = find(lines, count, name, &value, &percent);

	if (at == LINES_MAX)
		return;
	snprintf(lines[at].text, sizeof(lines[at].text), "%s %" PRIu64 " %u\n", name, measured, percent);
	write_lines(lines, at == count ? count + 1 : count);
	fprintf(stderr, "%s: %" PRIu64 " becomes %" PRIu64 "\n", name, value, measured);
}

enum recorded recorded_check(const char *name, uint64_t measured)
{
	struct line *lines = calloc(LINES_MAX, sizeof(*lines));
	size_t count = lines ? read_lines(lines) : 0, at;
	enum recorded result = RECORDED_KEPT;
	unsigned int percent = 0;
	uint64_t value = 0;

	at = find(lines, count, name, &value, &percent);
	if (lines && getenv("XESP_RECORD")) {
		record(lines, count, name, measured);
	} else if (at == count) {
		fprintf(stderr, "%s: %" PRIu64 ", and nothing to compare it with in " FILE_NAME "\n", name,
			measured);
		result = RECORDED_UNKNOWN;
	} else if (measured > value + value * percent / 100) {
		fprintf(stderr,
			"%s: %" PRIu64 ", was %" PRIu64
			", may be %u %% more. If it has to be: `make record-counts`, and the "
			"commit says why\n",
			name, measured, value, percent);
		result = RECORDED_GROWN;
	} else if (measured + value * percent / 100 < value) {
		fprintf(stderr, "%s: %" PRIu64 ", was %" PRIu64 ": `make record-counts` keeps it there\n",
			name, measured, value);
	}
	free(lines);
	return result;
}
