/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hosts behind the inside interface under real threads, which look them up as workers do, while the control
 * thread takes in what they missed, writes ways, and forgets what they do not use. What a worker finds is the
 * way to the host that it asked for, until the end of its round. Meant for -fsanitize=thread and
 * -fsanitize=address as much as for what is asserted.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/inside_ways.h"
#include "tests/lib/require.h"
#include "tests/unit/readers_rig.h"

#define HOSTS 3000 /* more than the table takes */
#define AT_A_TIME 200
#define TURNS 20000
#define IFINDEX 7

struct reader {
	struct worker worker;
	_Atomic uint64_t found;
};

static struct {
	struct inside_ways *ways;
	struct readers readers;
	uint32_t begun, ended;
	_Atomic uint32_t turn;
	_Atomic bool over;
	char port; /* only ever compared */
} bench;

static void host(uint32_t number, uint8_t *ret_addr)
{
	const uint8_t addr[4] = {10, 1, (uint8_t)(number >> 8), (uint8_t)number};

	memcpy(ret_addr, addr, sizeof(addr));
}

static int watch(void *owner, const struct ip_addr *dst, bool begin)
{
	struct ipc_nexthop way = {.dst = *dst, .ifindex = IFINDEX, .state = NEXTHOP_USABLE, .mtu = 1500};

	(void)owner;
	*(begin ? &bench.begun : &bench.ended) += 1;
	/* The loader's first word may come before its answer. */
	memcpy(way.link, dst->bytes, 4);
	if (begin)
		inside_ways_note(bench.ways, &way);
	return 0;
}

static struct port *port(void *owner, uint32_t ifindex)
{
	(void)owner;
	return ifindex == IFINDEX ? (struct port *)&bench.port : NULL;
}

static bool quiesce(void *owner, bool begin, unsigned int timeout_ms)
{
	(void)owner;
	return worker_group_quiesce(&bench.readers.group, begin, timeout_ms);
}

/* Hosts that are in use move on, so that all are forgotten at some time. */
static void look_up(struct reader *reader, uint32_t n)
{
	uint32_t number = (atomic_load(&bench.turn) + n % AT_A_TIME) % HOSTS;
	const struct nexthop *hop;
	struct nexthop_way way;
	uint8_t addr[4];

	host(number, addr);
	worker_enter_store(&reader->worker);
	hop = inside_find(inside_ways_table(bench.ways), 4, addr);
	for (int i = 0; hop && i < 3; i++) {
		nexthop_read(hop, &way);
		REQUIRE(way.state == NEXTHOP_USABLE && !memcmp(way.link, addr, sizeof(addr)));
		reader->found++;
	}
	worker_leave_store(&reader->worker);
}

static void *read_all(void *arg)
{
	struct reader *reader = arg;

	for (uint32_t n = reader->worker.number; !atomic_load(&bench.over); n++) {
		look_up(reader, n * 7);
		/* There are fewer CPUs than threads: be preempted here rather than in a round. */
		if (n % 16 == 0)
			sched_yield();
	}
	return NULL;
}

static void test_threads(void **state)
{
	const struct inside_ways_config config = {.ways = {.watch = watch, .port = port}, .quiesce = quiesce};
	const struct reader *first;

	(void)state;
	assert_int_equal(inside_ways_new(&config, NULL, &bench.ways), 0);
	readers_new(&bench.readers, sizeof(struct reader));
	first = (const struct reader *)bench.readers.workers[0];
	readers_start(&bench.readers, read_all);
	for (uint32_t i = 0; i < TURNS || !bench.ended || !first->found; i++) {
		atomic_store(&bench.turn, i);
		inside_ways_turn(bench.ways);
		sched_yield();
	}
	atomic_store(&bench.over, true);
	readers_join(&bench.readers);
	assert_true(bench.begun > bench.ended && bench.ended > 0);
	assert_int_equal(inside_ways_count(bench.ways), bench.begun - bench.ended);
	readers_free(&bench.readers);
	inside_ways_free(bench.ways);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
