/* SPDX-License-Identifier: BSD-2-Clause */
/* What an error about a packet that was too long is worth, and how long it is remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "control/path_mtu.h"

#define NONE 7777

static uint32_t judged(uint8_t family, uint32_t told, uint32_t packet_bytes, enum path_mtu_result expected)
{
	uint32_t mtu = NONE;

	assert_int_equal(path_mtu_judge(family, told, packet_bytes, &mtu), expected);
	return mtu;
}

static void test_told(void **state)
{
	(void)state;
	assert_int_equal(judged(AF_INET, 1300, 1500, PATH_MTU_LEARNED), 1300);
	assert_int_equal(judged(AF_INET, 1499, 1500, PATH_MTU_LEARNED), 1499);
	assert_int_equal(judged(AF_INET, 552, 1500, PATH_MTU_LEARNED), 552);
	assert_int_equal(judged(AF_INET, 551, 1500, PATH_MTU_TOO_SMALL), NONE);
	assert_int_equal(judged(AF_INET, 1, 1500, PATH_MTU_TOO_SMALL), NONE);
	assert_int_equal(judged(AF_INET6, 1280, 1500, PATH_MTU_LEARNED), 1280);
	assert_int_equal(judged(AF_INET6, 1279, 1500, PATH_MTU_TOO_SMALL), NONE);
	/* Only IPv4 has routers that tell nothing. */
	assert_int_equal(judged(AF_INET6, 0, 1500, PATH_MTU_TOO_SMALL), NONE);
}

/* The packet would have fitted. */
static void test_contradiction(void **state)
{
	(void)state;
	assert_int_equal(judged(AF_INET, 1500, 1500, PATH_MTU_MALFORMED), NONE);
	assert_int_equal(judged(AF_INET, 1501, 1500, PATH_MTU_MALFORMED), NONE);
	assert_int_equal(judged(AF_INET6, UINT32_MAX, 1500, PATH_MTU_MALFORMED), NONE);
	assert_int_equal(judged(AF_INET, 600, 600, PATH_MTU_MALFORMED), NONE);
	assert_int_equal(judged(AF_INET, 0, 0, PATH_MTU_MALFORMED), NONE);
}

/* RFC 1191 section 7.1. */
static void test_plateaus(void **state)
{
	static const uint32_t table[][2] = {{65535, 32000}, {9000, 8166}, {8166, 4352}, {1500, 1492},
					    {1492, 1006},   {1493, 1492}, {1007, 1006}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(judged(AF_INET, 0, table[i][0], PATH_MTU_LEARNED), table[i][1]);
	for (uint32_t bytes = 69; bytes <= 1006; bytes++)
		assert_int_equal(judged(AF_INET, 0, bytes, PATH_MTU_TOO_SMALL), NONE);
}

static void test_only_less_is_learned(void **state)
{
	struct path_mtu path = {0};

	(void)state;
	assert_int_equal(path_mtu_least(&path, 1500), 1500);
	assert_int_equal(path_mtu_learn(&path, 1500, 1500, 0), PATH_MTU_KNOWN);
	assert_int_equal(path_mtu_learn(&path, 1600, 1500, 0), PATH_MTU_KNOWN);
	assert_int_equal(path.mtu, 0);
	assert_int_equal(path_mtu_learn(&path, 1400, 1500, 0), PATH_MTU_LEARNED);
	assert_int_equal(path_mtu_least(&path, 1500), 1400);
	assert_int_equal(path_mtu_learn(&path, 1450, 1400, 0), PATH_MTU_KNOWN);
	assert_int_equal(path_mtu_learn(&path, 1300, 1400, 0), PATH_MTU_LEARNED);
	assert_int_equal(path_mtu_least(&path, 1500), 1300);
	/* What the kernel knows goes on to count. */
	assert_int_equal(path_mtu_least(&path, 1280), 1280);
	assert_int_equal(path_mtu_least(&path, 0), 1300);
}

/* Before the kernel has told of the way, anything is news. */
static void test_nothing_known(void **state)
{
	struct path_mtu path = {0};

	(void)state;
	assert_int_equal(path_mtu_learn(&path, 1400, 0, 0), PATH_MTU_LEARNED);
	assert_int_equal(path_mtu_least(&path, 0), 1400);
}

static void test_age(void **state)
{
	struct path_mtu path = {0};

	(void)state;
	assert_false(path_mtu_expire(&path, UINT64_MAX));
	path_mtu_learn(&path, 1400, 1500, 1000);
	assert_false(path_mtu_expire(&path, 1000 + PATH_MTU_EXPIRES_MS - 1));
	assert_int_equal(path.mtu, 1400);
	assert_true(path_mtu_expire(&path, 1000 + PATH_MTU_EXPIRES_MS));
	assert_int_equal(path_mtu_least(&path, 1500), 1500);
	assert_false(path_mtu_expire(&path, 1000 + PATH_MTU_EXPIRES_MS));
}

/* Told again, it counts from then on; another value does not keep it alive. */
static void test_told_again(void **state)
{
	struct path_mtu path = {0};

	(void)state;
	path_mtu_learn(&path, 1400, 1500, 0);
	assert_int_equal(path_mtu_learn(&path, 1400, 1400, 5000), PATH_MTU_KNOWN);
	assert_int_equal(path_mtu_learn(&path, 1450, 1400, 9000), PATH_MTU_KNOWN);
	assert_false(path_mtu_expire(&path, PATH_MTU_EXPIRES_MS));
	assert_false(path_mtu_expire(&path, PATH_MTU_EXPIRES_MS + 4999));
	assert_true(path_mtu_expire(&path, PATH_MTU_EXPIRES_MS + 5000));
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(path_mtu_result_name(PATH_MTU_LEARNED), "learned");
	assert_string_equal(path_mtu_result_name(PATH_MTU_BUSY), "busy");
	assert_null(path_mtu_result_name(PATH_MTU_RESULT_END));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),	      cmocka_unit_test(test_contradiction),
		cmocka_unit_test(test_plateaus),      cmocka_unit_test(test_only_less_is_learned),
		cmocka_unit_test(test_nothing_known), cmocka_unit_test(test_age),
		cmocka_unit_test(test_told_again),    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("path_mtu", tests, NULL, NULL);
}
