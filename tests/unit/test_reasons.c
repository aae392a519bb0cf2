/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reasons: numbers and names that were published once stay as they are; every row is complete.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/reasons.h"

/* Counters in dashboards and scripts go by these. Add a row for a new reason; never change one. */
static const struct {
	unsigned int number;
	const char *name;
	enum reason_exit exit;
} published[] = {
	{1, "to_engine", REASON_EXIT_ENGINE},
	{2, "disabled", REASON_EXIT_PASSED},
	{3, "not_ip", REASON_EXIT_PASSED},
	{4, "vlan_depth", REASON_EXIT_PASSED},
	{5, "not_ipsec", REASON_EXIT_PASSED},
	{6, "truncated", REASON_EXIT_PASSED},
	{7, "ip_header", REASON_EXIT_PASSED},
	{8, "ip_length", REASON_EXIT_PASSED},
	{9, "ip_checksum", REASON_EXIT_PASSED},
	{10, "ip_options", REASON_EXIT_PASSED},
	{11, "fragment", REASON_EXIT_PASSED},
	{12, "ipv6_ext", REASON_EXIT_PASSED},
	{13, "udp_length", REASON_EXIT_PASSED},
	{14, "no_parser", REASON_EXIT_PASSED},
	{15, "udp_checksum", REASON_EXIT_PASSED},
	{16, "keepalive", REASON_EXIT_CONSUMED},
	{17, "keepalive_passed", REASON_EXIT_PASSED},
	{18, "ike", REASON_EXIT_PASSED},
	{19, "esp_short", REASON_EXIT_PASSED},
	{20, "no_sa", REASON_EXIT_PASSED},
	{21, "parser_mismatch", REASON_EXIT_PASSED},
	{22, "no_socket", REASON_EXIT_PASSED},
	{23, "no_meta", REASON_EXIT_PASSED},
	{24, "too_long", REASON_EXIT_PASSED},
	{25, "keepalive_foreign", REASON_EXIT_PASSED},
	{26, "from_inside", REASON_EXIT_ENGINE},
	{64, "delivered", REASON_EXIT_DELIVERED},
	{65, "bad_meta", REASON_EXIT_DROPPED},
	{66, "sa_gone", REASON_EXIT_DROPPED},
	{67, "syntax", REASON_EXIT_DROPPED},
	{68, "seq_zero", REASON_EXIT_DROPPED},
	{69, "replay_old", REASON_EXIT_DROPPED},
	{70, "replay_duplicate", REASON_EXIT_DROPPED},
	{71, "auth_failed", REASON_EXIT_DROPPED},
	{72, "crypto_error", REASON_EXIT_DROPPED},
	{73, "pad_length", REASON_EXIT_DROPPED},
	{74, "pad_bytes", REASON_EXIT_DROPPED},
	{75, "next_header", REASON_EXIT_DROPPED},
	{76, "inner_header", REASON_EXIT_DROPPED},
	{77, "dummy", REASON_EXIT_CONSUMED},
	{78, "selector", REASON_EXIT_DROPPED},
	{79, "ecn", REASON_EXIT_DROPPED},
	{80, "sink_full", REASON_EXIT_DROPPED},
	{81, "sink_error", REASON_EXIT_DROPPED},
	{82, "handoff_full", REASON_EXIT_DROPPED},
	{83, "expired", REASON_EXIT_DROPPED},
	{84, "nested_udp", REASON_EXIT_DELIVERED},
	{85, "no_buffer", REASON_EXIT_DROPPED},
	{86, "forwarded", REASON_EXIT_DELIVERED},
	{120, "send_refused", REASON_EXIT_REFUSED},
	{121, "sent", REASON_EXIT_SENT},
	{122, "send_too_big", REASON_EXIT_REFUSED},
	{123, "send_no_route", REASON_EXIT_REFUSED},
	{124, "send_waited", REASON_EXIT_DROPPED},
	{125, "send_ended", REASON_EXIT_REFUSED},
	{126, "send_failed", REASON_EXIT_DROPPED},
	{127, "send_malformed", REASON_EXIT_DROPPED},
};

static void test_published(void **state)
{
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(published); i++) {
		const struct reason_info *info = reason_info(published[i].number);

		assert_non_null(info);
		assert_string_equal(info->name, published[i].name);
		assert_int_equal(info->exit, published[i].exit);
	}
	for (unsigned int number = 0; number < XESP_REASON_END; number++)
		count += reason_info(number) != NULL;
	assert_int_equal(count, ARRAY_SIZE(published));
}

static void test_not_a_reason(void **state)
{
	(void)state;
	assert_null(reason_info(XESP_REASON_NONE));
	assert_null(reason_info(63));
	assert_null(reason_info(XESP_REASON_END));
	assert_null(reason_info(~0u));
}

/* Names are parts of metrics' names, so a small alphabet; no two reasons share one. */
static void test_rows_complete(void **state)
{
	(void)state;
	for (unsigned int number = 0; number < XESP_REASON_END; number++) {
		const struct reason_info *info = reason_info(number);

		if (!info)
			continue;
		assert_true(strlen(info->text) > 5);
		for (const char *at = info->name; *at; at++)
			assert_true(islower((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '_');
		for (unsigned int other = 0; other < number; other++)
			assert_true(!reason_info(other) || strcmp(reason_info(other)->name, info->name) != 0);
	}
}

static void test_exit_names(void **state)
{
	(void)state;
	assert_string_equal(reason_exit_name(REASON_EXIT_PASSED), "passed");
	assert_string_equal(reason_exit_name(REASON_EXIT_CONSUMED), "consumed");
	assert_string_equal(reason_exit_name(REASON_EXIT_ENGINE), "to engine");
	assert_string_equal(reason_exit_name(REASON_EXIT_DELIVERED), "delivered");
	assert_string_equal(reason_exit_name(REASON_EXIT_DROPPED), "dropped");
	assert_string_equal(reason_exit_name(REASON_EXIT_NONE), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_not_a_reason),
		cmocka_unit_test(test_rows_complete),
		cmocka_unit_test(test_exit_names),
	};

	return cmocka_run_group_tests_name("reasons", tests, NULL, NULL);
}
