/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of requests: valid SAs pass, and each single violation is refused with the field that has it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "control/validate.h"
#include "tests/unit/sa_sample.h"

/* The switch that the checks below are made with. */
static bool legacy_on;

static int switch_on(void **state)
{
	(void)state;
	legacy_on = true;
	return 0;
}

static int switch_off(void **state)
{
	(void)state;
	legacy_on = false;
	return 0;
}

static void assert_valid(const struct sa_params *params)
{
	struct field_error error = {"untouched", "", "", NULL};

	if (validate_sa(params, legacy_on, &error) != 0)
		fail_msg("%s '%s': %s", error.field, error.value, error.rule);
	assert_string_equal(error.field, "untouched");
}

static void assert_refused(const struct sa_params *params, const char *field, const char *value)
{
	struct field_error error = {"", "", "", NULL};

	assert_int_equal(validate_sa(params, legacy_on, &error), -EINVAL);
	assert_string_equal(error.field, field);
	assert_string_equal(error.value, value);
	assert_null(error.capability);
	assert_true(strlen(error.rule) > 10);
}

/* No mistake, but beyond xesp: names the capability. */
static void assert_unsupported(const struct sa_params *params, const char *field, const char *value,
			       const char *capability)
{
	struct field_error error = {"", "", "", NULL};

	assert_int_equal(validate_sa(params, legacy_on, &error), -EOPNOTSUPP);
	assert_string_equal(error.field, field);
	assert_string_equal(error.value, value);
	assert_string_equal(error.capability, capability);
}

static void test_samples_valid(void **state)
{
	struct sa_params params = sample_full();

	(void)state;
	assert_valid(&params);
	params = sample_plain();
	assert_valid(&params);
}

static void test_spi(void **state)
{
	struct sa_params params = sample_plain();

	(void)state;
	params.spi = 0;
	assert_refused(&params, "spi", "0x00000000");
	params.spi = 1;
	assert_refused(&params, "spi", "0x00000001");
	params.spi = 255;
	assert_refused(&params, "spi", "0x000000ff");
	params.spi = 256;
	assert_valid(&params);
	params.spi = UINT32_MAX;
	assert_valid(&params);
}

static void test_addresses(void **state)
{
	static const char *const bad[] = {
		"0.0.0.0", "::", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "ff02::1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sa_params params = sample_plain();

		params.dst = sample_addr(bad[i]);
		assert_refused(&params, "dst", bad[i]);
		params.dst = sample_addr(params.dst.family == AF_INET ? "192.0.2.1" : "2001:db8::1");
		params.src = sample_addr(bad[i]);
		assert_refused(&params, "src", bad[i]);
	}
}

static void test_address_families(void **state)
{
	struct sa_params params = sample_plain();

	(void)state;
	params.src = sample_addr("2001:db8::1");
	assert_refused(&params, "src", "2001:db8::1");
	params.src = sample_addr("223.255.255.255");
	assert_valid(&params);
	params.dst = (struct ip_addr){0};
	assert_refused(&params, "dst", "none");
	params.dst.family = 99;
	assert_refused(&params, "dst", "none");
}

static bool listed(const uint8_t *list, unsigned int number)
{
	for (; *list; list++) {
		if (*list == number)
			return true;
	}
	return false;
}

/* Every length of each key of every suite. */
static void test_key_lengths(void **state)
{
	enum algo_id cipher_id, auth_id;

	(void)state;
	for (size_t i = 0; sample_suite_at(i, &cipher_id, &auth_id); i++) {
		const struct algo *cipher = algo_by_id(cipher_id), *auth = algo_by_id(auth_id);

		for (unsigned int bytes = 0; bytes <= UINT8_MAX; bytes++) {
			struct sa_params params = sample_suite(cipher_id, auth_id);
			bool good = bytes >= cipher->salt_bytes &&
				    listed(cipher->key_bytes, bytes - cipher->salt_bytes);

			params.key_bytes = (uint8_t)bytes;
			if (good || (cipher_id == ALGO_NULL && bytes == 0))
				assert_valid(&params);
			else if (cipher_id == ALGO_AES_CCM && bytes == 24 + 3) /* RFC 4309, but not here */
				assert_unsupported(&params, "key", "(hidden)", "key_bits");
			else
				assert_refused(&params, "key", "(hidden)");
			if (!auth)
				continue;
			params = sample_suite(cipher_id, auth_id);
			params.auth_key_bytes = (uint8_t)bytes;
			if (listed(auth->key_bytes, bytes))
				assert_valid(&params);
			else
				assert_refused(&params, "auth key", "(hidden)");
		}
	}
}

/* Every length of the ICV. Kernels truncate the result of a hash as one likes: that is no mistake. */
static void test_icv_lengths(void **state)
{
	enum algo_id cipher_id, auth_id;

	(void)state;
	for (size_t i = 0; sample_suite_at(i, &cipher_id, &auth_id); i++) {
		const struct algo *algo = algo_by_id(auth_id ? auth_id : cipher_id);

		for (unsigned int bytes = 0; bytes <= UINT8_MAX; bytes++) {
			struct sa_params params = sample_suite(cipher_id, auth_id);
			char text[16];

			snprintf(text, sizeof(text), "%u", bytes * 8);
			params.icv_bytes = (uint8_t)bytes;
			if (listed(algo->icv_bytes, bytes))
				assert_valid(&params);
			else if (bytes && auth_id && bytes <= algo->icv_full_bytes)
				assert_unsupported(&params, "icv", text, "icv_bits");
			else
				assert_refused(&params, "icv", text);
		}
	}
}

static void test_suite(void **state)
{
	struct sa_params params = sample_plain();

	(void)state;
	params.cipher = ALGO_NONE;
	assert_refused(&params, "aead", "none");
	params.cipher = ALGO_END;
	assert_refused(&params, "aead", "none");
	params.cipher = ALGO_HMAC_SHA1;
	assert_refused(&params, "aead", "none");
	params = sample_suite(ALGO_AES_CBC, ALGO_HMAC_SHA1);
	params.cipher = ALGO_NONE; /* integrity alone names the NULL cipher */
	assert_refused(&params, "enc", "none");
	params = sample_suite(ALGO_AES_CBC, ALGO_HMAC_SHA1);
	params.cipher = ALGO_AES_GCM;
	assert_refused(&params, "auth", "hmac(sha1)");
	params = sample_plain();
	params.auth_key_bytes = 20;
	assert_refused(&params, "auth key", "(hidden)");
}

/* RFC 8221 section 4 */
static void test_encryption_alone(void **state)
{
	const struct algo *algo;

	(void)state;
	for (size_t row = 0; (algo = algo_at(row)); row++) {
		struct sa_params params;

		if (algo->class != ALGO_CLASS_ENC)
			continue;
		params = sample_suite(algo->id, ALGO_HMAC_SHA256);
		params.auth = ALGO_NONE;
		assert_unsupported(&params, "auth", "none", "auth");
		params.auth = ALGO_AES_CBC;
		assert_unsupported(&params, "auth", "none", "auth");
	}
}

static void test_legacy(void **state)
{
	enum algo_id cipher_id, auth_id;

	(void)state;
	for (size_t i = 0; sample_suite_at(i, &cipher_id, &auth_id); i++) {
		struct sa_params params = sample_suite(cipher_id, auth_id);

		if (cipher_id == ALGO_DES_CBC)
			assert_unsupported(&params, "enc", "cbc(des)", "legacy");
		else if (cipher_id == ALGO_3DES_CBC)
			assert_unsupported(&params, "enc", "cbc(des3_ede)", "legacy");
		else if (auth_id == ALGO_HMAC_MD5)
			assert_unsupported(&params, "auth", "hmac(md5)", "legacy");
		else
			assert_valid(&params);
	}
	legacy_on = true;
	for (size_t i = 0; sample_suite_at(i, &cipher_id, &auth_id); i++) {
		struct sa_params params = sample_suite(cipher_id, auth_id);

		assert_valid(&params);
	}
}

/* RFC 2451 section 2.3: K1 = K2 or K2 = K3, whatever their parity bits. */
static void test_3des_that_is_des(void **state)
{
	struct sa_params params = sample_suite(ALGO_3DES_CBC, ALGO_HMAC_SHA1);

	(void)state;
	memcpy(params.key + 16, params.key, 8); /* K1 = K3 is 3DES with two keys */
	assert_valid(&params);
	for (size_t at = 0; at <= 8; at += 8) {
		params = sample_suite(ALGO_3DES_CBC, ALGO_HMAC_SHA1);
		memcpy(params.key + at, params.key + 8 + at, 8);
		assert_refused(&params, "key", "(hidden)");
		params.key[at + 3] ^= 1;
		assert_refused(&params, "key", "(hidden)");
		params.key[at + 3] ^= 2;
		assert_valid(&params);
	}
}

/* The inner addresses of BEET are those of the selector: one each, of any family. */
static void test_beet(void **state)
{
	static const struct {
		const char *src, *dst, *field;
	} bad[] = {
		{"10.1.0.0/24", "10.2.0.1", "sel src"}, {"10.1.0.1", "10.2.0.0/31", "sel dst"},
		{"0.0.0.0", "10.2.0.1", "sel src"},	{"10.1.0.1", "224.0.0.1", "sel dst"},
		{"2001:db8::/127", "::1", "sel src"},	{"2001:db8::1", "ff02::1", "sel dst"},
		{"2001:db8::1", "10.2.0.1", "sel dst"},
	};
	struct sa_params params = sample_plain();

	(void)state;
	params.mode = SA_MODE_BEET;
	assert_refused(&params, "sel src", "any");
	params.selector.src = sample_prefix("10.1.0.1");
	assert_refused(&params, "sel dst", "any");
	params.selector.dst = sample_prefix("10.2.0.1");
	assert_valid(&params);
	params.selector.protocol = 6;
	params.selector.dport = 22;
	assert_valid(&params);
	params.selector.src = sample_prefix("2001:db8::1");
	params.selector.dst = sample_prefix("2001:db8::2");
	assert_valid(&params);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *shown = strcmp(bad[i].field, "sel src") ? bad[i].dst : bad[i].src;
		char text[IP_PREFIX_TEXT_MAX];
		struct ip_prefix prefix = sample_prefix(shown);

		params.selector.src = sample_prefix(bad[i].src);
		params.selector.dst = sample_prefix(bad[i].dst);
		assert_refused(&params, bad[i].field, ip_prefix_format(&prefix, text));
	}
}

static void test_mode_and_flags(void **state)
{
	struct sa_params params = sample_plain();

	(void)state;
	params.mode = (enum sa_mode)2; /* XFRM_MODE_ROUTEOPTIMIZATION */
	assert_refused(&params, "mode", "2");
	params.mode = (enum sa_mode)5;
	assert_refused(&params, "mode", "5");
	params = sample_plain();
	params.flags = 1u << 7;
	assert_refused(&params, "flag", "0x80");
	params.flags = 1u << 31;
	assert_refused(&params, "flag", "0x80000000");
	params = sample_plain();
	params.mode = SA_MODE_TRANSPORT;
	assert_valid(&params);
}

static void test_replay(void **state)
{
	static const uint32_t good[] = {0, 32, 33, 64, 65535, 65536}, bad[] = {1, 31, 65537, UINT32_MAX};
	struct sa_params params = sample_plain();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		params.replay_window = good[i];
		assert_valid(&params);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[16];

		snprintf(text, sizeof(text), "%u", bad[i]);
		params.replay_window = bad[i];
		assert_unsupported(&params, "replay-window", text, "replay_window");
	}
	params.replay_window = 0;
	params.flags = SA_FLAG_ESN;
	assert_refused(&params, "replay-window", "0");
	params.replay_window = 64;
	params.replay_seq = 1ull << 32;
	assert_valid(&params);
	params.flags = 0;
	assert_refused(&params, "replay-seq-hi", "4294967296");
	params.replay_seq = UINT32_MAX;
	assert_valid(&params);
	params.flags = SA_FLAG_ESN;
	params.replay_seq = 1ull << 63;
	assert_refused(&params, "replay-seq-hi", "9223372036854775808");
}

static void test_encap(void **state)
{
	struct sa_params params = sample_full();

	(void)state;
	params.encap.sport = 0;
	assert_valid(&params);
	params.encap.dport = 0;
	assert_refused(&params, "encap dport", "0");
	params.encap.present = false;
	assert_valid(&params);
	params = sample_full();
	params.encap.type = XESP_ENCAP_TYPES;
	assert_refused(&params, "encap", "2");
	params = sample_full();
	params.encap.original_src = sample_addr("10.0.0.1");
	assert_refused(&params, "encap oaddr", "10.0.0.1");
	params = sample_full();
	params.encap.original_dst = sample_addr("10.0.0.2");
	assert_refused(&params, "encap oa-dst", "10.0.0.2");
}

static void test_selector_addresses(void **state)
{
	struct sa_params params = sample_full();

	(void)state;
	params.selector.dst = sample_prefix("2001:db8::/32");
	assert_refused(&params, "sel dst", "2001:db8::/32");
	params.selector.src = (struct ip_prefix){0};
	assert_valid(&params);
	params = sample_full();
	params.selector.src.length = 33;
	assert_refused(&params, "sel src", "10.1.0.0/33");
	params = sample_full();
	params.selector.dst = (struct ip_prefix){.length = 1};
	assert_refused(&params, "sel dst", "any");
	/* Inner IPv4 in outer IPv6 needs tunnel mode. */
	params = sample_full();
	params.mode = SA_MODE_TRANSPORT;
	assert_refused(&params, "sel src", "10.1.0.0/16");
	params.selector.src = sample_prefix("2001:db8::1");
	params.selector.dst = (struct ip_prefix){0};
	assert_valid(&params);
}

static void test_selector_ports(void **state)
{
	(void)state;
	for (unsigned int protocol = 0; protocol <= UINT8_MAX; protocol++) {
		struct sa_params params = sample_plain();
		bool ports = protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 ||
			     protocol == 136;

		params.selector.protocol = (uint8_t)protocol;
		assert_valid(&params);
		params.selector.dport = 4500;
		if (ports)
			assert_valid(&params);
		else
			assert_refused(&params, "sel dport", "4500");
		params.selector.sport = 53;
		if (ports)
			assert_valid(&params);
		else
			assert_refused(&params, "sel sport", "53");
	}
}

static void test_dev(void **state)
{
	static const char *const good[] = {"", "lo", "eth0.4094", "abcdefghijklmno", "...", "a-b_c@d"};
	static const char *const bad[] = {".", "..", "a/b", "a b", "eth0:1", "a\tb", "\x1b[31m", "\xc3\xa4"};
	struct sa_params params = sample_plain();
	struct field_error error;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		strcpy(params.dev, good[i]);
		assert_valid(&params);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		strcpy(params.dev, bad[i]);
		assert_int_equal(validate_sa(&params, false, &error), -EINVAL);
		assert_string_equal(error.field, "dev");
		for (const char *at = error.value; *at; at++)
			assert_in_range(*at, ' ', '~');
	}
	memset(params.dev, 'a', sizeof(params.dev)); /* no NUL */
	assert_refused(&params, "dev", "aaaaaaaaaaaaaaaa");
}

static void test_error_texts_are_cut(void **state)
{
	struct field_error error;
	char text[4096];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	field_error_set(&error, text, text, "%s", text);
	assert_int_equal(strlen(error.field), sizeof(error.field) - 1);
	assert_int_equal(strlen(error.value), sizeof(error.value) - 1);
	assert_int_equal(strlen(error.rule), sizeof(error.rule) - 1);
	field_error_set(&error, "a\nb", "\xff\x01", "%d", 7);
	assert_string_equal(error.field, "a?b");
	assert_string_equal(error.value, "??");
	assert_string_equal(error.rule, "7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_valid),
		cmocka_unit_test(test_spi),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_address_families),
		cmocka_unit_test_setup_teardown(test_key_lengths, switch_on, switch_off),
		cmocka_unit_test_setup_teardown(test_icv_lengths, switch_on, switch_off),
		cmocka_unit_test(test_suite),
		cmocka_unit_test_setup_teardown(test_encryption_alone, switch_on, switch_off),
		cmocka_unit_test_teardown(test_legacy, switch_off),
		cmocka_unit_test_setup_teardown(test_3des_that_is_des, switch_on, switch_off),
		cmocka_unit_test(test_beet),
		cmocka_unit_test(test_mode_and_flags),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_encap),
		cmocka_unit_test(test_selector_addresses),
		cmocka_unit_test(test_selector_ports),
		cmocka_unit_test(test_dev),
		cmocka_unit_test(test_error_texts_are_cut),
	};

	return cmocka_run_group_tests_name("validate", tests, NULL, NULL);
}
