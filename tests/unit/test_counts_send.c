// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a worker does for what the host sends, counted: instructions outside of the crypto library, system
 * calls, allocations (none). One piece of 64 KB of a TCP flow, and datagrams one by one.
 */
#include "tests/lib/counted.h"

#include "tests/unit/send_rig.h"

#define MTU 1500
#define DATAGRAMS 32
#define MSS 1360
#define SEGMENTS 46

static int setup(void **state)
{
	const struct sa_params params = seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);

	(void)state;
	set_up(&params, MTU);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tear_down();
	return 0;
}

static void work(void *arg)
{
	send_step(arg, ESP_RIG_NOW);
}

static void send_piece_of_tcp(void)
{
	static uint8_t inner[65536];
	const struct sa_params *params = &bench.rig.sa->params;
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					.gso_size = MSS,
					.csum_start = 20,
					.csum_offset = 16,
					.hdr_len = 40};
	uint32_t len = (uint32_t)seal_rig_inner(params, 4, IPPROTO_TCP, SEGMENTS * MSS, inner);

	host_sends_piece(&header, inner, len);
}

static void send_datagrams(void)
{
	uint8_t inner[2048];
	uint32_t len = inner_udp(4, 1300, false, inner);

	for (size_t i = 0; i < DATAGRAMS; i++)
		host_sends(inner, len);
}

/* The first burst expands the key and finds the flow. */
static void count(const char *name, void (*fill)(void), uint32_t packets)
{
	fill();
	run();
	assert_int_equal(bench.packets, packets);
	fill();
	count_burst(name, work, bench.send);
	run();
	assert_int_equal(bench.packets, packets);
	expect_sum(0);
}

static void test_tcp(void **state)
{
	(void)state;
	count("send.tcp.64k", send_piece_of_tcp, SEGMENTS);
}

static void test_datagrams(void **state)
{
	(void)state;
	count("send.udp.1300", send_datagrams, DATAGRAMS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tcp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_datagrams, setup, teardown),
	};

	return cmocka_run_group_tests_name("counts of sending", tests, NULL, NULL);
}
