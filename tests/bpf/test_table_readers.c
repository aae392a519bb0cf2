// SPDX-License-Identifier: BSD-2-Clause
/*
 * The SA table under its readers: while one thread adds and deletes so that SAs have to move, others look up
 * SAs that stay, and always find them. Also meant for -fsanitize=thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bpf/sa_table.h"
#include "host/classifier_table.h"

#define READERS 1 /* more than one thread and the processors of a small machine are used up */
#define BUCKETS 64
#define STAYING 100 /* SAs that the readers ask for */
#define LIMIT 170   /* so full that every other addition finds both buckets full */
#define COMING 1000 /* SPIs of those that come and go */
#define MOVES 20000
#define SECONDS_MAX 3 /* settling is slow where others compute, too */
#define SPI_STAYING 0x1000
#define SPI_COMING 0x100000

/* What settle(), which has no argument, has to reach. */
static struct {
	unsigned int laps[READERS]; /* lookups that each reader has ended */
	unsigned int settled;
	bool over;
} readers;

struct reader {
	pthread_t thread;
	const union xesp_sa_element *elements;
	unsigned int number;
	unsigned int missed;
	unsigned int wrong;
};

static const struct ip_addr dst = {AF_INET, {192, 0, 2, 2}};

/* As the classifier waits for nobody, this waits for each reader to end the lookup it may be in. */
static void settle(void)
{
	for (int i = 0; i < READERS; i++) {
		unsigned int before = __atomic_load_n(&readers.laps[i], __ATOMIC_SEQ_CST);

		while (__atomic_load_n(&readers.laps[i], __ATOMIC_SEQ_CST) == before)
			sched_yield();
	}
	readers.settled++;
}

static const struct xesp_sa_ref *look_up(const union xesp_sa_element *elements, uint32_t spi)
{
	struct xesp_sa_key key = {.spi = htonl(spi)};
	const struct xesp_sa_ref *ref;
	uint32_t numbers[2];

	memcpy(&key.daddr[3], dst.bytes, sizeof(key.daddr[3]));
	sa_table_hash(&key, BUCKETS, numbers);
	ref = sa_table_in(&elements[numbers[0]], 4, &key);
	return ref ? ref : sa_table_in(&elements[numbers[1]], 4, &key);
}

static void *read_all(void *arg)
{
	struct reader *reader = arg;

	for (uint32_t i = 0; !__atomic_load_n(&readers.over, __ATOMIC_RELAXED); i = (i + 1) % STAYING) {
		const struct xesp_sa_ref *ref = look_up(reader->elements, SPI_STAYING + i);

		if (!ref)
			reader->missed++;
		else if (ref->index != i || ref->generation != ~i)
			reader->wrong++;
		__atomic_fetch_add(&readers.laps[reader->number], 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void fill_staying(struct classifier_table *table)
{
	for (uint32_t i = 0; i < STAYING; i++) {
		struct xesp_sa_ref ref = {.index = i, .generation = ~i};

		assert_int_equal(classifier_table_add(table, SPI_STAYING + i, &dst, &ref), 0);
	}
}

/* Each move settles three times. */
static void churn(struct classifier_table *table)
{
	struct xesp_sa_ref ref = {.index = UINT32_MAX};
	time_t end = time(NULL) + SECONDS_MAX;
	uint32_t random = 1;

	while (readers.settled < 3 * MOVES && time(NULL) < end) {
		uint32_t spi;
		int ret;

		random = random * 1664525 + 1013904223;
		spi = SPI_COMING + (random >> 8) % COMING;
		ret = classifier_table_add(table, spi, &dst, &ref);
		if (ret == -EEXIST)
			assert_int_equal(classifier_table_del(table, spi, &dst), 0);
		else if (ret)
			assert_int_equal(ret, -ENOSPC);
	}
}

static void test_moves(void **state)
{
	union xesp_sa_element *elements = calloc(BUCKETS + 1, sizeof(*elements));
	struct reader threads[READERS] = {0};
	struct classifier_table table;

	(void)state;
	assert_non_null(elements);
	classifier_table_init(&table, 4, elements, BUCKETS + 1, LIMIT, settle);
	/* Nobody reads yet. */
	table.settle = NULL;
	fill_staying(&table);
	table.settle = settle;
	for (unsigned int i = 0; i < READERS; i++) {
		threads[i].elements = elements;
		threads[i].number = i;
		assert_int_equal(pthread_create(&threads[i].thread, NULL, read_all, &threads[i]), 0);
	}
	churn(&table);
	__atomic_store_n(&readers.over, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
		assert_int_equal(threads[i].missed, 0);
		assert_int_equal(threads[i].wrong, 0);
	}
	assert_true(readers.settled >= 3);
	print_message("# %u moves\n", readers.settled / 3);
	free(elements);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves),
	};

	return cmocka_run_group_tests_name("table_readers", tests, NULL, NULL);
}
