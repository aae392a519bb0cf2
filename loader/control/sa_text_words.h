/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to sa_text*.c: a cursor over the words of one SA. Every failure fills the same field_error and
 * returns -EINVAL; no failure ever shows what could be a key.
 */
#ifndef XESP_CONTROL_SA_TEXT_WORDS_H
#define XESP_CONTROL_SA_TEXT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/sa_params.h"

struct sa_text_words {
	char *const *words;
	size_t count;
	size_t next; /* words taken so far */
	struct field_error *error;
	bool unsupported; /* the failure is no mistake in the text: xesp lacks what it asks for */
};

/* The next word without taking it, or NULL at the end. */
const char *sa_text_words_peek(const struct sa_text_words *words);
/* Takes the next word if it is `expected`. */
bool sa_text_words_accept(struct sa_text_words *words, const char *expected);
/* Takes the value of `field`, whatever it is. */
int sa_text_words_take(struct sa_text_words *words, const char *field, const char **ret_word);

/* Takes a number: decimal or 0x hexadecimal, 0 to `max`. */
int sa_text_words_number(struct sa_text_words *words, const char *field, uint64_t max, uint64_t *ret_number);
/* The same, also as `ip` prints numbers: the other notation or a unit in parentheses, or a comma, may follow.
 */
int sa_text_words_printed(struct sa_text_words *words, const char *field, uint64_t max, uint64_t *ret_number);
int sa_text_words_address(struct sa_text_words *words, const char *field, struct ip_addr *ret_addr);

/* Takes words that match `pattern`, which has one space between words; "*" stands for any word. */
int sa_text_words_pattern(struct sa_text_words *words, const char *field, const char *pattern);

/* `word`, or "(hidden)" if it could be a key in the wrong place. */
const char *sa_text_words_shown(const char *word);

/* Fills the error and returns -EINVAL. */
__attribute__((format(printf, 4, 5))) int sa_text_words_fail(struct sa_text_words *words, const char *field,
							     const char *value, const char *format, ...);

/* The same for what is well-formed but beyond xesp. */
#define sa_text_words_unsupported(parsed_words, ...) \
	((parsed_words)->unsupported = true, sa_text_words_fail((parsed_words), __VA_ARGS__))

#endif
