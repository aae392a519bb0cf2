/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that come in several frames, among the workers of a group: opened by whoever owns the SAs, and what
 * they lie in comes home. Where there is no room for them, they are counted.
 */
#include "tests/unit/worker_rig.h"

#define JUMBO_DATA 8800

static void own_all(uint32_t worker)
{
	own(bench.nest.tunnel_sa, worker);
	own(bench.nest.transport_sa, worker);
}

/* M33: wherever the packet comes in and whoever owns the SAs of its two layers. */
static void test_each_way_through_the_workers(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < NEST_KINDS; kind++) {
		size_t packets = 0;

		set_up(&nest_kinds[kind]);
		for (uint32_t way = 0; way < QUEUES * QUEUES * QUEUES; way++) {
			own(bench.nest.tunnel_sa, way / QUEUES % QUEUES);
			own(bench.nest.transport_sa, way / QUEUES / QUEUES);
			bench.data_len = JUMBO_DATA + way;
			send_nested(way % QUEUES);
			run_all();
			expect_plain_delivered(++packets);
		}
		assert_int_equal(count_of(XESP_REASON_DELIVERED), packets);
		expect_sums();
		tear_down();
	}
}

/* One burst with packets of one frame and of several, in their order. */
static void test_mixed_burst(void **state)
{
	(void)state;
	set_up(&nest_kinds[0]);
	own_all(0);
	for (size_t i = 0; i < 12; i++) {
		bench.data_len = i % 3 ? 99 : JUMBO_DATA;
		send_nested(0);
	}
	run_all();
	expect_plain_delivered(12);
	assert_int_equal(bench.nest.transport_sa->replay.top, 12);
	expect_sums();
	tear_down();
}

/* What the headers say is held against all that came, not against the first frame or the longest packet. */
static void test_cut_off(void **state)
{
	struct esp_packet packet;

	(void)state;
	set_up(&nest_kinds[0]);
	own_all(0);
	bench.data_len = JUMBO_DATA;
	packet = nested_packet(NULL);
	for (uint32_t frames = 1; frames <= 2; frames++)
		send_part(0, &packet, (size_t)frames * XESP_PACKET_MAX);
	send_part(0, &packet, packet.frame_len - 1);
	run_all();
	assert_int_equal(count_of(XESP_REASON_BAD_META), 3);
	send_packet(0, &packet);
	run_all();
	expect_plain_delivered(1);
	expect_sums();
	tear_down();
}

static void expect_events(enum xesp_reason reason, size_t wanted)
{
	struct event event;
	size_t count = 0;

	while (worker_group_next_event(bench.group, &event)) {
		if (event.type != EVENT_PACKET || event.reason != reason)
			continue;
		count++;
		assert_false(event.crypto_done);
		assert_int_equal(event.sa_index,
				 reason == XESP_REASON_BAD_META ? UINT32_MAX : bench.nest.tunnel_sa->index);
	}
	assert_int_equal(count, wanted);
}

/* A frame of so many bytes: behind the packet there is a trailer. */
static void send_with_trailer(const struct esp_packet *packet, size_t len)
{
	static uint8_t bytes[sizeof(packet->meta) + XESP_PACKET_JUMBO_MAX + 1];

	assert_true(packet->frame_len < len && len <= sizeof(bytes) - sizeof(packet->meta));
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, &packet->meta, sizeof(packet->meta));
	memcpy(bytes + sizeof(packet->meta), packet->frame, packet->frame_len);
	assert_true(kernel_receive(0, bytes + sizeof(packet->meta), len, sizeof(packet->meta)));
	bench.sent++;
}

/* IP packets are not as long, and what is too long for config.packet_max passes; who knows who sends here. */
static void test_longer_than_a_buffer(void **state)
{
	struct esp_packet packet;

	(void)state;
	set_up(&nest_kinds[0]);
	own_all(1);
	worker_group_monitor_packets(bench.group, true);
	packet = nested_packet(NULL);
	send_with_trailer(&packet, XESP_PACKET_JUMBO_MAX + 1);
	run_all();
	expect_events(XESP_REASON_NO_BUFFER, 1);
	packet.meta.magic = 0;
	send_with_trailer(&packet, XESP_PACKET_JUMBO_MAX + 1);
	run_all();
	expect_events(XESP_REASON_BAD_META, 1);
	assert_int_equal(count_of(XESP_REASON_NO_BUFFER), 1);
	assert_int_equal(count_of(XESP_REASON_BAD_META), 1);
	assert_int_equal(bench.delivered, 0);
	packet = nested_packet(NULL);
	send_with_trailer(&packet, XESP_PACKET_JUMBO_MAX);
	run_all();
	expect_plain_delivered(1);
	expect_sums();
	tear_down();
}

/* The owner gets no CPU: all buffers of the other worker wait there. */
static void test_no_buffer_is_free(void **state)
{
	const uint32_t packets = XESP_JUMBO_BUFFERS + 50;

	(void)state;
	set_up_frames(&nest_kinds[0], 4096);
	own_all(1);
	worker_group_monitor_packets(bench.group, true);
	bench.data_len = JUMBO_DATA;
	for (uint32_t i = 0; i < packets; i++) {
		send_nested(0);
		worker_run_once(bench.group->workers[0]);
	}
	assert_int_equal(count_of(XESP_REASON_NO_BUFFER), packets - XESP_JUMBO_BUFFERS);
	expect_events(XESP_REASON_NO_BUFFER, packets - XESP_JUMBO_BUFFERS);
	for (uint32_t i = 0; i < XESP_JUMBO_BUFFERS; i += XESP_BURST_MAX)
		run_all();
	expect_plain_delivered(XESP_JUMBO_BUFFERS);
	expect_sums();
	send_nested(0);
	run_all();
	expect_plain_delivered(XESP_JUMBO_BUFFERS + 1);
	expect_sums();
	tear_down();
}

/* Half of a packet is there when the workers stop for new queues; the other half comes afterwards. */
static void test_queues_change_inside_of_a_packet(void **state)
{
	struct worker_queue more;
	struct esp_packet packet;

	(void)state;
	set_up(&nest_kinds[0]);
	own_all(2);
	bench.data_len = JUMBO_DATA;
	packet = nested_packet(NULL);
	kernels[0].unfinished = true;
	send_part(0, &packet, XESP_PACKET_MAX);
	run_all();
	worker_group_stop(bench.group);
	assert_int_equal(worker_group_resize(bench.group, 1, NULL), 0);
	more = queue_of(1, FRAMES);
	assert_int_equal(worker_group_resize(bench.group, 2, &more), 0);
	own_all(1);
	kernels[0].unfinished = false;
	assert_true(kernel_receive(0, packet.frame + XESP_PACKET_MAX, packet.frame_len - XESP_PACKET_MAX, 0));
	for (int round = 0; round < 4; round++)
		for (uint32_t i = 0; i < 2; i++)
			worker_run_once(bench.group->workers[i]);
	expect_plain_delivered(1);
	expect_sums();
	tear_down();
}

static void test_all_sockets_must_take_them(void **state)
{
	struct worker_queue single = {0};

	(void)state;
	set_up(&nest_kinds[0]);
	assert_true(worker_group_multi_buffer(bench.group));
	assert_int_equal(worker_group_resize(bench.group, 2, NULL), 0);
	single = queue_of(2, FRAMES);
	single.info.multi_buffer = 0;
	assert_int_equal(worker_group_resize(bench.group, 3, &single), 0);
	assert_false(worker_group_multi_buffer(bench.group));
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_way_through_the_workers),
		cmocka_unit_test(test_mixed_burst),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_longer_than_a_buffer),
		cmocka_unit_test(test_no_buffer_is_free),
		cmocka_unit_test(test_queues_change_inside_of_a_packet),
		cmocka_unit_test(test_all_sockets_must_take_them),
	};

	return cmocka_run_group_tests_name("worker_jumbo", tests, NULL, NULL);
}
