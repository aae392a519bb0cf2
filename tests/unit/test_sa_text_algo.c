/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of algorithms: older names, `auth` without a length, the NULL cipher without a key, and every
 * suite of the table printed and parsed again. What is refused stands in test_sa_text.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "control/sa_text.h"
#include "tests/unit/sa_words.h"

#define AUTH_KEY "606162636465666768696a6b6c6d6e6f7071727374757677"
#define AES_KEY "101112131415161718191a1b1c1d1e1f"

/* Older names, and `auth` without a length, are the same as their full spelling. */
static void test_enc_and_auth_forms(void **state)
{
	static const struct {
		const char *text;
		enum algo_id cipher, auth;
		uint8_t icv_bytes;
	} rows[] = {
		{"enc cbc(aes) 0x" AES_KEY " auth-trunc hmac(sha1) 0x" AUTH_KEY " 96", ALGO_AES_CBC,
		 ALGO_HMAC_SHA1, 12},
		{"auth-trunc sha1 0x" AUTH_KEY " 96 enc aes 0x" AES_KEY, ALGO_AES_CBC, ALGO_HMAC_SHA1, 12},
		{"enc aes 0x" AES_KEY " auth sha1 0x" AUTH_KEY, ALGO_AES_CBC, ALGO_HMAC_SHA1, 12},
		{"enc aes 0x" AES_KEY " (128 bits) auth-trunc md5 0x" AUTH_KEY " (192 bits) 96", ALGO_AES_CBC,
		 ALGO_HMAC_MD5, 12},
		{"enc des3_ede 0x" AES_KEY " auth hmac(md5) 0x" AUTH_KEY, ALGO_3DES_CBC, ALGO_HMAC_MD5, 12},
		{"enc des 0x" AES_KEY " auth hmac(sha384) 0x" AUTH_KEY, ALGO_DES_CBC, ALGO_HMAC_SHA384, 24},
		{"enc rfc3686(ctr(aes)) 0x" AES_KEY " auth hmac(sha512) 0x" AUTH_KEY, ALGO_AES_CTR,
		 ALGO_HMAC_SHA512, 32},
		{"enc aes 0x" AES_KEY " auth xcbc(aes) 0x" AUTH_KEY, ALGO_AES_CBC, ALGO_AES_XCBC, 12},
		{"enc aes 0x" AES_KEY " auth cmac(aes) 0x" AUTH_KEY, ALGO_AES_CBC, ALGO_AES_CMAC, 12},
		{"enc aes 0x" AES_KEY " auth-trunc sha256 0x" AUTH_KEY " 96", ALGO_AES_CBC, ALGO_HMAC_SHA256,
		 12}, /* the rules refuse it */
		{"auth-trunc sha256 0x" AUTH_KEY " 128 enc ecb(cipher_null)", ALGO_NULL, ALGO_HMAC_SHA256,
		 16},
		{"enc cipher_null auth-trunc sha256 0x" AUTH_KEY " 128", ALGO_NULL, ALGO_HMAC_SHA256, 16},
	};
	struct sa_params params;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[512];

		snprintf(text, sizeof(text), BASE "%s reqid 9", rows[i].text);
		assert_parses(text, &params);
		assert_int_equal(params.reqid, 9);
		assert_int_equal(params.cipher, rows[i].cipher);
		assert_int_equal(params.auth, rows[i].auth);
		assert_int_equal(params.icv_bytes, rows[i].icv_bytes);
		assert_int_equal(params.key_bytes, rows[i].cipher == ALGO_NULL ? 0 : 16);
		for (size_t at = 0; at < params.key_bytes; at++)
			assert_int_equal(params.key[at], 0x10 + at);
		assert_int_equal(params.auth_key_bytes, 24);
		for (size_t at = 0; at < params.auth_key_bytes; at++)
			assert_int_equal(params.auth_key[at], 0x60 + at);
	}
}

/* '' as a shell hands it over. */
static void test_empty_key_of_null(void **state)
{
	char *words[] = {
		(char *)"dst",	(char *)"192.0.2.1",  (char *)"spi",	   (char *)"256",
		(char *)"mode", (char *)"tunnel",     (char *)"enc",	   (char *)"ecb(cipher_null)",
		(char *)"",	(char *)"auth-trunc", (char *)"xcbc(aes)", (char *)"0x" AES_KEY,
		(char *)"96"};
	struct sa_params params;
	struct field_error error;

	(void)state;
	assert_int_equal(sa_text_parse_words(words, ARRAY_SIZE(words), &params, &error), 0);
	assert_int_equal(params.cipher, ALGO_NULL);
	assert_int_equal(params.key_bytes, 0);
	assert_int_equal(params.auth, ALGO_AES_XCBC);
	assert_int_equal(params.auth_key_bytes, 16);
}

/* The rule says what to write instead of what the kernel would take for 96 bits. */
static void test_auth_without_length(void **state)
{
	struct sa_params params;
	struct field_error error;

	(void)state;
	assert_int_equal(parse(BASE "enc aes 0x" AES_KEY " auth sha256 0x" AUTH_KEY, &params, &error),
			 -EINVAL);
	assert_non_null(strstr(error.rule, "96 bits"));
	assert_non_null(strstr(error.rule, "RFC 4868"));
	assert_non_null(strstr(error.rule, "auth-trunc 'hmac(sha256)' KEY 128"));
}

static void test_print_round_trip_of_suites(void **state)
{
	enum algo_id cipher, auth;

	(void)state;
	for (size_t i = 0; sample_suite_at(i, &cipher, &auth); i++) {
		struct sa_params params = sample_suite(cipher, auth);

		check_round_trip(&params);
		params.mode = SA_MODE_BEET;
		check_round_trip(&params);
	}
}

static void test_print_layout_of_enc(void **state)
{
	static const char cbc[] = "src 0.0.0.0 dst 192.0.2.1\n"
				  "\tproto esp spi 0x00000100 reqid 0 mode tunnel\n"
				  "\treplay-window 64\n"
				  "\tauth-trunc hmac(sha256) <hidden> 128\n"
				  "\tenc cbc(aes) <hidden>\n";
	static const char null[] = "src 0.0.0.0 dst 192.0.2.1\n"
				   "\tproto esp spi 0x00000100 reqid 0 mode tunnel\n"
				   "\treplay-window 64\n"
				   "\tauth-trunc hmac(sha1) <hidden> 96\n"
				   "\tenc ecb(cipher_null)\n";
	struct sa_params params = sample_suite(ALGO_AES_CBC, ALGO_HMAC_SHA256);
	char text[2048] = "";

	(void)state;
	print(&params, text, sizeof(text));
	assert_string_equal(text, cbc);
	params = sample_suite(ALGO_NULL, ALGO_HMAC_SHA1);
	memset(text, 0, sizeof(text));
	print(&params, text, sizeof(text));
	assert_string_equal(text, null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enc_and_auth_forms),  cmocka_unit_test(test_empty_key_of_null),
		cmocka_unit_test(test_auth_without_length), cmocka_unit_test(test_print_round_trip_of_suites),
		cmocka_unit_test(test_print_layout_of_enc),
	};

	return cmocka_run_group_tests_name("sa_text_algo", tests, NULL, NULL);
}
