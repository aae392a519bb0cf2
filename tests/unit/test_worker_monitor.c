/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PACKET events: what the monitor is told of each packet, and when the control thread is woken.
 */
#include <poll.h>

#include "tests/unit/worker_rig.h"

/* The only PACKET event there is; events of other types do not count. */
static struct event only_packet_event(void)
{
	struct event event, found = {0};
	size_t count = 0;

	while (worker_group_next_event(bench.group, &event))
		if (event.type == EVENT_PACKET) {
			found = event;
			count++;
		}
	assert_int_equal(count, 1);
	assert_true(found.time_ns > 0);
	return found;
}

static struct event event_of(const struct esp_packet *packet, uint32_t queue)
{
	send_packet(queue, packet);
	run_all();
	return only_packet_event();
}

static void expect_event(const struct event *event, const struct sa *sa, enum xesp_reason reason, bool done,
			 bool next, enum crypto_status status)
{
	assert_int_equal(event->reason, reason);
	assert_int_equal(event->sa_index, sa ? sa->index : UINT32_MAX);
	assert_int_equal(event->crypto_done, done);
	assert_int_equal(event->next_crypto_done, next);
	assert_int_equal(event->crypto_status, status);
}

/* Each kind, with the inner SA owned by each of the workers. */
static void for_each_way(void (*check)(void))
{
	for (size_t kind = 0; kind < NEST_KINDS; kind++)
		for (uint32_t inner_owner = 0; inner_owner < QUEUES; inner_owner++) {
			set_up(&nest_kinds[kind]);
			own(bench.nest.tunnel_sa, 1);
			own(bench.nest.transport_sa, inner_owner);
			worker_group_monitor_packets(bench.group, true);
			check();
			expect_sums();
			tear_down();
		}
}

static void check_sound(void)
{
	struct esp_packet packet = nested_packet(NULL);
	struct event event = event_of(&packet, 0);
	size_t addr_bytes = event.family == 4 ? 4 : 16;

	expect_event(&event, bench.nest.transport_sa, XESP_REASON_DELIVERED, true, true, CRYPTO_SUCCESS);
	assert_int_equal(event.outer_spi, bench.nest.tunnel_sa->spi);
	assert_int_equal(event.spi, bench.nest.transport_sa->spi);
	assert_int_equal(event.seq, 1);
	assert_int_equal(event.family, bench.nest.kind.transport.family);
	assert_int_equal(event.form, bench.nest.kind.transport.form);
	assert_memory_equal(event.src, packet_addr(event.family, 2), addr_bytes);
	assert_memory_equal(event.dst, packet_addr(event.family, 0), addr_bytes);
}

/* M17, M22 */
static void test_result_of_both_layers(void **state)
{
	(void)state;
	for_each_way(check_sound);
}

static void check_bad_tunnel(void)
{
	struct esp_packet packet = nested_packet(NULL);
	struct event event;

	packet.frame[packet.frame_len - 1] ^= 1;
	event = event_of(&packet, 0);
	expect_event(&event, bench.nest.tunnel_sa, XESP_REASON_AUTH_FAILED, true, false,
		     CRYPTO_TUNNEL_ESP_AUTH_FAILED);
	assert_int_equal(event.outer_spi, 0);
	packet.frame[packet.frame_len - 1] ^= 1;
	event = event_of(&packet, 0);
	assert_int_equal(event.reason, XESP_REASON_DELIVERED);
	event = event_of(&packet, 0);
	expect_event(&event, bench.nest.tunnel_sa, XESP_REASON_REPLAY_DUPLICATE, false, false,
		     CRYPTO_SUCCESS);
	packet.meta.magic = 0;
	event = event_of(&packet, 0);
	assert_int_equal(event.reason, XESP_REASON_BAD_META);
	assert_false(event.crypto_done || event.next_crypto_done);
}

/* M18, M21 */
static void test_result_of_bad_tunnel(void **state)
{
	(void)state;
	for_each_way(check_bad_tunnel);
}

static void check_bad_content(void)
{
	struct esp_packet packet = nested_packet(NULL);
	struct event event = event_of(&packet, 0);

	bench.nest.transport.seal.seq = 1;
	packet = nested_packet(NULL);
	event = event_of(&packet, 0);
	expect_event(&event, bench.nest.transport_sa, XESP_REASON_REPLAY_DUPLICATE, true, false,
		     CRYPTO_SUCCESS);
	bench.nest.transport.seal.seq = 20;
	bench.nest.transport.key[0] ^= 1;
	packet = nested_packet(NULL);
	event = event_of(&packet, 0);
	expect_event(&event, bench.nest.transport_sa, XESP_REASON_AUTH_FAILED, true, true,
		     CRYPTO_TRANSPORT_ESP_AUTH_FAILED);
	assert_int_equal(event.outer_spi, bench.nest.tunnel_sa->spi);
}

/* M18, M21, M22 */
static void test_result_of_bad_content(void **state)
{
	(void)state;
	for_each_way(check_bad_content);
}

/* M21: of an SA that was deleted while the packet was between the workers. */
static void test_sa_deleted_on_the_way(void **state)
{
	const struct sa_params params = nest_transport_params(&nest_kinds[0]);
	struct event event;

	(void)state;
	set_up(&nest_kinds[0]);
	own(bench.nest.tunnel_sa, 0);
	own(bench.nest.transport_sa, 1);
	worker_group_monitor_packets(bench.group, true);
	send_nested(0);
	worker_run_once(bench.group->workers[0]);
	assert_int_equal(sadb_delete(bench.nest.db, sadb_find(bench.nest.db, params.spi, &params.dst),
				     SADB_ENTRY_STAYS, NULL),
			 0);
	run_all();
	event = only_packet_event();
	assert_int_equal(event.reason, XESP_REASON_SA_GONE);
	/* The tunnel around it had been opened. */
	assert_true(event.crypto_done && !event.next_crypto_done);
	assert_int_equal(event.outer_spi, bench.nest.tunnel_sa->spi);
	assert_int_equal(bench.delivered, 0);
	expect_sums();
	/* From now on the host gets what is inside of the tunnel. */
	send_nested(0);
	run_all();
	event = only_packet_event();
	expect_event(&event, bench.nest.tunnel_sa, XESP_REASON_DELIVERED, true, false, CRYPTO_SUCCESS);
	assert_int_equal(bench.delivered, 1);
	tear_down();
}

/* M23: UDP in UDP reaches the host as it came out of the tunnel, under a reason of its own. */
static void test_udp_in_udp_is_delivered_closed(void **state)
{
	static const struct nest_kind kind = {"UDP in UDP", {4, XESP_FORM_UDP, 0}, {4, XESP_FORM_UDP, 0}};
	uint8_t inner[NEST_PACKET_MAX];
	struct esp_packet packet;
	struct event event;

	(void)state;
	set_up(&kind);
	worker_group_monitor_packets(bench.group, true);
	packet = nested_packet(inner);
	event = event_of(&packet, 0);
	expect_event(&event, bench.nest.tunnel_sa, XESP_REASON_NESTED_UDP, true, false, CRYPTO_SUCCESS);
	assert_int_equal(bench.delivered, 1);
	assert_memory_equal(bench.packet, inner, bench.packet_len);
	assert_int_equal(count_of(XESP_REASON_NESTED_UDP), 1);
	tear_down();
}

static bool readable(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	return poll(&pollfd, 1, 0) == 1;
}

/* Nothing is told that nobody wants; the control thread is woken once, and again after it has read all. */
static void test_wake_ups(void **state)
{
	struct event event;
	int fd;

	(void)state;
	set_up(&nest_kinds[0]);
	fd = worker_group_event_fd(bench.group);
	send_nested(0);
	run_all();
	while (worker_group_next_event(bench.group, &event))
		assert_int_not_equal(event.type, EVENT_PACKET);
	assert_false(readable(fd));
	worker_group_monitor_packets(bench.group, true);
	send_nested(0);
	run_all();
	assert_true(readable(fd));
	event = only_packet_event();
	assert_false(readable(fd));
	send_nested(1);
	run_all();
	assert_true(readable(fd));
	worker_group_monitor_packets(bench.group, false);
	send_nested(0);
	run_all();
	event = only_packet_event();
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result_of_both_layers),
		cmocka_unit_test(test_result_of_bad_tunnel),
		cmocka_unit_test(test_result_of_bad_content),
		cmocka_unit_test(test_sa_deleted_on_the_way),
		cmocka_unit_test(test_udp_in_udp_is_delivered_closed),
		cmocka_unit_test(test_wake_ups),
	};

	return cmocka_run_group_tests_name("worker_monitor", tests, NULL, NULL);
}
