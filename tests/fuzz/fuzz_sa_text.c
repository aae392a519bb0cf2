/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes reading a file of SAs. An SA that is read and keeps the rules must print, and parse again to the
 * same; an error must have all its texts.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/sa_text.h"
#include "control/validate.h"
#include "tests/unit/sa_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS_MAX 128

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void write_hex(char *text, const uint8_t *key, size_t bytes)
{
	strcpy(text, "0x");
	for (size_t i = 0; i < bytes; i++)
		snprintf(text + 2 + 2 * i, 3, "%02x", key[i]);
}

/* Prints and parses again, with the keys put where the text hides them: that of the integrity algorithm
 * first. */
static void check_round_trip(const struct sa_params *params)
{
	char text[2048] = "", key[2 + 2 * XESP_KEY_MAX + 1], auth_key[2 + 2 * XESP_AUTH_KEY_MAX + 1];
	char *next = params->auth ? auth_key : key;
	char *words[WORDS_MAX], *save;
	struct field_error error;
	struct sa_params again;
	size_t count = 0;
	FILE *out = fmemopen(text, sizeof(text), "w");

	check(out, "fmemopen");
	sa_text_print(out, params);
	check(ftell(out) < (long)sizeof(text), "longer than expected");
	fclose(out);
	write_hex(key, params->key, params->key_bytes);
	write_hex(auth_key, params->auth_key, params->auth_key_bytes);
	for (char *word = strtok_r(text, " \t\n", &save); word; word = strtok_r(NULL, " \t\n", &save)) {
		check(count < WORDS_MAX, "more words than expected");
		words[count] = word;
		if (strcmp(word, "<hidden>") == 0) {
			words[count] = next;
			next = key;
		}
		count++;
	}
	check(sa_text_parse_words(words, count, &again, &error) == 0, "does not parse again");
	check(sample_equal(params, &again), "parses to another SA");
}

static int each(const struct sa_params *params, unsigned int line, void *ctx)
{
	struct field_error error;

	(void)line;
	(void)ctx;
	if (validate_sa(params, true, &error) == 0)
		check_round_trip(params);
	else
		check(error.field[0] && error.rule[0], "an error of validation says nothing");
	return 0;
}

static void unsupported(const struct field_error *error, unsigned int line, void *ctx)
{
	(void)ctx;
	check(line > 0 && error->field[0] && error->rule[0], "what is unsupported is not said");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sa_text_sink strict = {.each = each};
	static const struct sa_text_sink tolerant = {.each = each, .unsupported = unsupported};
	struct field_error error = {"", "", "", NULL};
	unsigned int line = 0;
	FILE *file;
	int err;

	/* Other files are not part of the input. */
	if (size == 0 || memmem(data, size, "file:", 5))
		return 0;
	file = fmemopen((void *)data, size, "r");
	check(file, "fmemopen");
	err = sa_text_read(file, data[0] & 1 ? &tolerant : &strict, &line, &error);
	fclose(file);
	check(err == 0 || (line > 0 && error.field[0] && error.rule[0]), "an error of syntax says nothing");
	return 0;
}
