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

static void assert_valid(const struct sa_params *params)
{
	struct field_error error = {"untouched", "", "", NULL};

	if (validate_sa(params, &error) != 0)
		fail_msg("%s '%s': %s", error.field, error.value, error.rule);
	assert_string_equal(error.field, "untouched");
}

static void assert_refused(const struct sa_params *params, const char *field, const char *value)
{
	struct field_error error = {"", "", "", NULL};

	assert_int_equal(validate_sa(params, &error), -EINVAL);
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

	assert_int_equal(validate_sa(params, &error), -EOPNOTSUPP);
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

static void test_key_lengths(void **state)
{
	(void)state;
	for (unsigned int bytes = 0; bytes <= UINT8_MAX; bytes++) {
		struct sa_params params = sample_plain();

		params.key_bytes = (uint8_t)bytes;
		if (bytes == 20 || bytes == 28 || bytes == 36)
			assert_valid(&params);
		else
			assert_refused(&params, "key", "(hidden)");
	}
}

static void test_algorithm(void **state)
{
	struct sa_params params = sample_plain();

	(void)state;
	params.cipher = ALGO_NONE;
	assert_refused(&params, "aead", "none");
	params.cipher = ALGO_END;
	assert_refused(&params, "aead", "none");
	params = sample_plain();
	params.icv_bytes = 0;
	assert_refused(&params, "icv", "0");
	params.icv_bytes = 15;
	assert_refused(&params, "icv", "120");
	params.icv_bytes = 12; /* right, but not here */
	assert_unsupported(&params, "icv", "96", "icv_bits");
	params.icv_bytes = 17;
	assert_refused(&params, "icv", "136");
}

static void test_mode_and_flags(void **state)
{
	struct sa_params params = sample_plain();

	(void)state;
	params.mode = (enum sa_mode)4;
	assert_refused(&params, "mode", "4");
	params = sample_plain();
	params.flags = 1u << 4;
	assert_refused(&params, "flag", "0x10");
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
		assert_int_equal(validate_sa(&params, &error), -EINVAL);
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
		cmocka_unit_test(test_key_lengths),
		cmocka_unit_test(test_algorithm),
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
