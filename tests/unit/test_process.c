/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process that handles keys may no longer do. Each test is a child, for what is forbidden stays so.
 */
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/process.h"

enum { CHILD_DONE, CHILD_WRONG, CHILD_UNABLE };

static void require(int condition, const char *text)
{
	if (condition)
		return;
	fprintf(stderr, "child: %s\n", text);
	_exit(CHILD_WRONG);
}

/* Ends the process it made, if it made one, so that nothing is left behind. */
static void expect_no_process(long pid, int error, const char *text)
{
	if (!pid)
		_exit(CHILD_DONE);
	if (pid > 0)
		kill((pid_t)pid, SIGKILL);
	require(pid == -1 && errno == error, text);
}

static void *set_one(void *ctx)
{
	int *one = ctx;

	*one = 1;
	return NULL;
}

static void *fork_here(void *ctx)
{
	(void)ctx;
	expect_no_process(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), EPERM, "a thread made a process");
	return NULL;
}

static void run_thread(void *(*run)(void *), void *ctx)
{
	pthread_t thread;

	require(!pthread_create(&thread, NULL, run, ctx), "no thread");
	require(!pthread_join(thread, NULL), "the thread is lost");
}

static void forbid(void)
{
	int err;

	require(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	err = process_forbid_children();
	if (err == -EINVAL)
		_exit(CHILD_UNABLE);
	require(!err, "the filter is refused");
}

static void no_process(void)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	int one = 0;

	forbid();
	expect_no_process(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), EPERM, "clone() made a process");
	expect_no_process(syscall(SYS_clone, CLONE_VM | CLONE_FILES | SIGCHLD, 0, 0, 0, 0), EPERM,
			  "clone() made a process with this one's memory");
	expect_no_process(syscall(SYS_clone3, &args, sizeof(args)), ENOSYS, "clone3() made a process");
	expect_no_process(fork(), EPERM, "fork() made a process");
#ifdef SYS_fork
	expect_no_process(syscall(SYS_fork), EPERM, "the old fork() made a process");
#endif
	run_thread(set_one, &one);
	require(one, "the thread did not run");
	run_thread(fork_here, NULL);
}

static void no_program(void)
{
	char name[] = "true";
	char *const argv[] = {name, NULL};

	forbid();
	execv("/bin/true", argv); /* would end with the same status as a success, so: */
	require(errno == EPERM, "another program runs, or another error");
	_exit(CHILD_DONE + 10);
}

static int status_of(void (*run)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		run();
		_exit(CHILD_DONE);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHILD_UNABLE) {
		print_message("the kernel has no system call filters\n");
		skip();
	}
	return WEXITSTATUS(status);
}

static void test_threads_but_no_process(void **state)
{
	(void)state;
	assert_int_equal(status_of(no_process), CHILD_DONE);
}

static void test_no_other_program(void **state)
{
	(void)state;
	assert_int_equal(status_of(no_program), CHILD_DONE + 10);
}

/* Another bit of the flags is no thread, in whichever half it is. */
static void flags_above(void)
{
	forbid();
	expect_no_process(syscall(SYS_clone, (uint64_t)CLONE_THREAD << 32 | SIGCHLD, 0, 0, 0, 0), EPERM,
			  "the upper half of the flags counted");
}

static void test_upper_flags(void **state)
{
	(void)state;
	assert_int_equal(status_of(flags_above), CHILD_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_but_no_process),
		cmocka_unit_test(test_no_other_program),
		cmocka_unit_test(test_upper_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
