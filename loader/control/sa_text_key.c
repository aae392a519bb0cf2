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

/* Where the key goes, and what errors call it. */
struct key_place {
	const struct algo *algo;
	uint8_t *bytes;
	size_t room;
	uint8_t *ret_bytes;
	const char *field;
	struct field_error *error;
};

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

int sa_text_key_hex(const char *digits, size_t len, size_t room, uint8_t *key, uint8_t *ret_key_bytes)
{
	if (len == 0 || len % 2 != 0)
		return -EINVAL;
	if (len / 2 > room)
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

static int fail(const struct key_place *place, const char *rule)
{
	field_error_set(place->error, place->field, "(hidden)", "%s", rule);
	return -EINVAL;
}

static int from_hex(const char *digits, size_t len, const struct key_place *place)
{
	int err = sa_text_key_hex(digits, len, place->room, place->bytes, place->ret_bytes);

	if (err == -E2BIG)
		return fail(place, "longer than the key of any algorithm");
	if (err < 0)
		return fail(place,
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
static int from_text(const struct key_text *text, const struct key_place *place)
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
	return from_hex(start, len, place);
}

/* A raw key has as many bytes as the algorithm takes. The only hex text of which this is true as well is that
 * of an AES-128-CBC key without an end of line: 32 characters, as many as an AES-256 key has bytes. A random
 * key is nothing but hex digits once in 2^113 times. */
static bool is_raw(const struct key_text *text, const struct algo *algo)
{
	size_t digits = 0;

	if (!text->len || !algo_key_allowed(algo, text->len))
		return false;
	while (digits < text->len && hex_value(text->bytes[digits]) >= 0)
		digits++;
	return digits < text->len || text->len % 2 || !algo_key_allowed(algo, text->len / 2);
}

static int from_file(const char *path, const struct key_place *place)
{
	CLEANUP(cleanup_key_text) struct key_text text = {.len = 0};
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int err = fd < 0 ? -errno : read_text(fd, false, &text);

	if (err < 0) {
		field_error_set(place->error, "key file", sa_text_words_shown(path),
				"cannot be read as a key: %s", strerrordesc_np(-err));
		return -EINVAL;
	}
	if (text.len <= place->room && is_raw(&text, place->algo)) {
		memcpy(place->bytes, text.bytes, text.len);
		*place->ret_bytes = (uint8_t)text.len;
		return 0;
	}
	return from_text(&text, place);
}

static int from_stdin(const struct key_place *place)
{
	CLEANUP(cleanup_key_text) struct key_text text = {.len = 0};
	int err = read_text(STDIN_FILENO, true, &text);

	if (err < 0) {
		field_error_set(place->error, place->field, "-", "standard input: %s", strerrordesc_np(-err));
		return -EINVAL;
	}
	return from_text(&text, place);
}

static int from_word(const char *word, bool stdin_allowed, const struct key_place *place)
{
	/* "<<Keys hidden>>" of `ip xfrm state list nokeys`, and our own "<hidden>". */
	if (word[0] == '<')
		return fail(place, "the text has the key hidden; list the SAs with keys");
	if (strncmp(word, "file:", 5) == 0)
		return from_file(word + 5, place);
	if (strcmp(word, "-") == 0 && !stdin_allowed)
		return fail(place, "- stands for standard input on the command line only; use file:PATH");
	if (strcmp(word, "-") == 0)
		return from_stdin(place);
	if (word[0] != '0' || (word[1] != 'x' && word[1] != 'X'))
		return fail(place, "must be 0x and hex digits, file:PATH, or - for standard input");
	return from_hex(word + 2, strlen(word + 2), place);
}

int sa_text_key_read(const char *word, const struct algo *algo, bool stdin_allowed, struct sa_params *params,
		     struct field_error *ret_error)
{
	const struct key_place cipher = {.algo = algo,
					 .bytes = params->key,
					 .room = sizeof(params->key),
					 .ret_bytes = &params->key_bytes,
					 .field = "key",
					 .error = ret_error};
	const struct key_place auth = {.algo = algo,
				       .bytes = params->auth_key,
				       .room = sizeof(params->auth_key),
				       .ret_bytes = &params->auth_key_bytes,
				       .field = "auth key",
				       .error = ret_error};

	return from_word(word, stdin_allowed, algo->class == ALGO_CLASS_AUTH ? &auth : &cipher);
}
