/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles as text: there and back, and what is none.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/handle.h"

static void test_there_and_back(void **state)
{
	static const uint32_t numbers[] = {0, 1, 9, 10, 65535, 1048575, UINT32_MAX};
	const size_t count = sizeof(numbers) / sizeof(numbers[0]);
	char text[HANDLE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < count * count; i++) {
		struct handle handle = {numbers[i / count], numbers[i % count]}, parsed = {7, 7};

		handle_format(HANDLE_PARSER, handle, text);
		assert_int_equal(handle_parse(HANDLE_PARSER, text, &parsed), 0);
		assert_int_equal(parsed.index, handle.index);
		assert_int_equal(parsed.generation, handle.generation);
		assert_int_equal(handle_parse(HANDLE_SA, text, &parsed), -EINVAL);
	}
	assert_string_equal(text, "parser-4294967295-4294967295");
	assert_string_equal(handle_format(HANDLE_SA, (struct handle){3, 12}, text), "sa-3-12");
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"sa",
		"sa-",
		"sa-1",
		"sa-1-",
		"sa-1-2-",
		"sa-1-2-3",
		"sa-1-2 ",
		" sa-1-2",
		"sa--1-2",
		"sa-01-2",
		"sa-1-02",
		"sa-1-0x2",
		"sa-+1-2",
		"SA-1-2",
		"sa-1.2",
		"sa-4294967296-1",
		"sa-1-4294967296",
		"sa-1-2\n",
		"sap-1-2",
		"sa1-2",
		"parser-1-2",
		"sa-1-99999999999999999999999",
	};
	struct handle handle = {7, 8};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(handle_parse(HANDLE_SA, texts[i], &handle), -EINVAL);
	assert_int_equal(handle.index, 7);
	assert_int_equal(handle.generation, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("handle", tests, NULL, NULL);
}
