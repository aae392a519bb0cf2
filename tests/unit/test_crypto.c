/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crypto providers by name, what they say of themselves, and the table of algorithms. What they work on:
 * test_crypto_suites.c and its neighbours.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/crypto_rig.h"

static void test_unknown_algorithm(void **state)
{
	static const uint8_t key_bytes[64];
	static const struct algo other = {.id = ALGO_END};
	struct crypto_suite suite = {.cipher = &other, .key = key_bytes, .key_bytes = 20, .icv_bytes = 16};
	const struct crypto_rig *rig = *state;

	for (size_t which = 0; which < CRYPTO_RIG_PROVIDERS; which++) {
		const struct crypto_provider *provider = crypto_rig_providers[which];
		struct crypto_key *key = (struct crypto_key *)&other;

		if (!rig->ctx[which])
			continue;
		assert_int_equal(provider->key_new(rig->ctx[which], &suite, &key), -EOPNOTSUPP);
		assert_ptr_equal(key, &other);
		provider->key_free(NULL);
		provider->ctx_free(NULL);
		assert_non_null(strpbrk(provider->ctx_describe(rig->ctx[which]), "0123456789"));
	}
}

static void test_by_name(void **state)
{
	const struct crypto_rig *rig = *state;

	assert_ptr_equal(crypto_provider_by_name("ipsec-mb"), &crypto_ipsec_mb);
	assert_ptr_equal(crypto_provider_by_name("openssl"), &crypto_openssl);
	assert_ptr_equal(crypto_provider_by_name("auto"), rig->ctx[0] ? &crypto_ipsec_mb : &crypto_openssl);
	assert_null(crypto_provider_by_name("null"));
	assert_null(crypto_provider_by_name(""));
}

static void test_algo_table(void **state)
{
	const struct algo *algo = algo_by_name(ALGO_CLASS_AEAD, "rfc4106(gcm(aes))");

	(void)state;
	assert_non_null(algo);
	assert_ptr_equal(algo, algo_by_id(ALGO_AES_GCM));
	assert_true(algo_length_allowed(algo->key_bytes, 16) && algo_length_allowed(algo->key_bytes, 24) &&
		    algo_length_allowed(algo->key_bytes, 32));
	assert_false(algo_length_allowed(algo->key_bytes, 20) || algo_length_allowed(algo->key_bytes, 0));
	assert_true(algo_length_allowed(algo->icv_bytes, 8) && algo_length_allowed(algo->icv_bytes, 12) &&
		    algo_length_allowed(algo->icv_bytes, 16));
	assert_false(algo_length_allowed(algo->icv_bytes, 10) || algo_length_allowed(algo->icv_bytes, 0));
	assert_null(algo_by_name(ALGO_CLASS_ENC, "rfc4106(gcm(aes))"));
	assert_null(algo_by_name(ALGO_CLASS_AEAD, "rfc4106(gcm(aes)"));
	assert_null(algo_by_id(ALGO_NONE));
	assert_null(algo_by_id(ALGO_END));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_algorithm),
		cmocka_unit_test(test_by_name),
		cmocka_unit_test(test_algo_table),
	};

	return cmocka_run_group_tests_name("crypto", tests, crypto_rig_setup, crypto_rig_teardown);
}
