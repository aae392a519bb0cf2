/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading files of SAs, for the tests of that.
 */
#ifndef XESP_TESTS_SA_FILE_H
#define XESP_TESTS_SA_FILE_H

#include "base/cleanup.h"
#include "control/sa_text.h"
#include "tests/unit/sa_sample.h"

#define KEY "101112131415161718191a1b1c1d1e1f20212223"
#define SA "dst 192.0.2.1 spi 0x100 mode tunnel aead 'rfc4106(gcm(aes))' 0x" KEY " 128"

struct result {
	struct sa_params params[300];
	unsigned int lines[300];
	size_t count;
	int stop_with; /* what `each` returns */
	bool tolerant; /* what is unsupported does not end the reading */
	struct field_error unsupported[256];
	unsigned int unsupported_lines[300];
	size_t unsupported_count;
	unsigned int error_line;
	struct field_error error;
};

static inline int keep(const struct sa_params *params, unsigned int line, void *ctx)
{
	struct result *result = ctx;

	assert_true(result->count < ARRAY_SIZE(result->params));
	result->params[result->count] = *params;
	result->lines[result->count] = line;
	result->count++;
	return result->stop_with;
}

static inline void keep_unsupported(const struct field_error *error, unsigned int line, void *ctx)
{
	struct result *result = ctx;

	assert_true(result->unsupported_count < ARRAY_SIZE(result->unsupported));
	result->unsupported[result->unsupported_count] = *error;
	result->unsupported_lines[result->unsupported_count++] = line;
}

static inline int read_file(FILE *file, struct result *ret_result)
{
	ret_result->count = 0;
	ret_result->error_line = 0;
	ret_result->error = (struct field_error){"", "", "", NULL};
	const struct sa_text_sink sink = {.each = keep,
					  .unsupported = ret_result->tolerant ? keep_unsupported : NULL,
					  .ctx = ret_result};

	return sa_text_read(file, &sink, &ret_result->error_line, &ret_result->error);
}

static inline int read_bytes(const char *bytes, size_t len, struct result *ret_result)
{
	FILE *file = fmemopen((void *)bytes, len, "r");
	int err;

	assert_non_null(file);
	err = read_file(file, ret_result);
	fclose(file);
	return err;
}

static inline int read_text(const char *text, struct result *ret_result)
{
	return read_bytes(text, strlen(text), ret_result);
}

static inline int read_path(const char *path, struct result *ret_result)
{
	FILE *file = fopen(path, "re");
	int err;

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	err = read_file(file, ret_result);
	fclose(file);
	return err;
}

static inline void assert_reads(int err, const struct result *result, size_t count)
{
	if (err < 0)
		fail_msg("%d: line %u: %s '%s': %s", err, result->error_line, result->error.field,
			 result->error.value, result->error.rule);
	assert_int_equal(result->count, count);
}

#endif
