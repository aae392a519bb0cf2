/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The claim on an interface: one holder at a time, none that is no root, free when its holder ends. Needs
 * root.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/claim.h"

/* No interface has this number. */
#define IFINDEX 4000000000u
#define CONTENDERS 4
#define ROUNDS 10000

static int status_of(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void test_one_holder_and_its_end(void **state)
{
	struct claim claim = {.fd = -1};
	struct claim other = {.fd = -1};
	struct failure failure;
	struct stat info;

	(void)state;
	assert_int_equal(claim_take("x0", IFINDEX, &claim, &failure), 0);
	assert_int_equal(claim_take("x0", IFINDEX, &other, &failure), -EBUSY);
	assert_non_null(strstr(failure.reason, "another xespd serves x0"));
	assert_int_equal(claim_take("x1", IFINDEX + 1, &other, &failure), 0);
	claim_release(&other);
	claim_release(&claim);
	assert_int_equal(stat(claim.path, &info), -1);
	assert_int_equal(claim_take("x0", IFINDEX, &claim, &failure), 0);
	claim_release(&claim);
	claim_release(&claim);
}

static void test_free_when_its_holder_is_killed(void **state)
{
	struct claim claim;
	struct failure failure;
	int ready[2];
	char byte;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		if (claim_take("x0", IFINDEX, &claim, &failure))
			_exit(1);
		(void)!write(ready[1], "r", 1);
		pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(claim_take("x0", IFINDEX, &claim, &failure), -EBUSY);
	kill(child, SIGKILL);
	status_of(child);
	assert_int_equal(claim_take("x0", IFINDEX, &claim, &failure), 0);
	claim_release(&claim);
	close(ready[0]);
	close(ready[1]);
}

/* Without privileges: neither a file that stands in the way nor a lock on the one that is there. */
static void as_nobody(const char *path)
{
	char other[96];
	int lock, file;

	if (setgid(65534) || setuid(65534))
		_exit(1);
	strcpy(other, path);
	other[strlen(other) - 1] ^= 1;
	lock = open(path, O_RDONLY);
	file = open(other, O_RDWR | O_CREAT, 0600);
	if (lock >= 0 || file >= 0 || !unlink(path))
		_exit(1);
	_exit(0);
}

static void test_nobody_else_can_take_it(void **state)
{
	struct claim claim;
	struct failure failure;
	pid_t child;

	(void)state;
	assert_int_equal(claim_take("x0", IFINDEX, &claim, &failure), 0);
	child = fork();
	if (!child)
		as_nobody(claim.path);
	assert_int_equal(status_of(child), 0);
	claim_release(&claim);
}

static void contend(_Atomic int *holders)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct claim claim;
		struct failure failure;

		if (claim_take("x0", IFINDEX, &claim, &failure))
			continue;
		if (atomic_fetch_add(holders, 1))
			_exit(1);
		for (int k = 0; k < 50; k++)
			sched_yield(); /* lets the others get as far as the lock */
		atomic_fetch_sub(holders, 1);
		claim_release(&claim);
	}
	_exit(0);
}

/* Between the opening and the locking of the file its holder may have removed it. */
static void test_never_two_holders(void **state)
{
	_Atomic int *holders;
	pid_t children[CONTENDERS];

	(void)state;
	/* cppcheck-suppress invalidFunctionArg */
	holders = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(holders, MAP_FAILED);
	for (int i = 0; i < CONTENDERS; i++) {
		children[i] = fork();
		if (!children[i])
			contend(holders);
	}
	for (int i = 0; i < CONTENDERS; i++)
		assert_int_equal(status_of(children[i]), 0);
	munmap(holders, sizeof(int));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_holder_and_its_end),
		cmocka_unit_test(test_free_when_its_holder_is_killed),
		cmocka_unit_test(test_nobody_else_can_take_it),
		cmocka_unit_test(test_never_two_holders),
	};

	return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
