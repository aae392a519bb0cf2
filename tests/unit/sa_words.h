/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing one line of words, for the tests of the text grammar.
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

#endif
