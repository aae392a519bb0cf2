// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the verifier says of each BPF program: instructions that it went through, stack. They depend on the
 * kernel and on clang, so there is a recorded value for each kernel series that somebody recorded one on.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpf/xesp.skel.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <cmocka.h>

#include "host/classifier_bpf.h"
#include "tests/lib/recorded.h"

#define LOG_BYTES 65536
#define LOG_STATS 4 /* BPF_LOG_STATS of the kernel: the sums alone */

static enum recorded compare(const char *kernel, const char *program, const char *what, unsigned long value)
{
	char name[160];

	snprintf(name, sizeof(name), "verifier.%s.%s.%s", kernel, program, what);
	return recorded_check(name, value);
}

/* "stack depth 120+16": of the program and of each function that is verified by itself. */
static unsigned long stack_of(const char *text)
{
	const char *at = strstr(text, "stack depth ");
	unsigned long sum = 0;

	assert_non_null(at);
	for (at += strlen("stack depth "); *at >= '0' && *at <= '9'; at += *at == '+') {
		char *end;

		sum += strtoul(at, &end, 10);
		at = end;
	}
	return sum;
}

static unsigned long processed_of(const char *text)
{
	const char *at = strstr(text, "processed ");

	assert_non_null(at);
	return strtoul(at + strlen("processed "), NULL, 10);
}

/* Major and minor number. */
static void kernel_series(char *series, size_t bytes)
{
	struct utsname name;
	unsigned int major = 0, minor = 0;

	assert_int_equal(uname(&name), 0);
	assert_int_equal(sscanf(name.release, "%u.%u", &major, &minor), 2);
	snprintf(series, bytes, "%u.%u", major, minor);
}

static void test_verifier(void **state)
{
	char *log = calloc(1, LOG_BYTES);
	enum recorded worst = RECORDED_KEPT;
	struct bpf_program *program;
	struct xesp_bpf *object;
	char kernel[32];

	(void)state;
	assert_non_null(log);
	kernel_series(kernel, sizeof(kernel));
	assert_int_equal(classifier_bpf_open(1000, &object), 0);
	bpf_object__for_each_program(program, object->obj)
	{
		assert_int_equal(bpf_program__set_log_level(program, LOG_STATS), 0);
		assert_int_equal(bpf_program__set_log_buf(program, log, LOG_BYTES), 0);
	}
	assert_int_equal(xesp_bpf__load(object), 0);
	bpf_object__for_each_program(program, object->obj)
	{
		const char *name = bpf_program__name(program);
		enum recorded steps = compare(kernel, name, "instructions", processed_of(log));
		enum recorded stack = compare(kernel, name, "stack", stack_of(log));

		print_message("%s: Linux %s processed %lu instructions, stack %lu\n", name, kernel,
			      processed_of(log), stack_of(log));
		assert_int_not_equal(steps, RECORDED_GROWN);
		assert_int_not_equal(stack, RECORDED_GROWN);
		worst = steps == RECORDED_UNKNOWN ? steps : worst;
	}
	xesp_bpf__destroy(object);
	free(log);
	if (worst == RECORDED_UNKNOWN) {
		print_message("no count was recorded on Linux %s; `make record-counts` does\n", kernel);
		skip();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verifier),
	};

	return cmocka_run_group_tests_name("counts of the verifier", tests, NULL, NULL);
}
