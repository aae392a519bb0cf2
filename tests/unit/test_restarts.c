/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When engines that end are followed by others, and when not any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/restarts.h"

#define WINDOW (XESP_RESTART_WINDOW_SECONDS * 1000000ull)
#define PAUSE (XESP_RESTART_PAUSE_MS * 1000ull)

static void test_pauses_grow_until_the_end(void **state)
{
	struct restarts restarts = {0};
	uint64_t now = 12345;
	uint64_t pause = 99;

	(void)state;
	for (unsigned int i = 0; i < XESP_RESTARTS_MAX; i++) {
		assert_true(restarts_allow(&restarts, now, &pause));
		assert_int_equal(pause, i ? PAUSE << (i - 1) : 0);
		now += pause;
	}
	/* All pauses lie within the window: a crash at each start comes to the end. */
	assert_true(now - 12345 < WINDOW);
	pause = 99;
	assert_false(restarts_allow(&restarts, now, &pause));
	assert_int_equal(pause, 99);
	assert_false(restarts_allow(&restarts, 12345 + WINDOW - 1, &pause));
}

static void test_what_is_long_ago_does_not_count(void **state)
{
	struct restarts restarts = {0};
	uint64_t pause = 99;

	(void)state;
	/* One a window, for ever. */
	for (uint64_t i = 0; i < 3 * XESP_RESTARTS_MAX; i++) {
		assert_true(restarts_allow(&restarts, i * WINDOW, &pause));
		assert_int_equal(pause, 0);
	}
	/* As many as may be, evenly: always one fewer than the end counts. */
	restarts.count = 0;
	for (uint64_t i = 0; i < 5 * XESP_RESTARTS_MAX; i++) {
		assert_true(restarts_allow(&restarts, i * (WINDOW / (XESP_RESTARTS_MAX - 1) + 1), &pause));
		assert_true(restarts.count < XESP_RESTARTS_MAX);
	}
	/* The end is not for ever either. */
	while (restarts_allow(&restarts, 1000 * WINDOW, &pause))
		;
	assert_true(restarts_allow(&restarts, 1001 * WINDOW, &pause));
	assert_int_equal(pause, 0);
	assert_int_equal(restarts.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pauses_grow_until_the_end),
		cmocka_unit_test(test_what_is_long_ago_does_not_count),
	};

	return cmocka_run_group_tests_name("restarts", tests, NULL, NULL);
}
