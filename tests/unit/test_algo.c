/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of algorithms against a second list of what the RFCs and the kernel say, written by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "control/algo.h"
#include "control/sa_params.h"

struct expected {
	enum algo_id id;
	enum algo_class class;
	const char *name;
	const char *alias;
	const char *keys, *icvs; /* lengths as bytes of a string, which ends with 0 as the lists do */
	uint8_t salt, iv, align;
	bool legacy;
};

static const struct expected all[] = {
	{ALGO_AES_GCM, ALGO_CLASS_AEAD, "rfc4106(gcm(aes))", NULL, "\20\30\40", "\10\14\20", 4, 8, 4, false},
	{ALGO_AES_GCM_IIV, ALGO_CLASS_AEAD, "rfc8750(gcm(aes))", NULL, "\20\30\40", "\20", 4, 0, 4, false},
	{ALGO_AES_CCM, ALGO_CLASS_AEAD, "rfc4309(ccm(aes))", NULL, "\20\40", "\10\14\20", 3, 8, 4, false},
	{ALGO_AES_CCM_IIV, ALGO_CLASS_AEAD, "rfc8750(ccm(aes))", NULL, "\20\40", "\10", 3, 0, 4, false},
	{ALGO_CHACHA20_POLY1305, ALGO_CLASS_AEAD, "rfc7539esp(chacha20,poly1305)", NULL, "\40", "\20", 4, 8,
	 4, false},
	{ALGO_CHACHA20_POLY1305_IIV, ALGO_CLASS_AEAD, "rfc8750(chacha20,poly1305)", NULL, "\40", "\20", 4, 0,
	 4, false},
	{ALGO_AES_GMAC, ALGO_CLASS_AEAD, "rfc4543(gcm(aes))", NULL, "\20\30\40", "\20", 4, 8, 4, false},
	{ALGO_AES_CBC, ALGO_CLASS_ENC, "cbc(aes)", "aes", "\20\30\40", "", 0, 16, 16, false},
	{ALGO_AES_CTR, ALGO_CLASS_ENC, "rfc3686(ctr(aes))", NULL, "\20\30\40", "", 4, 8, 4, false},
	{ALGO_NULL, ALGO_CLASS_ENC, "ecb(cipher_null)", "cipher_null", "", "", 0, 0, 4, false},
	{ALGO_3DES_CBC, ALGO_CLASS_ENC, "cbc(des3_ede)", "des3_ede", "\30", "", 0, 8, 8, true},
	{ALGO_DES_CBC, ALGO_CLASS_ENC, "cbc(des)", "des", "\10", "", 0, 8, 8, true},
	{ALGO_HMAC_SHA1, ALGO_CLASS_AUTH, "hmac(sha1)", "sha1", "\24", "\14", 0, 0, 0, false},
	{ALGO_HMAC_SHA256, ALGO_CLASS_AUTH, "hmac(sha256)", "sha256", "\40", "\20", 0, 0, 0, false},
	{ALGO_HMAC_SHA384, ALGO_CLASS_AUTH, "hmac(sha384)", NULL, "\60", "\30", 0, 0, 0, false},
	{ALGO_HMAC_SHA512, ALGO_CLASS_AUTH, "hmac(sha512)", NULL, "\100", "\40", 0, 0, 0, false},
	{ALGO_AES_XCBC, ALGO_CLASS_AUTH, "xcbc(aes)", NULL, "\20", "\14", 0, 0, 0, false},
	{ALGO_AES_CMAC, ALGO_CLASS_AUTH, "cmac(aes)", NULL, "\20", "\14", 0, 0, 0, false},
	{ALGO_HMAC_MD5, ALGO_CLASS_AUTH, "hmac(md5)", "md5", "\20", "\14", 0, 0, 0, true},
};

static void test_rows(void **state)
{
	(void)state;
	assert_null(algo_at(ARRAY_SIZE(all)));
	assert_int_equal(ARRAY_SIZE(all), ALGO_END - 1);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const struct algo *algo = algo_by_id(all[i].id);

		assert_non_null(algo);
		assert_int_equal(algo->class, all[i].class);
		assert_string_equal(algo->xfrm_name, all[i].name);
		assert_string_equal((const char *)algo->key_bytes, all[i].keys);
		assert_string_equal((const char *)algo->icv_bytes, all[i].icvs);
		assert_int_equal(algo->salt_bytes, all[i].salt);
		assert_int_equal(algo->iv_bytes, all[i].iv);
		assert_int_equal(algo->align_bytes, all[i].align);
		assert_int_equal(algo->legacy, all[i].legacy);
		assert_non_null(algo->rfc);
	}
}

static void test_names(void **state)
{
	static const enum algo_class classes[] = {ALGO_CLASS_AEAD, ALGO_CLASS_ENC, ALGO_CLASS_AUTH};
	static const char *const unknown[] = {"",	 "gcm(aes)", "AES", "cbc(camellia)", "digest_null",
					      "ctr(aes)"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(all); j++) {
			const struct algo *algo = classes[i] == all[j].class ? algo_by_id(all[j].id) : NULL;

			assert_ptr_equal(algo_by_name(classes[i], all[j].name), algo);
			if (all[j].alias)
				assert_ptr_equal(algo_by_name(classes[i], all[j].alias), algo);
		}
		for (size_t j = 0; j < ARRAY_SIZE(unknown); j++)
			assert_null(algo_by_name(classes[i], unknown[j]));
	}
	assert_null(algo_by_id(ALGO_NONE));
	assert_null(algo_by_id(ALGO_END));
}

/* Every key fits the request, and every length of 0 to 300 is allowed or not as the list says. */
static void test_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const struct algo *algo = algo_by_id(all[i].id);

		for (size_t bytes = 0; bytes <= 300; bytes++) {
			bool allowed = bytes == 0 && !*all[i].keys;

			for (const char *length = all[i].keys; *length; length++)
				allowed |= bytes == (size_t)*length + all[i].salt;
			assert_int_equal(algo_key_allowed(algo, bytes), allowed);
			if (allowed)
				assert_true(bytes <= (all[i].class == ALGO_CLASS_AUTH ? XESP_AUTH_KEY_MAX
										      : XESP_KEY_MAX));
		}
		assert_true(algo_usable(algo, true));
		assert_int_equal(algo_usable(algo, false), !all[i].legacy);
	}
}

/* Truncations: an ICV is never longer than the function's result, and `auth` means the kernel's. */
static void test_integrity(void **state)
{
	static const uint8_t full[] = {20, 32, 48, 64, 16, 16, 16}, kernel[] = {12, 12, 24, 32, 12, 12, 12};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(full); i++) {
		const struct algo *algo = algo_by_id((enum algo_id)(ALGO_HMAC_SHA1 + i));

		assert_int_equal(algo->icv_full_bytes, full[i]);
		assert_int_equal(algo->icv_xfrm_bytes, kernel[i]);
		assert_true(algo->icv_bytes[0] <= full[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_integrity),
	};

	return cmocka_run_group_tests_name("algo", tests, NULL, NULL);
}
