/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hosts behind the inside interface: who is found, what is asked of the loader, what peers that send to many
 * addresses can make of it, and how what is no longer used ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <xesp/limits.h>

#include <cmocka.h>

#include "control/inside_ways.h"

#define IFINDEX 7
#define TURNS 100 /* until what is not used is looked for */

struct fake {
	struct inside_ways *ways;
	struct inside *table;
	uint32_t begun, ended;
	bool busy; /* a worker does not come to an end */
	bool no_port;
	char port; /* only ever compared */
};

static int watch(void *owner, const struct ip_addr *host, bool begin)
{
	struct fake *fake = owner;

	(void)host;
	*(begin ? &fake->begun : &fake->ended) += 1;
	return 0;
}

static struct port *port(void *owner, uint32_t ifindex)
{
	struct fake *fake = owner;

	return ifindex == IFINDEX && !fake->no_port ? (struct port *)&fake->port : NULL;
}

static bool quiesce(void *owner, bool begin, unsigned int timeout_ms)
{
	const struct fake *fake = owner;

	(void)begin;
	assert_true(timeout_ms > 0);
	return !fake->busy;
}

static int set_up(void **state)
{
	static struct fake fake;
	const struct inside_ways_config config = {.ways = {.watch = watch, .port = port, .owner = &fake},
						  .quiesce = quiesce};

	memset(&fake, 0, sizeof(fake));
	assert_int_equal(inside_ways_new(&config, NULL, &fake.ways), 0);
	fake.table = inside_ways_table(fake.ways);
	*state = &fake;
	return 0;
}

static int tear_down(void **state)
{
	struct fake *fake = *state;

	inside_ways_free(fake->ways);
	return 0;
}

static struct ip_addr host(uint32_t number)
{
	return (struct ip_addr){
		.family = AF_INET,
		.bytes = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static const struct nexthop *find(struct fake *fake, uint32_t number)
{
	return inside_find(fake->table, 4, host(number).bytes);
}

static void turns(struct fake *fake, uint32_t count)
{
	while (count--)
		inside_ways_turn(fake->ways);
}

static void note(struct fake *fake, uint32_t number, uint8_t mac)
{
	struct ipc_nexthop way = {
		.dst = host(number), .ifindex = IFINDEX, .state = NEXTHOP_USABLE, .mtu = 1500};

	memset(way.link, mac, sizeof(way.link));
	inside_ways_note(fake->ways, &way);
}

static void test_found_after_it_was_missed(void **state)
{
	struct fake *fake = *state;
	struct nexthop_way way;
	const struct nexthop *hop;

	assert_null(find(fake, 1));
	assert_null(find(fake, 1));
	turns(fake, 1);
	assert_int_equal(fake->begun, 1);
	hop = find(fake, 1);
	assert_non_null(hop);
	nexthop_read(hop, &way);
	assert_int_equal(way.state, NEXTHOP_NONE); /* the loader said nothing yet */
	note(fake, 1, 0x11);
	nexthop_read(hop, &way);
	assert_int_equal(way.state, NEXTHOP_USABLE);
	assert_int_equal(way.link[0], 0x11);
	assert_ptr_equal(way.port, &fake->port);
	note(fake, 1, 0x22);
	nexthop_read(hop, &way);
	assert_int_equal(way.link[0], 0x22);
	fake->no_port = true; /* detached */
	inside_ways_refresh(fake->ways);
	nexthop_read(hop, &way);
	assert_null(way.port);
	assert_int_equal(way.state, NEXTHOP_NONE);
	turns(fake, 1);
	assert_int_equal(fake->begun, 1);
}

static void test_families_are_apart(void **state)
{
	struct fake *fake = *state;
	uint8_t six[16] = {10, 0, 0, 1}; /* the bytes of an IPv4 address */

	assert_null(find(fake, 1));
	turns(fake, 1);
	assert_non_null(find(fake, 1));
	assert_null(inside_find(fake->table, 6, six));
	turns(fake, 1);
	assert_non_null(inside_find(fake->table, 6, six));
	assert_ptr_not_equal(inside_find(fake->table, 6, six), find(fake, 1));
}

/* A scan of 100,000 addresses: the table and the questions are bounded, whoever is in it stays. */
static void test_many_addresses(void **state)
{
	struct fake *fake = *state;
	uint32_t before;

	assert_null(find(fake, 1));
	turns(fake, 1);
	for (uint32_t i = 0; i < 100000; i++) {
		before = fake->begun;
		find(fake, i);
		if (i % 100 == 0) {
			turns(fake, 1);
			assert_in_range(fake->begun - before, 0, XESP_INSIDE_ASKS);
			assert_non_null(find(fake, 1));
		}
	}
	assert_in_range(inside_count(fake->table), 1, XESP_INSIDE_MAX);
	assert_int_equal(fake->begun - fake->ended, inside_ways_count(fake->ways));
	assert_int_equal(inside_ways_count(fake->ways), inside_count(fake->table));
}

/* Nearly all of XESP_INSIDE_MAX addresses find a place, also such that differ in a few bits. */
static void test_full(void **state)
{
	struct fake *fake = *state;
	uint32_t found = 0;

	for (uint32_t round = 0; round < 200; round++) {
		for (uint32_t i = 0; i < XESP_INSIDE_MAX; i++)
			find(fake, i);
		turns(fake, 1);
	}
	for (uint32_t i = 0; i < XESP_INSIDE_MAX; i++)
		found += find(fake, i) != NULL;
	assert_true(found > XESP_INSIDE_MAX * 8 / 10);
	assert_int_equal(found, inside_count(fake->table));
}

static void test_unused_is_forgotten(void **state)
{
	struct fake *fake = *state;

	find(fake, 1);
	find(fake, 2);
	turns(fake, 1);
	assert_non_null(find(fake, 1));
	turns(fake, TURNS); /* both were used */
	assert_int_equal(inside_count(fake->table), 2);
	assert_non_null(find(fake, 1));
	turns(fake, TURNS);
	assert_int_equal(inside_count(fake->table), 1);
	assert_int_equal(fake->ended, 1);
	assert_non_null(find(fake, 1));
	assert_null(find(fake, 2));
	turns(fake, 1);
	assert_non_null(find(fake, 2));
	assert_int_equal(fake->begun, 3);
}

/* While a worker may still read a way, it is not found any more, but not freed, nor its place given away. */
static void test_worker_that_hangs(void **state)
{
	struct fake *fake = *state;
	const struct nexthop *hop;
	struct nexthop_way way;

	find(fake, 1);
	turns(fake, 1);
	hop = find(fake, 1);
	note(fake, 1, 0x11);
	turns(fake, TURNS);
	fake->busy = true;
	turns(fake, TURNS);
	assert_null(find(fake, 1));
	assert_int_equal(fake->ended, 0);
	nexthop_read(hop, &way);
	assert_int_equal(way.link[0], 0x11);
	turns(fake, 1); /* asked for again: the same way, another place */
	assert_non_null(find(fake, 1));
	assert_int_equal(fake->begun, 1);
	fake->busy = false;
	turns(fake, 1);
	assert_int_equal(inside_count(fake->table), 1);
	assert_int_equal(fake->ended, 0);
	assert_non_null(find(fake, 1));
}

/* The word of a loader about a host that was forgotten meanwhile. */
static void test_late_word(void **state)
{
	struct fake *fake = *state;

	note(fake, 3, 0x33);
	assert_null(find(fake, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_found_after_it_was_missed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_families_are_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unused_is_forgotten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_worker_that_hangs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_late_word, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
