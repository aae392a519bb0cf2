/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * State memory: its properties as the kernel reports them, what another process finds of it, wiping, giving
 * pages back, and limits.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/state.h"
#include "tests/lib/own_process.h"

#define CHUNKS 16
#define BLOCK 1000

struct thing {
	struct state_head head;
	uint8_t content[BLOCK - sizeof(struct state_head)];
};

static int make_fd(void)
{
	int fd = -1;

	assert_int_equal(state_create(CHUNKS * STATE_CHUNK_BYTES, &fd), 0);
	return fd;
}

/* The state closes its descriptor; `fd` stays, as the loader's does. */
static struct state *open_again(int fd)
{
	struct state *state = NULL;
	int own = dup(fd);

	assert_true(own >= 0);
	assert_int_equal(state_open(own, &state), 0);
	return state;
}

static struct thing *make(struct state *state, uint32_t store, int content)
{
	struct thing *thing = state_alloc(state, STATE_SA, store, sizeof(*thing));

	assert_non_null(thing);
	assert_int_equal((uintptr_t)thing % 64, 0);
	for (size_t i = 0; i < sizeof(thing->content); i++)
		assert_int_equal(thing->content[i], 0);
	memset(thing->content, content, sizeof(thing->content));
	return thing;
}

static struct thing *only(const struct state *state, uint32_t store)
{
	struct state_cursor cursor = {0};
	struct state_head *head = state_next(state, STATE_SA, store, false, &cursor);

	if (head)
		assert_null(state_next(state, STATE_SA, store, false, &cursor));
	return (struct thing *)head;
}

/* Does the file have these bytes anywhere? */
static bool file_has(int fd, int content)
{
	uint8_t wanted[16], *file;
	struct stat about;
	bool found;

	memset(wanted, content, sizeof(wanted));
	assert_int_equal(fstat(fd, &about), 0);
	file = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(file != MAP_FAILED);
	found = memmem(file, (size_t)about.st_size, wanted, sizeof(wanted)) != NULL;
	munmap(file, (size_t)about.st_size);
	return found;
}

static blkcnt_t file_blocks(int fd)
{
	struct stat about;

	assert_int_equal(fstat(fd, &about), 0);
	return about.st_blocks;
}

static void test_properties(void **unused)
{
	int fd = make_fd();
	struct state *state = open_again(fd);
	struct thing *thing = make(state, 1, 0x11);
	char flags[OWN_VM_FLAGS_MAX];

	(void)unused;
	own_vm_flags(thing, flags);
	assert_non_null(strstr(flags, " lo ")); /* locked */
	assert_non_null(strstr(flags, " dd ")); /* not dumped */
	assert_non_null(strstr(flags, " dc ")); /* not copied on fork */
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, (CHUNKS + 1) * (off_t)STATE_CHUNK_BYTES), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	state_close(state);
	close(fd);
}

static void test_refused(void **unused)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct state *state = NULL;

	(void)unused;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)STATE_CHUNK_BYTES), 0);
	/* Whoever has it could make it smaller. */
	assert_int_equal(state_open(fd, &state), -EINVAL);
	assert_null(state);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC); /* it stays the caller's */
	close(fd);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_true(state_open(fd, &state) < 0);
	close(fd);
	assert_true(state_open(-1, &state) < 0);
	state_close(NULL);
}

static void test_found_again(void **unused)
{
	int fd = make_fd();
	struct state *state = open_again(fd);
	struct thing *whole = make(state, 1, 0x11), *other = make(state, 2, 0x22);
	struct thing *draft = make(state, 1, 0x33), *going = make(state, 1, 0x44),
		     *freed = make(state, 1, 0x55);

	(void)unused;
	(void)draft;
	state_commit(&whole->head, 7);
	state_commit(&other->head, 8);
	state_commit(&going->head, 9);
	state_uncommit(&going->head);
	state_commit(&freed->head, 10);
	state_free(&freed->head);
	assert_false(file_has(fd, 0x55));
	assert_true(file_has(fd, 0x33) && file_has(fd, 0x44));
	state_close(state);

	state = open_again(fd);
	assert_int_equal(state_damaged(state), 0);
	assert_false(file_has(fd, 0x33) || file_has(fd, 0x44));
	whole = only(state, 1);
	assert_non_null(whole);
	assert_int_equal(whole->head.sum, 7);
	assert_int_equal(whole->head.bytes, sizeof(*whole));
	for (size_t i = 0; i < sizeof(whole->content); i++)
		assert_int_equal(whole->content[i], 0x11);
	state_claim(state, &whole->head);
	assert_null(only(state, 1));
	other = only(state, 2);
	assert_non_null(other);
	state_drop(state, &other->head);
	assert_false(file_has(fd, 0x22));
	assert_null(only(state, 2));
	/* The places of those that were wiped are given away again. */
	make(state, 3, 0x66);
	state_free(&whole->head);
	assert_false(file_has(fd, 0x11));
	state_close(state);
	close(fd);
}

enum { MANY = 1200 };

/* Of several sizes; a third is deleted, the rest is found, and when all is gone so are the pages. */
static void test_many(void **unused)
{
	static const size_t sizes[] = {sizeof(struct state_head), 640, 704, 17000};
	static struct state_head *heads[MANY];
	struct state_cursor cursor = {0};
	int fd = make_fd();
	struct state *state = open_again(fd);
	struct state_head *head;
	unsigned int found = 0;

	(void)unused;
	for (uint32_t i = 0; i < MANY; i++) {
		size_t bytes = i % 50 ? sizes[i % 3] : sizes[3];

		heads[i] = state_alloc(state, STATE_PARSER, i, bytes);
		assert_non_null(heads[i]);
		memset(heads[i] + 1, (int)(i % 255 + 1), bytes - sizeof(struct state_head));
		state_commit(heads[i], i);
	}
	for (uint32_t i = 0; i < MANY; i += 3)
		state_free(heads[i]);
	state_close(state);
	state = open_again(fd);
	while ((head = state_next(state, STATE_PARSER, 0, true, &cursor))) {
		const uint8_t *content = (const uint8_t *)(head + 1);

		assert_int_equal(head->store, head->sum);
		assert_int_not_equal(head->store % 3, 0);
		for (size_t i = 0; i < head->bytes - sizeof(*head); i++)
			assert_int_equal(content[i], head->store % 255 + 1);
		found++;
		state_drop(state, head);
	}
	assert_int_equal(found, MANY - MANY / 3);
	assert_int_equal(state_used(state), 0);
	assert_int_equal(file_blocks(fd), 0);
	state_close(state);
	close(fd);
}

/* What is full says so, and what was freed can be had again; one chunk is kept for the next. */
static void test_full(void **unused)
{
	int fd = make_fd();
	struct state *state = open_again(fd);
	static struct state_head *heads[CHUNKS + 1];

	(void)unused;
	for (unsigned int round = 0; round < 3; round++) {
		for (size_t i = 0; i < CHUNKS; i++) {
			heads[i] = state_alloc(state, STATE_SA, 1, STATE_BLOCK_MAX);
			assert_non_null(heads[i]);
		}
		assert_null(state_alloc(state, STATE_SA, 1, STATE_BLOCK_MAX));
		assert_null(state_alloc(state, STATE_SA, 1, 64));
		assert_int_equal(state_used(state), CHUNKS * STATE_CHUNK_BYTES);
		for (size_t i = 0; i < CHUNKS; i++)
			state_free(heads[i]);
		assert_int_equal(state_used(state), STATE_CHUNK_BYTES);
	}
	assert_null(state_alloc(state, STATE_SA, 1, STATE_BLOCK_MAX + 1));
	assert_null(state_alloc(state, STATE_SA, 1, sizeof(struct state_head) - 1));
	assert_null(state_alloc(state, STATE_SA, 1, SIZE_MAX));
	state_close(state);
	close(fd);
}

/* Heads and chunks that cannot be are wiped and counted, and nothing else suffers. */
static void test_damaged(void **unused)
{
	int fd = make_fd();
	struct state *state = open_again(fd);
	struct thing *things[6];
	struct state_head *large;

	(void)unused;
	for (size_t i = 0; i < 6; i++) {
		things[i] = make(state, 1, 0x11 * (int)(i + 1));
		state_commit(&things[i]->head, 0);
	}
	large = state_alloc(state, STATE_SA, 1, 20000);
	memset(large + 1, 0x77, 20000 - sizeof(*large));
	state_commit(large, 0);
	things[0]->head.mark = 0x12345678;
	things[1]->head.kind = 99;
	things[2]->head.bytes = 64;
	things[3]->head.bytes = UINT32_MAX;
	things[4]->head.state = (struct state *)things[4]; /* whatever it says */
	/* The head of the chunk that `large` lies in. */
	*(uint64_t *)((uint8_t *)large - 64) ^= 1;
	state_close(state);

	state = open_again(fd);
	assert_int_equal(state_damaged(state), 1 + 1 + 1 + 1 + 1);
	for (int i = 0; i < 4; i++)
		assert_false(file_has(fd, 0x11 * (i + 1)));
	assert_true(file_has(fd, 0x55) && file_has(fd, 0x66));
	assert_false(file_has(fd, 0x77));
	state_close(state);
	close(fd);
}

/* Where no more may be locked there is no memory, rather than memory that is weaker than promised; and who
 * takes over under the same limit finds all that there is. Exit status: the step that failed, 0 if none. */
static int use_without_rights(void)
{
	struct rlimit limit = {2 * STATE_CHUNK_BYTES, 2 * STATE_CHUNK_BYTES};
	struct state_cursor cursor = {0};
	struct state *state = NULL;
	struct state_head *block;
	unsigned int count = 0;
	char flags[OWN_VM_FLAGS_MAX];
	int fd;

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || (geteuid() == 0 && setuid(65534)))
		return 1;
	if (state_create(CHUNKS * STATE_CHUNK_BYTES, &fd) || state_open(dup(fd), &state))
		return 2;
	if (state_locked(state))
		return 3;
	for (; (block = state_alloc(state, STATE_SA, 1, STATE_BLOCK_MAX)); count++) {
		own_vm_flags(block, flags);
		if (!strstr(flags, " lo") || !strstr(flags, " dd"))
			return 4;
		state_commit(block, 0);
	}
	if (count != 2)
		return 5;
	state_close(state);
	if (state_open(dup(fd), &state))
		return 6;
	for (; (block = state_next(state, STATE_SA, 1, false, &cursor)); count--) {
		own_vm_flags(block, flags);
		if (!strstr(flags, " lo") || !strstr(flags, " dd"))
			return 7;
	}
	return count ? 8 : 0;
}

static void test_lock_limit(void **unused)
{
	pid_t child = fork();
	int status;

	(void)unused;
	assert_true(child >= 0);
	if (child == 0)
		_exit(use_without_rights());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_sum(void **unused)
{
	static const uint8_t zeros[24];
	uint8_t bytes[24] = {1, 2, 3};

	(void)unused;
	assert_int_not_equal(state_sum(0, zeros, sizeof(zeros)), 0);
	for (size_t length = 1; length <= sizeof(bytes); length++) {
		uint64_t sum = state_sum(0, bytes, length);

		for (size_t bit = 0; bit < 8 * length; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_not_equal(state_sum(0, bytes, length), sum);
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		assert_int_equal(state_sum(0, bytes, length), sum);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_properties),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_found_again), cmocka_unit_test(test_many),
		cmocka_unit_test(test_full),	    cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_lock_limit),  cmocka_unit_test(test_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
