// SPDX-License-Identifier: BSD-2-Clause
/*
 * The gate of counts can fail: it sees an instruction, a system call and an allocation more.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/lib/counted.h"

#define LINE "receive.tun-single.1400.calls"
#define LINE_VALUE 32 /* in tests/data/counts, with 10 % */

static void nothing(void *arg)
{
	(void)arg;
}

static void loop(void *arg)
{
	for (volatile int i = 0; i < *(const int *)arg; i++)
		;
}

static void call(void *arg)
{
	(void)arg;
	syscall(SYS_getppid);
	syscall(SYS_getppid);
}

static void allocate(void *arg)
{
	void *volatile memory = malloc(100);

	(void)arg;
	free(memory);
}

static struct step_counts counts_of(void (*work)(void *arg), void *arg)
{
	struct step_counts counts = {0};
	int err = counted_here() ? step_count(work, arg, &counts) : -EOPNOTSUPP;

	if (err) {
		print_message("this build or machine cannot be stepped\n");
		skip();
	}
	return counts;
}

static void test_instructions(void **state)
{
	int few = 100, many = 200, most = 300;
	uint64_t a, b, c;

	(void)state;
	assert_in_range(counts_of(nothing, NULL).instructions, 1, 10);
	a = counts_of(loop, &few).instructions;
	b = counts_of(loop, &many).instructions;
	c = counts_of(loop, &most).instructions;
	assert_true(b - a >= 100);
	assert_int_equal(b - a, c - b);
}

static void test_calls(void **state)
{
	(void)state;
	assert_int_equal(counts_of(nothing, NULL).calls, 0);
	assert_int_equal(counts_of(call, NULL).calls, 2);
}

static void test_allocations(void **state)
{
	(void)state;
	assert_int_equal(counts_of(call, NULL).allocations, 0);
	assert_int_equal(counts_of(allocate, NULL).allocations, 2);
}

static void test_recorded(void **state)
{
	(void)state;
	assert_int_equal(recorded_check(LINE, LINE_VALUE), RECORDED_KEPT);
	assert_int_equal(recorded_check(LINE, LINE_VALUE * 11 / 10), RECORDED_KEPT);
	assert_int_equal(recorded_check(LINE, LINE_VALUE * 11 / 10 + 1), RECORDED_GROWN);
	assert_int_equal(recorded_check(LINE, 0), RECORDED_KEPT);
	assert_int_equal(recorded_check("no such line", 1), RECORDED_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_allocations),
		cmocka_unit_test(test_recorded),
	};

	return cmocka_run_group_tests_name("stepper", tests, NULL, NULL);
}
