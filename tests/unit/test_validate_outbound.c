/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of requests for outbound SAs: what an inbound one may leave open, and what only an outbound one has.
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
	struct field_error error = {"", "", "", NULL};

	if (validate_sa(params, false, &error) != 0)
		fail_msg("%s '%s': %s", error.field, error.value, error.rule);
}

static void assert_refused(const struct sa_params *params, const char *field, const char *value)
{
	struct field_error error = {"", "", "", NULL};

	assert_int_equal(validate_sa(params, false, &error), -EINVAL);
	assert_string_equal(error.field, field);
	assert_string_equal(error.value, value);
	assert_null(error.capability);
}

static void test_outbound(void **state)
{
	struct sa_params params = sample_plain();

	(void)state;
	params.dir = SA_DIR_OUT;
	params.src = (struct ip_addr){0};
	assert_refused(&params, "src", "");
	assert_int_equal(ip_addr_parse("192.0.2.9", &params.src), 0);
	assert_valid(&params);
	params.replay_window = 7;
	params.flags = SA_FLAG_ESN | SA_FLAG_NO_PMTU_DISC | SA_FLAG_NO_ENCAP_DSCP;
	assert_valid(&params);
	params.flags |= SA_FLAG_FOLLOW;
	params.reqid = 0;
	assert_refused(&params, "flag", "follow");
	params.reqid = 1;
	assert_valid(&params);
	params.encap = (struct sa_encap){.present = true, .type = XESP_ENCAP_RFC3948, .dport = 4500};
	assert_refused(&params, "encap sport", "0");
	params.encap.sport = 4500;
	params.encap.dport = 0;
	assert_refused(&params, "encap dport", "0");
	params.encap.dport = 1;
	assert_valid(&params);
	params.flags = 0;
	params.send_seq = UINT32_MAX - 1;
	assert_valid(&params);
	params.send_seq = UINT32_MAX;
	assert_refused(&params, "replay-oseq", "4294967295");
	params.flags = SA_FLAG_ESN;
	assert_valid(&params);
	params.send_seq = INT64_MAX;
	assert_refused(&params, "replay-oseq", "9223372036854775807");
	params.send_seq = 0;
	params.tfc_pad = 9000;
	assert_valid(&params);
	params.tfc_pad = 9001;
	assert_refused(&params, "tfcpad", "9001");
}

static void test_dummies(void **state)
{
	const enum sa_mode modes[] = {SA_MODE_TUNNEL, SA_MODE_TRANSPORT, SA_MODE_BEET};
	struct sa_params params = sample_plain();

	(void)state;
	assert_int_equal(ip_addr_parse("192.0.2.9", &params.src), 0);
	params.selector.src = params.selector.dst = (struct ip_prefix){params.src, 32};
	params.dummy_ms = 10;
	assert_refused(&params, "dummy-interval", "10");
	params.dir = SA_DIR_OUT;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		params.mode = modes[i];
		assert_valid(&params);
	}
	params.dummy_ms = 9;
	assert_refused(&params, "dummy-interval", "9");
	params.dummy_ms = 86400000;
	assert_valid(&params);
	params.dummy_ms = 86400001;
	assert_refused(&params, "dummy-interval", "86400001");
}

/* An implicit IV is the number: where it begins is for the request to say. */
static void test_implicit_iv(void **state)
{
	static const enum algo_id ids[] = {ALGO_AES_GCM_IIV, ALGO_AES_CCM_IIV, ALGO_CHACHA20_POLY1305_IIV};
	struct sa_params params = sample_plain();

	(void)state;
	params.dir = SA_DIR_OUT;
	assert_int_equal(ip_addr_parse("192.0.2.9", &params.src), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct algo *algo = algo_by_id(ids[i]);

		params.cipher = ids[i];
		params.key_bytes = (uint8_t)(algo->key_bytes[0] + algo->salt_bytes);
		params.icv_bytes = algo->icv_bytes[0];
		params.send_seq_given = false;
		assert_refused(&params, "replay-oseq", "(none)");
		params.send_seq_given = true;
		assert_valid(&params);
		/* Opening, the peer's numbers are what they are. */
		params.send_seq_given = false;
		params.dir = SA_DIR_IN;
		assert_valid(&params);
		params.dir = SA_DIR_OUT;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_outbound), cmocka_unit_test(test_dummies),
					   cmocka_unit_test(test_implicit_iv)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
