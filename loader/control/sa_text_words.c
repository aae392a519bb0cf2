/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cursor over the words of one SA: taking words, numbers, addresses. Pure; any thread.
 */
#include "control/sa_text_words.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/validate.h"

/* The shortest key, of DES, has 16 digits; a number that an SA really has is shorter. */
#define HEX_RUN_SHOWN_MAX 15
/* A key in pieces, 00:01:02 or "0x0001 0203", has more digits than an IPv6 address. */
#define HEX_DIGITS_SHOWN_MAX 32

const char *sa_text_words_shown(const char *word)
{
	size_t run = 0;
	size_t digits = 0;

	for (const char *at = word; *at; at++) {
		run = isxdigit((unsigned char)*at) ? run + 1 : 0;
		digits += run > 0;
		if (run > HEX_RUN_SHOWN_MAX)
			return "(hidden)";
	}
	/* The letters of a long path are not digits. */
	return digits > HEX_DIGITS_SHOWN_MAX && !strchr(word, '/') ? "(hidden)" : word;
}

int sa_text_words_fail(struct sa_text_words *words, const char *field, const char *value, const char *format,
		       ...)
{
	char rule[sizeof(words->error->rule)];
	va_list args;

	va_start(args, format);
	vsnprintf(rule, sizeof(rule), format, args);
	va_end(args);
	field_error_set(words->error, field, sa_text_words_shown(value), "%s", rule);
	return -EINVAL;
}

const char *sa_text_words_peek(const struct sa_text_words *words)
{
	return words->next < words->count ? words->words[words->next] : NULL;
}

bool sa_text_words_accept(struct sa_text_words *words, const char *expected)
{
	const char *word = sa_text_words_peek(words);

	if (!word || strcmp(word, expected) != 0)
		return false;
	words->next++;
	return true;
}

int sa_text_words_take(struct sa_text_words *words, const char *field, const char **ret_word)
{
	const char *word = sa_text_words_peek(words);

	if (!word) {
		sa_text_words_fail(words, field, "", "the value is missing");
		return -EINVAL;
	}
	words->next++;
	*ret_word = word;
	return 0;
}

/* Reads the first `len` characters of `text`. */
static int parse_number(const char *text, size_t len, uint64_t max, uint64_t *ret_number)
{
	const char *digits = "0123456789";
	unsigned int base = 10;
	uint64_t number = 0;

	if (len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		digits = "0123456789abcdef";
		base = 16;
		text += 2;
		len -= 2;
	} else if (len > 1 && text[0] == '0') {
		return -EINVAL; /* octal for `ip`, decimal for most readers */
	}
	if (len == 0)
		return -EINVAL;
	for (; len > 0; text++, len--) {
		const char *digit = memchr(digits, tolower((unsigned char)*text), base);

		if (!digit || __builtin_mul_overflow(number, base, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(digit - digits), &number))
			return -EINVAL;
	}
	if (number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static int take_number(struct sa_text_words *words, const char *field, uint64_t max, bool printed,
		       uint64_t *ret_number)
{
	const char *word;
	size_t len;

	if (sa_text_words_take(words, field, &word) < 0)
		return -EINVAL;
	len = strlen(word);
	if (printed && len > 0 && word[len - 1] == ',')
		len--;
	if (printed && len > 0 && word[len - 1] == ')')
		len = strcspn(word, "(");
	if (parse_number(word, len, max, ret_number) < 0) {
		sa_text_words_fail(words, field, word,
				   "must be a number from 0 to %llu, decimal or 0x hexadecimal",
				   (unsigned long long)max);
		return -EINVAL;
	}
	return 0;
}

int sa_text_words_number(struct sa_text_words *words, const char *field, uint64_t max, uint64_t *ret_number)
{
	return take_number(words, field, max, false, ret_number);
}

int sa_text_words_printed(struct sa_text_words *words, const char *field, uint64_t max, uint64_t *ret_number)
{
	return take_number(words, field, max, true, ret_number);
}

int sa_text_words_address(struct sa_text_words *words, const char *field, struct ip_addr *ret_addr)
{
	const char *word;
	struct ip_addr addr;

	if (sa_text_words_take(words, field, &word) < 0)
		return -EINVAL;
	if (ip_addr_parse(word, &addr) < 0)
		return sa_text_words_fail(words, field, word, "must be a numeric IPv4 or IPv6 address");
	/* `ip xfrm` writes "none" as an address of zeros. */
	if (ip_addr_is_any(&addr))
		addr = (struct ip_addr){.family = AF_UNSPEC};
	*ret_addr = addr;
	return 0;
}

int sa_text_words_pattern(struct sa_text_words *words, const char *field, const char *pattern)
{
	while (*pattern) {
		size_t len = strcspn(pattern, " ");
		const char *word;

		if (sa_text_words_take(words, field, &word) < 0)
			return -EINVAL;
		if ((len != 1 || *pattern != '*') && (strlen(word) != len || memcmp(word, pattern, len) != 0))
			return sa_text_words_fail(words, field, word, "unknown here; expected '%.*s'",
						  (int)len, pattern);
		pattern += len;
		if (*pattern == ' ')
			pattern++;
	}
	return 0;
}
