/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lifetimes in seconds, on a clock of the test's own: each at its moment, once, in order; deleted SAs are
 * forgotten.
 */
#include "control/lifetime.h"

#include "sadb_rig.h"

#define START 1000000 /* milliseconds */

struct told {
	struct fixture *fixture;
	struct lifetime *lifetime;
	unsigned int soft;
	unsigned int hard;
	uint32_t last_spi;
};

static struct sa_life *find(void *ctx, struct handle handle)
{
	const struct told *told = ctx;
	struct sa *sa = sadb_get(told->fixture->db, handle.index, handle.generation);

	return sa ? &sa->life : NULL;
}

static void on_due(void *ctx, struct handle handle, bool hard)
{
	struct told *told = ctx;
	const struct sa *sa = sadb_get(told->fixture->db, handle.index, handle.generation);

	told->last_spi = sa->spi;
	if (!hard) {
		told->soft++;
		return;
	}
	told->hard++;
	sadb_del(told->fixture->db, sa->spi, &sa->params.dst);
}

static void begin(struct told *told, void **state)
{
	const struct lifetime_config config = {.find = find, .due = on_due, .ctx = told};

	*told = (struct told){.fixture = *state};
	assert_int_equal(lifetime_new(&config, &told->lifetime), 0);
}

static struct sa *add_limited(struct told *told, uint32_t spi, const struct sa_limits *limits, uint64_t now)
{
	struct sa_params params = params_of(spi, 0, 0);
	const struct sa *sa;
	struct sa *added;

	params.limits = *limits;
	assert_int_equal(add(told->fixture, &params, &sa), 0);
	added = sadb_get(told->fixture->db, sa->index, sa->generation);
	assert_int_equal(lifetime_start(told->lifetime, handle_of(added), now), 0);
	return added;
}

static void expect(const struct told *told, unsigned int soft, unsigned int hard)
{
	assert_int_equal(told->soft, soft);
	assert_int_equal(told->hard, hard);
}

static void test_since_the_add(void **state)
{
	static const struct sa_limits limits = {.time_soft = 10, .time_hard = 30};
	struct told told;

	begin(&told, state);
	add_limited(&told, 0x1000, &limits, START);
	assert_int_equal(lifetime_next(told.lifetime), START + 10000);
	lifetime_run(told.lifetime, START + 9999);
	expect(&told, 0, 0);
	lifetime_run(told.lifetime, START + 10000);
	expect(&told, 1, 0);
	assert_int_equal(lifetime_next(told.lifetime), START + 30000);
	lifetime_run(told.lifetime, START + 29999);
	expect(&told, 1, 0);
	lifetime_run(told.lifetime, START + 30000);
	expect(&told, 1, 1);
	assert_int_equal(sadb_count(told.fixture->db), 0);
	assert_true(lifetime_next(told.lifetime) == UINT64_MAX);
	lifetime_run(told.lifetime, START + 90000);
	expect(&told, 1, 1);
	lifetime_free(told.lifetime);
}

/* The earlier of both clocks counts; unused, the second does not run. */
static void test_since_the_first_use(void **state)
{
	static const struct sa_limits limits = {
		.time_soft = 100, .time_hard = 200, .time_use_soft = 5, .time_use_hard = 8};
	static const struct sa_limits only_use = {.time_use_hard = 8};
	struct told told;
	struct sa *sa;

	begin(&told, state);
	sa = add_limited(&told, 0x1000, &limits, START);
	lifetime_run(told.lifetime, START + 50000);
	expect(&told, 0, 0);
	lifetime_first_use(told.lifetime, handle_of(sa), START + 50000);
	assert_int_equal(lifetime_next(told.lifetime), START + 55000);
	lifetime_run(told.lifetime, START + 57999);
	expect(&told, 1, 0);
	lifetime_run(told.lifetime, START + 58000);
	expect(&told, 1, 1);
	/* The deadline of the add is still in the heap, and about nothing. */
	lifetime_run(told.lifetime, START + 300000);
	expect(&told, 1, 1);

	sa = add_limited(&told, 0x1001, &only_use, START);
	lifetime_run(told.lifetime, START + 10000000);
	expect(&told, 1, 1);
	lifetime_first_use(told.lifetime, handle_of(sa), START + 10000000);
	lifetime_run(told.lifetime, START + 10008000);
	expect(&told, 1, 2);
	lifetime_free(told.lifetime);
}

/* A hard lifetime that is due with the soft one leaves nothing to ask for. */
static void test_late_is_as_good_as_hard(void **state)
{
	static const struct sa_limits limits = {.time_soft = 10, .time_hard = 30};
	struct told told;

	begin(&told, state);
	add_limited(&told, 0x1000, &limits, START);
	lifetime_run(told.lifetime, START + 31000);
	expect(&told, 0, 1);
	lifetime_free(told.lifetime);
}

static void test_in_order_of_time(void **state)
{
	struct told told;

	begin(&told, state);
	for (uint32_t i = 0; i < 7; i++) {
		const struct sa_limits limits = {.time_hard = 1 + i * 5 % 7};

		add_limited(&told, 0x1000 + i * 5 % 7, &limits, START);
	}
	for (uint32_t i = 0; i < 7; i++) {
		lifetime_run(told.lifetime, START + 1000 * (i + 1));
		expect(&told, 0, i + 1);
		assert_int_equal(told.last_spi, 0x1000 + i);
	}
	lifetime_free(told.lifetime);
}

/* The same slot again and again: deadlines of SAs that are gone do not pile up, nor come true. */
static void test_deleted_sas_are_forgotten(void **state)
{
	static const struct sa_limits limits = {.time_soft = 100, .time_hard = 1000};
	struct told told;

	begin(&told, state);
	for (uint32_t i = 0; i < 20000; i++) {
		struct sa *sa = add_limited(&told, 0x1000 + i, &limits, START + i);

		assert_true(lifetime_count(told.lifetime) <= 1100);
		if (i < 19999)
			assert_int_equal(sadb_del(told.fixture->db, sa->spi, &sa->params.dst), 0);
	}
	for (unsigned int i = 0; i < 20; i++)
		lifetime_run(told.lifetime, START + 10000000);
	expect(&told, 0, 1);
	assert_int_equal(told.last_spi, 0x1000 + 19999);
	lifetime_free(told.lifetime);
}

/* Limits beyond the end of time are none; an SA without limits costs nothing. */
static void test_no_limits(void **state)
{
	static const struct sa_limits none = {0};
	static const struct sa_limits huge = {.time_soft = INT64_MAX, .time_hard = INT64_MAX};
	struct told told;
	struct sa *sa;

	begin(&told, state);
	sa = add_limited(&told, 0x1000, &none, START);
	lifetime_first_use(told.lifetime, handle_of(sa), START);
	add_limited(&told, 0x1001, &huge, START);
	assert_int_equal(lifetime_count(told.lifetime), 0);
	lifetime_run(told.lifetime, UINT64_MAX - 1);
	expect(&told, 0, 0);
	lifetime_free(told.lifetime);
}

/* With the real timer of an event loop. */
static void test_timer(void **state)
{
	static const struct sa_limits limits = {.time_hard = 1};
	struct told told = {.fixture = *state};
	struct lifetime_config config = {.find = find, .due = on_due, .ctx = &told};
	uint64_t start = lifetime_now();

	assert_true(sd_event_new(&config.event) >= 0);
	assert_int_equal(lifetime_new(&config, &told.lifetime), 0);
	add_limited(&told, 0x1000, &limits, start);
	while (!told.hard && lifetime_now() < start + 5000)
		assert_true(sd_event_run(config.event, 100000) >= 0);
	expect(&told, 0, 1);
	assert_true(lifetime_now() >= start + 1000);
	lifetime_free(told.lifetime);
	sd_event_unref(config.event);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_since_the_add),
		TEST(test_since_the_first_use),
		TEST(test_late_is_as_good_as_hard),
		TEST(test_in_order_of_time),
		TEST(test_deleted_sas_are_forgotten),
		TEST(test_no_limits),
		TEST(test_timer),
	};

	return cmocka_run_group_tests_name("lifetime", tests, NULL, NULL);
}
