/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads key material from a word, a file or standard input. Runs in the CLI.
 */
#include "control/sa_text_key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/sa_text_words.h"
#include "control/validate.h"

/* More than a key as hex with 0x and a newline ever takes; what is longer is no key. */
#define FILE_BYTES_MAX 256

struct key_text {
	char bytes[FILE_BYTES_MAX + 1];
	size_t len;
};

static void cleanup_key_text(struct key_text *text)
{
	explicit_bzero(text, sizeof(*text));
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

int sa_text_key_hex(const char *digits, size_t len, uint8_t *key, uint8_t *ret_key_bytes)
{
	if (len == 0 || len % 2 != 0)
		return -EINVAL;
	if (len / 2 > XESP_KEY_MAX)
		return -E2BIG;
	for (size_t i = 0; i < len / 2; i++) {
		int high = hex_value(digits[2 * i]);
		int low = hex_value(digits[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		key[i] = (uint8_t)(high << 4 | low);
	}
	*ret_key_bytes = (uint8_t)(len / 2);
	return 0;
}

static int fail(struct field_error *ret_error, const char *rule)
{
	field_error_set(ret_error, "key", "(hidden)", "%s", rule);
	return -EINVAL;
}

static int from_hex(const char *digits, size_t len, struct sa_params *params, struct field_error *ret_error)
{
	int err = sa_text_key_hex(digits, len, params->key, &params->key_bytes);

	if (err == -E2BIG)
		return fail(ret_error, "longer than the key and salt of any algorithm");
	if (err < 0)
		return fail(ret_error,
			    "must be 0x and two hex digits a byte, file:PATH, or - for standard input");
	return 0;
}

/* Reads until the end of the file or, for standard input, of the line. */
static int read_text(int fd, bool one_line, struct key_text *ret_text)
{
	ret_text->len = 0;
	while (ret_text->len < sizeof(ret_text->bytes)) {
		size_t want = one_line ? 1 : sizeof(ret_text->bytes) - ret_text->len;
		ssize_t got = read(fd, ret_text->bytes + ret_text->len, want);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0 || (one_line && ret_text->bytes[ret_text->len] == '\n'))
			return 0;
		ret_text->len += (size_t)got;
	}
	return -EFBIG;
}

/* Hex text, with or without 0x, between white space. */
static int from_text(const struct key_text *text, struct sa_params *params, struct field_error *ret_error)
{
	const char *start = text->bytes;
	size_t len = text->len;

	while (len > 0 && strchr(" \t\r\n", start[len - 1]) && start[len - 1])
		len--;
	while (len > 0 && strchr(" \t\r\n", *start) && *start) {
		start++;
		len--;
	}
	if (len > 2 && start[0] == '0' && (start[1] == 'x' || start[1] == 'X')) {
		start += 2;
		len -= 2;
	}
	return from_hex(start, len, params, ret_error);
}

static int from_file(const char *path, const struct algo *algo, struct sa_params *params,
		     struct field_error *ret_error)
{
	CLEANUP(cleanup_key_text) struct key_text text = {.len = 0};
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int err = fd < 0 ? -errno : read_text(fd, false, &text);

	if (err < 0) {
		field_error_set(ret_error, "key file", sa_text_words_shown(path),
				"cannot be read as a key: %s", strerrordesc_np(-err));
		return -EINVAL;
	}
	/* No hex text has as many characters as a raw key has bytes and is a key of allowed length. */
	if (text.len >= algo->salt_bytes && text.len <= sizeof(params->key) &&
	    algo_length_allowed(algo->key_bytes, (unsigned int)(text.len - algo->salt_bytes))) {
		memcpy(params->key, text.bytes, text.len);
		params->key_bytes = (uint8_t)text.len;
		return 0;
	}
	return from_text(&text, params, ret_error);
}

static int from_stdin(struct sa_params *params, struct field_error *ret_error)
{
	CLEANUP(cleanup_key_text) struct key_text text = {.len = 0};
	int err = read_text(STDIN_FILENO, true, &text);

	if (err < 0) {
		field_error_set(ret_error, "key", "-", "standard input: %s", strerrordesc_np(-err));
		return -EINVAL;
	}
	return from_text(&text, params, ret_error);
}

int sa_text_key_read(const char *word, const struct algo *algo, bool stdin_allowed, struct sa_params *params,
		     struct field_error *ret_error)
{
	/* "<<Keys hidden>>" of `ip xfrm state list nokeys`, and our own "<hidden>". */
	if (word[0] == '<')
		return fail(ret_error, "the text has the key hidden; list the SAs with keys");
	if (strncmp(word, "file:", 5) == 0)
		return from_file(word + 5, algo, params, ret_error);
	if (strcmp(word, "-") == 0 && !stdin_allowed)
		return fail(ret_error, "- stands for standard input on the command line only; use file:PATH");
	if (strcmp(word, "-") == 0)
		return from_stdin(params, ret_error);
	if (word[0] != '0' || (word[1] != 'x' && word[1] != 'X'))
		return fail(ret_error, "must be 0x and hex digits, file:PATH, or - for standard input");
	return from_hex(word + 2, strlen(word + 2), params, ret_error);
}
