// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a worker does for a burst of received packets, counted: instructions outside of the crypto library,
 * system calls, allocations (none). Times are of `make bench`, counts are the same on a busy machine.
 */
#include "tests/lib/counted.h"

#include <fcntl.h>

#include "tests/unit/worker_rig.h"

#define BURST 32

static int setup(void **state)
{
	(void)state;
	set_up_frames(&nest_kinds[0], XESP_BURST_MAX);
	own(bench.nest.tunnel_sa, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tear_down();
	return 0;
}

/* Datagrams in the tunnel alone, which may be merged: with DF their identifications do not matter. */
static void send_burst(size_t inner_bytes)
{
	uint8_t inner[NEST_PACKET_MAX];

	for (size_t i = 0; i < BURST; i++) {
		size_t len = packet_udp4(inner, inner_bytes - 28);
		struct esp_packet packet;

		packet_put16(inner + 6, 0x4000);
		packet_put16(inner + 10, 0);
		packet_put16(inner + 10, packet_checksum(0, inner, 20));
		packet = nest_wrap(&bench.nest, 0, inner, len);
		send_packet(0, &packet);
	}
}

static void work(void *arg)
{
	worker_run_once(arg);
}

/* The first burst expands the key and learns the owner. */
static void count(const char *name, const struct sink_ops *ops, size_t inner_bytes)
{
	struct worker *worker = bench.group->workers[0];

	worker->sink.ops = ops;
	worker->sink.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_true(worker->sink.fd >= 0);
	send_burst(inner_bytes);
	work(worker);
	assert_int_equal(count_of(XESP_REASON_DELIVERED), BURST);
	send_burst(inner_bytes);
	count_burst(name, work, worker);
	work(worker);
	assert_int_equal(count_of(XESP_REASON_DELIVERED), 2 * BURST);
	expect_sums();
}

static void test_null_sink_short(void **state)
{
	(void)state;
	count("receive.null.64", &sink_null, 64);
}

static void test_null_sink_long(void **state)
{
	(void)state;
	count("receive.null.1400", &sink_null, 1400);
}

static void test_tun_sink_merged(void **state)
{
	(void)state;
	count("receive.tun.1400", &sink_tun, 1400);
}

static void test_tun_sink_single(void **state)
{
	(void)state;
	count("receive.tun-single.1400", &sink_tun_single, 1400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_null_sink_short, setup, teardown),
		cmocka_unit_test_setup_teardown(test_null_sink_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tun_sink_merged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tun_sink_single, setup, teardown),
	};

	return cmocka_run_group_tests_name("counts of receiving", tests, NULL, NULL);
}
