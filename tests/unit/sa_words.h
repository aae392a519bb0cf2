/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing one line of words and printing them again, for the tests of the text grammar.
 */
#ifndef XESP_TESTS_SA_WORDS_H
#define XESP_TESTS_SA_WORDS_H

#include "base/cleanup.h"
#include "control/sa_text.h"
#include "tests/unit/sa_sample.h"

#define KEY "101112131415161718191a1b1c1d1e1f20212223"
#define AEAD "aead rfc4106(gcm(aes)) 0x" KEY " 128 "
#define BASE "dst 192.0.2.1 spi 0x100 mode tunnel "

struct line {
	char text[4096];
	char *words[256];
	size_t count;
};

static inline void split(const char *text, struct line *ret_line)
{
	char *save;

	assert_true(strlen(text) < sizeof(ret_line->text));
	strcpy(ret_line->text, text);
	ret_line->count = 0;
	for (char *word = strtok_r(ret_line->text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		ret_line->words[ret_line->count++] = word;
}

static inline int parse(const char *text, struct sa_params *ret_params, struct field_error *ret_error)
{
	struct line line;

	split(text, &line);
	return sa_text_parse_words(line.words, line.count, ret_params, ret_error);
}

/* No six digits of the key in a row, in any of the three texts. */
static inline void assert_no_key(const struct field_error *error)
{
	const char *texts[] = {error->field, error->value, error->rule};

	for (size_t i = 0; i + 6 <= strlen(KEY); i++) {
		char piece[7];

		memcpy(piece, &KEY[i], 6);
		piece[6] = '\0';
		for (size_t j = 0; j < ARRAY_SIZE(texts); j++)
			assert_null(strcasestr(texts[j], piece));
	}
}

static inline void assert_parses(const char *text, struct sa_params *ret_params)
{
	struct field_error error;

	if (parse(text, ret_params, &error) < 0)
		fail_msg("'%s': %s '%s': %s", text, error.field, error.value, error.rule);
}

static inline void print(const struct sa_params *params, char *text, size_t size)
{
	FILE *out = fmemopen(text, size, "w");

	assert_non_null(out);
	sa_text_print(out, params);
	fclose(out);
}

/* Puts 0x and the key's digits in place of the next "<hidden>", and nothing of them may be in `text` before.
 */
static const char *fill_in(const char *text, const uint8_t *key, size_t bytes, char *to, size_t room)
{
	char hex[2 * XESP_AUTH_KEY_MAX + 1] = "";
	const char *hidden = strstr(text, "<hidden>");

	assert_non_null(hidden);
	for (size_t i = 0; i < bytes; i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	assert_null(strstr(text, hex));
	snprintf(to + strlen(to), room - strlen(to), "%.*s0x%s", (int)(hidden - text), text, hex);
	return hidden + strlen("<hidden>");
}

/* What is printed parses to the same SA, once the keys stand in place of "<hidden>". */
static inline void check_round_trip(const struct sa_params *params)
{
	char text[2048] = "", with_keys[2048] = "";
	const char *rest = text;
	struct sa_params again;

	print(params, text, sizeof(text));
	if (params->auth)
		rest = fill_in(rest, params->auth_key, params->auth_key_bytes, with_keys, sizeof(with_keys));
	if (params->key_bytes)
		rest = fill_in(rest, params->key, params->key_bytes, with_keys, sizeof(with_keys));
	assert_null(strstr(rest, "<hidden>"));
	snprintf(with_keys + strlen(with_keys), sizeof(with_keys) - strlen(with_keys), "%s", rest);
	for (char *at = with_keys; *at; at++) {
		if (*at == '\n' || *at == '\t')
			*at = ' ';
	}
	assert_parses(with_keys, &again);
	assert_true(sample_equal(&again, params));
}

#endif
