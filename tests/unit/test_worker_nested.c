/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested packets among the workers of a group: whichever of them receives the packet and owns the SAs.
 */
#include "tests/unit/worker_rig.h"

/* M23, M33: wherever the packet comes in and whoever owns the SAs; windows stay with their owner. */
static void test_each_way_through_the_workers(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < NEST_KINDS; kind++) {
		size_t packets = 0;

		set_up(&nest_kinds[kind]);
		for (uint32_t way = 0; way < QUEUES * QUEUES * QUEUES; way++) {
			own(bench.nest.tunnel_sa, way / QUEUES % QUEUES);
			own(bench.nest.transport_sa, way / QUEUES / QUEUES);
			send_nested(way % QUEUES);
			run_all();
			expect_plain_delivered(++packets);
		}
		assert_int_equal(count_of(XESP_REASON_DELIVERED), packets);
		assert_int_equal(bench.nest.transport_sa->replay.top, packets);
		assert_int_equal(atomic_load(&bench.nest.transport_sa->counters.packets), packets);
		expect_sums();
		tear_down();
	}
}

/* The worker that opened the tunnel becomes the owner of what is inside. */
static void test_first_packet_decides_the_owner(void **state)
{
	(void)state;
	set_up(&nest_kinds[0]);
	own(bench.nest.tunnel_sa, 2);
	send_nested(0);
	run_all();
	expect_plain_delivered(1);
	assert_int_equal(atomic_load(&bench.nest.transport_sa->owner), 2);
	tear_down();
}

/* More than may be away from home: each is counted, none is lost from sight. */
static void test_handing_over_what_is_too_much(void **state)
{
	(void)state;
	set_up(&nest_kinds[0]);
	own(bench.nest.tunnel_sa, 0);
	own(bench.nest.transport_sa, 1);
	worker_group_monitor_packets(bench.group, true);
	for (int i = 0; i < FRAMES; i++)
		send_nested(0);
	run_all();
	assert_int_equal(count_of(XESP_REASON_HANDOFF_FULL), FRAMES / 2);
	expect_plain_delivered(FRAMES / 2);
	expect_sums();
	for (int i = 0; i < FRAMES; i++) {
		struct event event;

		assert_true(worker_group_next_event(bench.group, &event));
		if (event.type != EVENT_PACKET || event.reason != XESP_REASON_HANDOFF_FULL)
			continue;
		/* The tunnel's layer was processed. */
		assert_true(event.crypto_done && !event.next_crypto_done);
	}
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_way_through_the_workers),
		cmocka_unit_test(test_first_packet_decides_the_owner),
		cmocka_unit_test(test_handing_over_what_is_too_much),
	};

	return cmocka_run_group_tests_name("worker_nested", tests, NULL, NULL);
}
