/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of outbound selectors under real threads, each of which holds what it finds as a worker does, by
 * the epoch of a struct worker. The control thread meanwhile adds and removes entries, lets tables grow and
 * shrink and groups come and go, and frees what the workers have let go. Meant for -fsanitize=thread and
 * -fsanitize=address as much as for what is asserted.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/sa_out.h"
#include "dataplane/spd.h"
#include "tests/lib/require.h"
#include "tests/unit/readers_rig.h"

#define HOSTS 16  /* have an SA that stays */
#define MOVING 64 /* SAs that come and go */
#define CHANGES 50000
#define STAYS 10 /* priority */

struct reader {
	struct worker worker;
	_Atomic uint64_t stayed; /* lookups that found the SA that stays, and others */
	_Atomic uint64_t moved;
};

static struct {
	struct spd *spd;
	struct readers readers;
	struct sa_out *staying[HOSTS];
	struct sa_out *moving[MOVING]; /* the control thread's; NULL: there is none */
	uint32_t born[MOVING];
	_Atomic uint32_t gone[MOVING]; /* generation of the newest that is out of sight */
	_Atomic bool over;
} bench;

static struct reader *reader_at(uint32_t i)
{
	return (struct reader *)bench.readers.workers[i];
}

static struct sa_selector host_selector(uint32_t host)
{
	return (struct sa_selector){.dst = {{AF_INET, {10, 0, 0, (uint8_t)host}}, 32}};
}

/* A moving SA is of a host, and better than the one that stays; or it is of no host; or all hosts' and worse.
 */
static struct sa_selector moving_selector(uint32_t i, uint32_t *ret_priority)
{
	struct sa_selector sel = host_selector(i % HOSTS);

	*ret_priority = i % 3 == 0 ? STAYS - 1 : STAYS;
	switch (i % 4) {
	case 0: return sel;
	case 1: sel.protocol = IPPROTO_UDP; return sel;
	case 2: sel.dst.addr.bytes[1] = (uint8_t)i; return sel;
	default:
		sel = (struct sa_selector){.src.length = (uint8_t)(i % 32)};
		sel.src.addr.family = i % 8 == 7 ? AF_INET : AF_UNSPEC;
		*ret_priority = STAYS + 1;
		return sel;
	}
}

static void look_up(struct reader *reader, uint32_t host)
{
	const struct sa_selector sel = host_selector(host);
	struct spd_flow flow = {.family = 4, .protocol = IPPROTO_UDP};
	uint32_t gone[MOVING];
	const struct sa_out *sa;

	memcpy(flow.dst, sel.dst.addr.bytes, sizeof(flow.dst));
	worker_enter_store(&reader->worker);
	for (uint32_t i = host; i < MOVING; i += HOSTS)
		gone[i] = atomic_load(&bench.gone[i]);
	sa = spd_find(bench.spd, &flow);
	REQUIRE(sa);
	if (sa->generation == 0) {
		REQUIRE(sa->index == host);
		reader->stayed++;
	} else {
		REQUIRE(sa->index % HOSTS == host && sa->index % 4 < 2);
		REQUIRE(sa->generation > gone[sa->index]);
		reader->moved++;
	}
	worker_leave_store(&reader->worker);
}

static void *read_all(void *arg)
{
	struct reader *reader = arg;

	for (uint32_t n = reader->worker.number; !atomic_load(&bench.over); n++) {
		look_up(reader, n % HOSTS);
		/* There are fewer CPUs than threads: be preempted here rather than while SAs are held. */
		if (n % 16 == 0)
			sched_yield();
	}
	return NULL;
}

/* ---- the control thread -------------------------------------------------------------------------------- */

static struct sa_out *sa_new_at(uint32_t index, uint32_t generation)
{
	struct sa_out *sa = aligned_alloc(64, sizeof(*sa));

	assert_non_null(sa);
	memset(sa, 0, sizeof(*sa));
	sa->index = index;
	sa->generation = generation;
	return sa;
}

static void add(uint32_t i)
{
	uint32_t priority;
	const struct sa_selector sel = moving_selector(i, &priority);

	bench.moving[i] = sa_new_at(i, ++bench.born[i]);
	assert_int_equal(spd_add(bench.spd, &sel, priority, bench.moving[i]), 0);
}

/* Out of sight; the SA is freed with the others of the batch. */
static struct sa_out *remove_at(uint32_t i)
{
	struct sa_out *sa = bench.moving[i];

	spd_remove(bench.spd, sa);
	atomic_store(&bench.gone[i], sa->generation);
	bench.moving[i] = NULL;
	return sa;
}

static void free_batch(struct sa_out **batch, size_t *count)
{
	bool any = spd_reap_begin(bench.spd);

	assert_true(any || *count == 0);
	for (bool begin = true; !worker_group_quiesce(&bench.readers.group, begin, 100); begin = false)
		sched_yield();
	spd_reap(bench.spd);
	while (*count)
		free(batch[--*count]);
}

static int set_up(void **state)
{
	(void)state;
	memset(&bench, 0, sizeof(bench));
	assert_int_equal(spd_new(&bench.spd), 0);
	readers_new(&bench.readers, sizeof(struct reader));
	for (uint32_t i = 0; i < HOSTS; i++) {
		const struct sa_selector sel = host_selector(i);

		bench.staying[i] = sa_new_at(i, 0);
		assert_int_equal(spd_add(bench.spd, &sel, STAYS, bench.staying[i]), 0);
	}
	alarm(120); /* what hangs, fails */
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	alarm(0);
	spd_free(bench.spd);
	readers_free(&bench.readers);
	for (uint32_t i = 0; i < HOSTS; i++)
		free(bench.staying[i]);
	for (uint32_t i = 0; i < MOVING; i++)
		free(bench.moving[i]);
	return 0;
}

static bool all_have_found(void)
{
	for (uint32_t i = 0; i < READERS; i++) {
		const struct reader *reader = reader_at(i);

		if (!atomic_load(&reader->stayed) || !atomic_load(&reader->moved))
			return false;
	}
	return true;
}

static void test_adds_and_removes_under_readers(void **state)
{
	struct sa_out *batch[64];
	uint32_t random = 1;
	size_t count = 0;

	(void)state;
	readers_start(&bench.readers, read_all);
	/* On a busy machine, it takes a while until each thread has had its turn. */
	for (uint32_t n = 0; n < CHANGES || !all_have_found(); n++) {
		uint32_t i;

		random = random * 1664525 + 1013904223;
		i = (random >> 8) % MOVING;
		/* For a while there are few, then many. */
		if (bench.moving[i])
			batch[count++] = remove_at(i);
		else if (n / 500 % 2 || (random >> 20) % 8 == 0)
			add(i);
		if (count == 64 || (random >> 16) % 32 == 0)
			free_batch(batch, &count);
	}
	atomic_store(&bench.over, true);
	readers_join(&bench.readers);
	free_batch(batch, &count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_adds_and_removes_under_readers, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("spd_threads", tests, NULL, NULL);
}
