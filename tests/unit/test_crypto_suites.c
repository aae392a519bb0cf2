/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every suite by both crypto providers, against each other and against sealing that has nothing of the code
 * under test; and every key length that no suite has.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/crypto_rig.h"

/* 88 of them: a table that lost rows would make the tests below pass. */
static void test_suites(void **state)
{
	(void)state;
	assert_int_equal(suites_count(), 9 + 3 + 6 + 2 + 1 + 1 + 3 + (3 + 3 + 1 + 1 + 1) * 7);
}

static void test_all_suites(void **state)
{
	crypto_rig_check_suites(*state, false, CRYPTO_RIG_TEXT_MAX, 20240229);
}

static void test_all_suites_esn(void **state)
{
	crypto_rig_check_suites(*state, true, CRYPTO_RIG_TEXT_MAX, 4303);
}

static void refuse(const struct crypto_rig *rig, const struct crypto_suite *given, const char *what)
{
	for (size_t which = 0; which < CRYPTO_RIG_PROVIDERS; which++) {
		struct crypto_key *key = (struct crypto_key *)&given;

		if (!rig->ctx[which])
			continue;
		if (crypto_rig_providers[which]->key_new(rig->ctx[which], given, &key) != -EOPNOTSUPP ||
		    key != (struct crypto_key *)&given)
			fail_msg("%s accepts %s", crypto_rig_providers[which]->name, what);
	}
}

/* Of an SA that works, everything that does not. */
static void refuse_variants(const struct crypto_rig *rig, const struct crypto_rig_sa *sa, const char *name)
{
	const struct crypto_suite good = crypto_rig_suite(sa);
	struct crypto_suite given = good;

	for (given.key_bytes = 0; given.key_bytes <= 300; given.key_bytes++)
		if (given.key_bytes == 0 ||
		    !algo_length_allowed(good.cipher->key_bytes,
					 (unsigned int)(given.key_bytes - good.cipher->salt_bytes)))
			if (given.key_bytes != good.key_bytes)
				refuse(rig, &given, name);
	given = good;
	for (unsigned int icv = 0; icv <= UINT8_MAX; icv++) {
		given.icv_bytes = (uint8_t)icv;
		if (!algo_length_allowed(good.auth ? good.auth->icv_bytes : good.cipher->icv_bytes, icv))
			refuse(rig, &given, name);
	}
	given = good;
	/* A cipher without integrity, an AEAD with more of it, and two ciphers. */
	given.auth = good.auth ? NULL : algo_by_id(ALGO_HMAC_SHA1);
	given.icv_bytes = good.auth ? good.icv_bytes : 12;
	given.auth_key_bytes = 20;
	refuse(rig, &given, name);
	given.auth = good.cipher;
	refuse(rig, &given, name);
	given = good;
	for (given.auth_key_bytes = 0; good.auth && given.auth_key_bytes <= 300; given.auth_key_bytes++)
		if (!algo_length_allowed(good.auth->key_bytes, (unsigned int)given.auth_key_bytes))
			refuse(rig, &given, name);
	given = good;
	given.cipher = algo_by_id(ALGO_HMAC_SHA256);
	refuse(rig, &given, name);
}

static void test_refused(void **state)
{
	struct crypto_rig *rig = *state;
	struct crypto_rig_sa sa;
	struct suite suite;
	uint64_t seed = 3;

	for (size_t i = 0; suites_at(i, &suite); i++) {
		char name[SUITE_NAME_MAX];

		crypto_rig_sa_init(rig, &sa, &suite, false, &seed);
		refuse_variants(rig, &sa, suites_name(&suite, name));
		crypto_rig_sa_free(rig, &sa);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_all_suites),
		cmocka_unit_test(test_all_suites_esn),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("crypto_suites", tests, crypto_rig_setup, crypto_rig_teardown);
}
