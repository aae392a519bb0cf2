/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Key memory: its properties as the kernel reports them, wiping, reuse, and many blocks.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/keymem.h"
#include "tests/lib/own_process.h"

static void test_properties(void **state)
{
	uint8_t *block = keymem_alloc(1000);
	char flags[OWN_VM_FLAGS_MAX];

	(void)state;
	assert_non_null(block);
	assert_int_equal((uintptr_t)block % 64, 0);
	own_vm_flags(block, flags);
	assert_non_null(strstr(flags, " lo ")); /* locked */
	assert_non_null(strstr(flags, " dd ")); /* not dumped */
	assert_non_null(strstr(flags, " dc ")); /* not copied on fork */
	keymem_free(block, 1000);
}

static void test_absent_after_fork(void **state)
{
	uint8_t *block = keymem_alloc(64);
	int pipes[2];
	int status;
	pid_t child;

	(void)state;
	assert_non_null(block);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(write(pipes[1], block, 1), 1);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(write(pipes[1], block, 1) == -1 && errno == EFAULT ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(pipes[0]);
	close(pipes[1]);
	keymem_free(block, 64);
}

static void test_wiped_and_reused(void **state)
{
	uint8_t *keep = keymem_alloc(100);
	uint8_t *block = keymem_alloc(100);
	uint8_t *again;

	(void)state;
	assert_non_null(keep);
	assert_non_null(block);
	memset(block, 0xaa, 100);
	keymem_free(block, 100);
	/* `keep` holds the chunk, so that the freed block can still be looked at: a list's link, else zero.
	 */
	for (size_t i = sizeof(void *); i < 100; i++)
		assert_int_equal(block[i], 0);
	again = keymem_alloc(128);
	assert_ptr_equal(again, block);
	for (size_t i = 0; i < 128; i++)
		assert_int_equal(again[i], 0);
	keymem_free(again, 128);
	keymem_free(keep, 100);
	keymem_free(NULL, 100);
}

enum { MANY = 5000 };

static void test_many(void **state)
{
	static uint8_t *blocks[MANY];
	static const size_t sizes[] = {1, 64, 65, 300, 1100};

	(void)state;
	for (unsigned int round = 0; round < 3; round++) {
		for (size_t i = 0; i < MANY; i++) {
			size_t bytes = sizes[(i + round) % 5];

			blocks[i] = keymem_alloc(bytes);
			assert_non_null(blocks[i]);
			assert_int_equal((uintptr_t)blocks[i] % 64, 0);
			for (size_t b = 0; b < bytes; b++)
				assert_int_equal(blocks[i][b], 0);
			memset(blocks[i], (int)(i % 255 + 1), bytes);
		}
		/* None overlaps another. */
		for (size_t i = 0; i < MANY; i++)
			for (size_t b = 0; b < sizes[(i + round) % 5]; b++)
				assert_int_equal(blocks[i][b], i % 255 + 1);
		for (size_t step = 0; step < 7; step++)
			for (size_t i = step; i < MANY; i += 7)
				keymem_free(blocks[i], sizes[(i + round) % 5]);
	}
}

/* Without the right to lock more there is no memory, rather than unlocked memory. In a child, whose limit and
 * privileges are its own. */
static void test_lock_limit(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit none = {0, 0};

		if (setrlimit(RLIMIT_MEMLOCK, &none) || (geteuid() == 0 && setuid(65534)))
			_exit(2);
		_exit(keymem_alloc(64) == NULL ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* What was set aside with privileges can be used, freed and used again without them, is locked where it is
 * touched, zero when handed out, and bounded. Exit status: the step that failed, 0 if none. */
static int use_reserve(void)
{
	struct rlimit none = {0, 0};
	static uint8_t *blocks[MANY];
	char flags[OWN_VM_FLAGS_MAX];
	size_t first = 0;

	if (keymem_reserve((size_t)1 << 20))
		return 1;
	if (keymem_reserve((size_t)1 << 20) != -EINVAL) /* once only */
		return 2;
	if (setrlimit(RLIMIT_MEMLOCK, &none) || setuid(65534))
		return 3;
	for (unsigned int round = 0; round < 3; round++) {
		size_t count = 0;

		while (count < MANY && (blocks[count] = keymem_alloc(1000))) {
			for (size_t b = 0; b < 1000; b++)
				if (blocks[count][b])
					return 4;
			memset(blocks[count++], 0xa5, 1000);
		}
		/* 1 MiB in blocks of 1024 bytes, less one unit a chunk. */
		if (count < 1000 || count > 1024 || (round && count != first))
			return 5;
		first = count;
		own_vm_flags(blocks[0], flags);
		if (!strstr(flags, " lo") || !strstr(flags, " dd"))
			return 6;
		while (count)
			keymem_free(blocks[--count], 1000);
	}
	return 0;
}

static void test_reserve(void **state)
{
	(void)state;
	own_child_of_root(use_reserve);
}

static void test_refused_sizes(void **state)
{
	(void)state;
	assert_null(keymem_alloc(0));
	assert_null(keymem_alloc((size_t)1 << 30));
	assert_null(keymem_alloc(SIZE_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_properties),	 cmocka_unit_test(test_absent_after_fork),
		cmocka_unit_test(test_wiped_and_reused), cmocka_unit_test(test_many),
		cmocka_unit_test(test_lock_limit),	 cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_refused_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
