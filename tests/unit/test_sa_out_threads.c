/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Outbound SAs under real threads: each number goes to one of them and none is behind the last; outer
 * addresses are read in one piece. Meant for -fsanitize=thread as much as for what is asserted.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/sa_out.h"
#include "tests/lib/esp_rig.h"
#include "tests/lib/require.h"

#define THREADS 8
#define NUMBERS 20000
#define CHANGES 20000

static struct {
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto;
	struct sa_out *sa;
	uint64_t limit;
	uint32_t numbers[THREADS]; /* of the threads */
	_Atomic uint32_t begun;
	_Atomic uint8_t taken[NUMBERS]; /* how often */
	_Atomic uint64_t reads;
	_Atomic bool over;
} bench;

static int set_up(void **state)
{
	(void)state;
	memset(&bench, 0, sizeof(bench));
	bench.provider = crypto_provider_by_name("auto");
	alarm(120); /* what hangs, fails */
	return bench.provider->ctx_new(&bench.crypto);
}

static int tear_down(void **state)
{
	(void)state;
	alarm(0);
	bench.provider->ctx_free(bench.crypto);
	return 0;
}

static void run(void *(*thread)(void *), pthread_t *threads)
{
	for (uint32_t i = 0; i < THREADS; i++) {
		bench.numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, thread, &bench.numbers[i]), 0);
	}
}

static void join(pthread_t *threads)
{
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* Bursts of all sizes, and one by one when there are not enough left for a burst. */
static void *take_all(void *arg)
{
	uint32_t random = *(const uint32_t *)arg;
	uint32_t count = 1;

	atomic_fetch_add(&bench.begun, 1);
	while (atomic_load(&bench.begun) < THREADS)
		sched_yield();
	for (;;) {
		uint64_t first = sa_out_take(bench.sa, count);

		if (first == 0 && count == 1)
			return NULL;
		REQUIRE(first == 0 || (first > bench.limit - NUMBERS && first <= bench.limit - count + 1));
		for (uint32_t i = 0; first && i < count; i++)
			atomic_fetch_add(&bench.taken[first + i - (bench.limit - NUMBERS + 1)], 1);
		random = random * 1664525 + 1013904223;
		count = first ? 1 + (random >> 16) % 64 : 1;
		if (random >> 16 & 1)
			sched_yield();
	}
}

static void take_under_threads(uint64_t limit, bool esn)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	pthread_t threads[THREADS];

	memset(bench.taken, 0, sizeof(bench.taken));
	bench.begun = 0;
	bench.limit = limit;
	params.send_seq = limit - NUMBERS;
	params.flags = esn ? SA_FLAG_ESN : 0;
	assert_int_equal(sa_out_new(&params, bench.provider, bench.crypto, &bench.sa), 0);
	run(take_all, threads);
	join(threads);
	for (size_t i = 0; i < NUMBERS; i++)
		assert_int_equal(bench.taken[i], 1);
	assert_true(sa_out_left(bench.sa) == 0);
	sa_out_free(bench.sa);
}

static void test_each_number_once(void **state)
{
	(void)state;
	take_under_threads(UINT32_MAX, false);
	take_under_threads(UINT64_MAX, true);
}

/* All parts made of one number. */
static struct sa_out_ends ends_of(uint16_t i)
{
	struct sa_out_ends ends = {.src = {.family = AF_INET6},
				   .dst = {.family = i % 2 ? AF_INET : AF_INET6},
				   .sport = i,
				   .dport = (uint16_t)~i};

	memset(ends.src.bytes, i & 0xff, sizeof(ends.src.bytes));
	memset(ends.dst.bytes, i >> 8, sizeof(ends.dst.bytes));
	return ends;
}

static void *read_all(void *arg)
{
	(void)arg;
	atomic_fetch_add(&bench.begun, 1);
	while (!atomic_load(&bench.over)) {
		struct sa_out_ends ends, whole;

		sa_out_get_ends(bench.sa, &ends);
		whole = ends_of(ends.sport);
		REQUIRE(ip_addr_equal(&ends.src, &whole.src) && ip_addr_equal(&ends.dst, &whole.dst) &&
			ends.dport == whole.dport);
		atomic_fetch_add_explicit(&bench.reads, 1, memory_order_relaxed);
	}
	return NULL;
}

static void test_ends_in_one_piece(void **state)
{
	const struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct sa_out_ends ends = ends_of(0);
	pthread_t threads[THREADS];
	uint64_t reads;

	(void)state;
	bench.begun = 0;
	assert_int_equal(sa_out_new(&params, bench.provider, bench.crypto, &bench.sa), 0);
	sa_out_set_ends(bench.sa, &ends);
	run(read_all, threads);
	while (atomic_load(&bench.begun) < THREADS)
		sched_yield();
	reads = atomic_load(&bench.reads);
	for (uint32_t i = 0; i < CHANGES || atomic_load(&bench.reads) == reads; i++) {
		ends = ends_of((uint16_t)(i * 40503u));
		sa_out_set_ends(bench.sa, &ends);
		if (i % 64 == 0)
			sched_yield();
	}
	atomic_store(&bench.over, true);
	join(threads);
	sa_out_free(bench.sa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_number_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ends_in_one_piece, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("sa_out_threads", tests, NULL, NULL);
}
