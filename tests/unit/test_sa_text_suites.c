/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of SAs with every suite: what iproute2 prints on a kernel that has them, and the SAs of the captures.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "control/validate.h"
#include "tests/unit/sa_file.h"

/* Suites as a kernel has them, in the order of the files. */
static const struct {
	uint32_t spi;
	enum algo_id cipher, auth;
	uint8_t key_bytes, auth_key_bytes, icv_bytes;
} suites[] = {
	{0x1001, ALGO_AES_CBC, ALGO_HMAC_SHA256, 16, 32, 16},
	{0x1002, ALGO_AES_CBC, ALGO_HMAC_SHA512, 32, 64, 32},
	{0x1003, ALGO_AES_CTR, ALGO_HMAC_SHA384, 20, 48, 24},
	{0x1004, ALGO_NULL, ALGO_HMAC_SHA1, 0, 20, 12},
	{0x1005, ALGO_NULL, ALGO_HMAC_SHA256, 0, 32, 16},
	{0x1006, ALGO_AES_CBC, ALGO_AES_XCBC, 24, 16, 12},
	{0x1007, ALGO_AES_CBC, ALGO_AES_CMAC, 24, 16, 12},
	{0x1008, ALGO_3DES_CBC, ALGO_HMAC_MD5, 24, 16, 12},
	{0x1009, ALGO_DES_CBC, ALGO_HMAC_MD5, 8, 16, 12},
	{0x100a, ALGO_CHACHA20_POLY1305, ALGO_NONE, 36, 0, 16},
	{0x100b, ALGO_AES_CCM, ALGO_NONE, 19, 0, 8},
	{0x100c, ALGO_AES_GMAC, ALGO_NONE, 20, 0, 16},
	{0x100e, ALGO_AES_CBC, ALGO_HMAC_SHA256, 16, 32, 16},
	{0x100f, ALGO_AES_GCM, ALGO_NONE, 20, 0, 8},
};

static void check_suites(const struct result *result)
{
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
		const struct sa_params *params = &result->params[i];
		struct field_error error;

		assert_int_equal(params->spi, suites[i].spi);
		assert_int_equal(params->cipher, suites[i].cipher);
		assert_int_equal(params->auth, suites[i].auth);
		assert_int_equal(params->key_bytes, suites[i].key_bytes);
		assert_int_equal(params->auth_key_bytes, suites[i].auth_key_bytes);
		assert_int_equal(params->icv_bytes, suites[i].icv_bytes);
		for (size_t at = 0; at < params->key_bytes; at++)
			assert_int_equal(params->key[at], 0x10 + at);
		for (size_t at = 0; at < params->auth_key_bytes; at++)
			assert_int_equal(params->auth_key[at], 0x60 + at);
		assert_int_equal(validate_sa(params, true, &error), 0);
	}
	assert_int_equal(result->params[12].mode, SA_MODE_BEET);
	assert_int_equal(result->params[12].selector.dst.length, 32);
	assert_int_equal(result->params[13].mode, SA_MODE_BEET);
	assert_int_equal(result->params[13].selector.src.addr.family, AF_INET6);
}

static void test_suites(void **state)
{
	static struct result result;

	(void)state;
	assert_reads(read_path("tests/data/xfrm/suites.txt", &result), &result, ARRAY_SIZE(suites));
	check_suites(&result);
	assert_reads(read_path("tests/data/xfrm/suites-s.txt", &result), &result, ARRAY_SIZE(suites));
	check_suites(&result);
}

/* What kernels have and xesp does not: passed over, some by their names, some by the rules. */
static void test_refused_suites(void **state)
{
	static const struct {
		const char *field, *value;
	} unread[] = {
		{"enc", "cbc(camellia)"}, {"auth-trunc", "hmac(rmd160)"}, {"auth-trunc", "digest_null"},
		{"enc", "cbc(cast5)"},	  {"enc", "cbc(blowfish)"},	  {"enc", "cbc(twofish)"},
		{"enc", "cbc(serpent)"},
	};
	static const struct {
		uint32_t spi;
		const char *field, *capability;
	} invalid[] = {{0x100d, "icv", "icv_bits"}, {0x1010, "auth", "auth"}, {0x1013, "key", "key_bits"}};
	static struct result result = {.tolerant = true};

	(void)state;
	assert_reads(read_path("tests/data/xfrm/refused-suites.txt", &result), &result, ARRAY_SIZE(invalid));
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		assert_int_equal(result.params[i].spi, invalid[i].spi);
		assert_int_equal(validate_sa(&result.params[i], true, &result.error), -EOPNOTSUPP);
		assert_string_equal(result.error.field, invalid[i].field);
		assert_string_equal(result.error.capability, invalid[i].capability);
	}
	assert_int_equal(result.unsupported_count, ARRAY_SIZE(unread));
	for (size_t i = 0; i < ARRAY_SIZE(unread); i++) {
		assert_string_equal(result.unsupported[i].field, unread[i].field);
		assert_string_equal(result.unsupported[i].value, unread[i].value);
	}
}

/* Read, but against the rules. */
static void test_invalid_states(void **state)
{
	static struct result result;

	(void)state;
	assert_reads(read_path("tests/data/xfrm/refused-enc.txt", &result), &result, 1);
	assert_int_equal(validate_sa(&result.params[0], true, &result.error), -EOPNOTSUPP);
	assert_string_equal(result.error.field, "auth");
	assert_reads(read_path("tests/data/xfrm/refused-beet.txt", &result), &result, 1);
	assert_int_equal(validate_sa(&result.params[0], true, &result.error), -EINVAL);
	assert_string_equal(result.error.field, "sel src");
}

/* The lines of a file of SAs, one a line, that have one of these words; all of them without words. */
static size_t lines_with(const char *path, const char *const *words, size_t count)
{
	FILE *file = fopen(path, "re");
	char line[1024];
	size_t lines = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		bool found = count == 0;

		for (size_t i = 0; i < count; i++)
			found |= strstr(line, words[i]) != NULL;
		lines += found && strncmp(line, "src ", 4) == 0;
	}
	fclose(file);
	return lines;
}

/* All SAs of the file are valid, and legacy is what has a legacy algorithm. */
static void check_file(const char *path)
{
	static const char *const legacy_words[] = {"cbc(des)", "cbc(des3_ede)", "hmac(md5)"};
	static struct result result;
	size_t legacy = 0;

	assert_reads(read_path(path, &result), &result, lines_with(path, NULL, 0));
	for (size_t i = 0; i < result.count; i++) {
		const struct sa_params *params = &result.params[i];
		struct field_error error;

		assert_int_equal(validate_sa(params, true, &error), 0);
		if (!validate_sa(params, false, &error))
			continue;
		assert_string_equal(error.capability, "legacy");
		legacy++;
	}
	assert_int_equal(legacy, lines_with(path, legacy_words, ARRAY_SIZE(legacy_words)));
	assert_true(legacy > 40);
}

static void test_corpus(void **state)
{
	static const char *const captures[] = {"direct-aes128gcm16", "direct-aes256gcm16", "nat-aes128gcm16",
					       "nat-aes256gcm16"};
	static struct result result;

	(void)state;
	check_file("tests/data/suites/sa.txt");
	check_file("tests/data/corpus/sa.txt");
	assert_reads(read_path("tests/data/corpus/sa.txt", &result), &result, 240);
	assert_int_equal(result.lines[0], 3);
	assert_true(result.params[1].replay_seq == 1ull << 32);
	for (size_t i = 0; i < ARRAY_SIZE(captures); i++) {
		char path[128];

		snprintf(path, sizeof(path), "tests/data/corpus/strongswan/%s.sa", captures[i]);
		assert_reads(read_path(path, &result), &result, 2);
		for (size_t sa = 0; sa < 2; sa++)
			assert_int_equal(validate_sa(&result.params[sa], false, &result.error), 0);
		assert_true(ip_addr_equal(&result.params[0].src, &result.params[1].dst));
		assert_int_equal(result.params[0].encap.sport, result.params[1].encap.dport);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_refused_suites),
		cmocka_unit_test(test_invalid_states),
		cmocka_unit_test(test_corpus),
	};

	return cmocka_run_group_tests_name("sa_text_suites", tests, NULL, NULL);
}
