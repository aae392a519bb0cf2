/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys that are not in the words: files with text or raw bytes, and standard input.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sa_words.h"

static int write_key(char *path, const void *bytes, size_t len)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	return close(fd);
}

/* Parses an SA whose key is a file of these bytes. */
static int parse_key_file(const void *bytes, size_t len, struct sa_params *ret_params,
			  struct field_error *ret_error)
{
	char path[] = "/tmp/xesp-test-key-XXXXXX", text[256];
	int err;

	write_key(path, bytes, len);
	snprintf(text, sizeof(text), BASE "aead rfc4106(gcm(aes)) file:%s 128", path);
	err = parse(text, ret_params, ret_error);
	unlink(path);
	return err;
}

static void test_key_file_good(void **state)
{
	static const char *const texts[] = {"0x" KEY, KEY, KEY "\n", "0X" KEY "\r\n", "  \t" KEY " \n\n"};
	struct sa_params params, expected = sample_plain(), longer = sample_full();
	struct field_error error;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(parse_key_file(texts[i], strlen(texts[i]), &params, &error), 0);
		assert_true(sample_equal(&params, &expected));
	}
	assert_int_equal(parse_key_file(expected.key, 20, &params, &error), 0);
	assert_true(sample_equal(&params, &expected));
	assert_int_equal(parse_key_file(longer.key, 36, &params, &error), 0);
	assert_int_equal(params.key_bytes, 36);
	assert_memory_equal(params.key, longer.key, 36);
	/* A raw key may look like text. */
	assert_int_equal(parse_key_file("0123456789abcdef0123", 20, &params, &error), 0);
	assert_memory_equal(params.key, "0123456789abcdef0123", 20);
}

static void test_key_file_bad(void **state)
{
	static const char zeros[5000];
	static const struct {
		const char *bytes;
		size_t len;
	} files[] = {{"", 0},	    {"\n", 1},	   {"0x", 2},
		     {zeros, 1},    {zeros, 37},   {zeros, sizeof(zeros)},
		     {KEY KEY, 80}, {KEY "x", 41}, {KEY "\0", 41},
		     {"10 11", 5}};
	struct sa_params params;
	struct field_error error;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		assert_int_equal(parse_key_file(files[i].bytes, files[i].len, &params, &error), -EINVAL);
		assert_no_key(&error);
	}
}

/* Parses `words` with file:PATH of these bytes in place of KEYFILE. */
static int parse_with_file(const char *words, const void *bytes, size_t len, struct sa_params *ret_params)
{
	char path[] = "/tmp/xesp-test-key-XXXXXX", file[64], text[512];
	struct field_error error;
	int err;

	write_key(path, bytes, len);
	snprintf(file, sizeof(file), "file:%s", path);
	snprintf(text, sizeof(text), BASE "%.*s%s%s", (int)(strstr(words, "KEYFILE") - words), words, file,
		 strstr(words, "KEYFILE") + strlen("KEYFILE"));
	err = parse(text, ret_params, &error);
	unlink(path);
	return err;
}

#define CBC "enc cbc(aes) KEYFILE auth sha1 0x" KEY

/* Raw and as text, for the cipher and for the integrity algorithm. */
static void test_key_files_of_suites(void **state)
{
	static const char hex[] = "00112233445566778899aabbccddeeff";
	static const uint8_t bytes[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
					0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	uint8_t long_key[64];
	struct sa_params params;

	(void)state;
	for (size_t i = 0; i < sizeof(long_key); i++)
		long_key[i] = (uint8_t)(0x21 + i);
	/* 32 hex digits are an AES-128 key as text, with an end of line or without, and no AES-256 key. */
	assert_int_equal(parse_with_file(CBC, hex, 32, &params), 0);
	assert_int_equal(params.key_bytes, 16);
	assert_memory_equal(params.key, bytes, 16);
	assert_int_equal(parse_with_file(CBC, bytes, 16, &params), 0);
	assert_int_equal(params.key_bytes, 16);
	assert_memory_equal(params.key, bytes, 16);
	assert_int_equal(parse_with_file(CBC, long_key, 32, &params), 0);
	assert_int_equal(params.key_bytes, 32);
	assert_memory_equal(params.key, long_key, 32);
	assert_int_equal(params.auth_key_bytes, 20);
	/* For an algorithm without AES-128's key 32 bytes are 32 bytes. */
	assert_int_equal(parse_with_file("enc cipher_null auth-trunc sha256 KEYFILE 128", hex, 32, &params),
			 0);
	assert_int_equal(params.auth_key_bytes, 32);
	assert_memory_equal(params.auth_key, hex, 32);
	assert_int_equal(params.key_bytes, 0);
	assert_int_equal(parse_with_file("enc cipher_null auth hmac(sha512) KEYFILE", long_key, 64, &params),
			 0);
	assert_int_equal(params.auth_key_bytes, 64);
	assert_memory_equal(params.auth_key, long_key, 64);
	assert_int_equal(parse_with_file("enc cipher_null auth hmac(sha512) KEYFILE", long_key, 63, &params),
			 -EINVAL);
}

/* Makes `input` standard input; returns what it was. */
static int begin_stdin(const char *input)
{
	int pipe_fds[2], saved = dup(STDIN_FILENO);

	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(write(pipe_fds[1], input, strlen(input)), strlen(input));
	close(pipe_fds[1]);
	assert_true(dup2(pipe_fds[0], STDIN_FILENO) >= 0);
	close(pipe_fds[0]);
	return saved;
}

static void end_stdin(int saved)
{
	dup2(saved, STDIN_FILENO);
	close(saved);
}

/* Standard input gives one line; what follows stays for others. */
static void check_stdin(const char *input, int expected_err)
{
	struct sa_params params, expected = sample_plain();
	struct field_error error;
	int saved = begin_stdin(input);
	char rest[8] = "";

	assert_int_equal(parse(BASE "aead rfc4106(gcm(aes)) - 128", &params, &error), expected_err);
	if (expected_err == 0) {
		assert_true(sample_equal(&params, &expected));
		assert_true(read(STDIN_FILENO, rest, sizeof(rest) - 1) >= 0);
		assert_string_equal(rest, strchr(input, '\n') ? strchr(input, '\n') + 1 : "");
	} else {
		assert_no_key(&error);
	}
	end_stdin(saved);
}

/* Each - takes a line, in the order of the words. */
static void test_two_keys_from_stdin(void **state)
{
	static const char words[] = BASE "enc cbc(aes) - auth-trunc hmac(sha1) - 96";
	int saved = begin_stdin("0x00112233445566778899aabbccddeeff\n" KEY "\n");
	struct sa_params params;
	struct field_error error;

	(void)state;
	assert_int_equal(parse(words, &params, &error), 0);
	assert_int_equal(params.key_bytes, 16);
	assert_int_equal(params.key[15], 0xff);
	assert_int_equal(params.auth_key_bytes, 20);
	assert_int_equal(params.auth_key[0], 0x10);
	assert_int_equal(params.auth_key[19], 0x23);
	end_stdin(saved);
	saved = begin_stdin("0x00112233445566778899aabbccddeeff\n");
	assert_int_equal(parse(words, &params, &error), -EINVAL);
	assert_string_equal(error.field, "auth key");
	end_stdin(saved);
}

static void test_key_stdin(void **state)
{
	(void)state;
	check_stdin("0x" KEY "\nnext", 0);
	check_stdin(KEY, 0);
	check_stdin("", -EINVAL);
	check_stdin("\n", -EINVAL);
	check_stdin(KEY "1\n", -EINVAL);
	check_stdin(KEY KEY KEY KEY KEY KEY KEY KEY KEY "\n", -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_file_good),	    cmocka_unit_test(test_key_file_bad),
		cmocka_unit_test(test_key_stdin),	    cmocka_unit_test(test_key_files_of_suites),
		cmocka_unit_test(test_two_keys_from_stdin),
	};

	return cmocka_run_group_tests_name("sa_text_key", tests, NULL, NULL);
}
