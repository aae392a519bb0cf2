/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nested packets among the workers of a group, and what the monitor is told of each packet. This file stands
 * in for dataplane/xsk.c: a socket gives out the frames that a test put there. No threads: the test says
 * whose turn it is.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/worker_private.h"
#include "tests/lib/nest.h"
#include "tests/lib/packet.h"

#define QUEUES 3
#define FRAMES 32
#define HEADROOM 256

struct queue {
	uint8_t *umem;
	uint32_t lengths[FRAMES]; /* of the packets in the frames from 0 on */
	uint32_t sent;		  /* by the test, */
	uint32_t received;	  /* of them by the worker, */
	uint32_t returned;	  /* of them by it, too */
};

static struct {
	struct queue queues[QUEUES];
	struct nest nest;
	struct worker_group *group;
	/* what the sinks got */
	size_t delivered;
	enum xesp_reason reason;
	uint8_t packet[NEST_PACKET_MAX];
	size_t packet_len;
} bench;

/* ---- dataplane/xsk.h ------------------------------------------------------------------------------------
 */

int xsk_map(const struct ipc_queue *info, int socket, int umem, struct xsk *ret_xsk)
{
	struct queue *queue = &bench.queues[info->number];

	(void)umem;
	queue->umem = aligned_alloc(4096, (size_t)FRAMES * XESP_FRAME_SIZE);
	assert_non_null(queue->umem);
	*ret_xsk = (struct xsk){.socket = socket, .umem = queue->umem, .info = *info};
	return 0;
}

void xsk_unmap(struct xsk *xsk)
{
	free(xsk->umem);
	close(xsk->socket);
}

uint32_t xsk_receive(struct xsk *xsk, struct xsk_frame *ret_frames, uint32_t max)
{
	struct queue *queue = &bench.queues[xsk->info.number];
	uint32_t count = 0;

	for (; count < max && queue->received < queue->sent; count++, queue->received++)
		ret_frames[count] =
			(struct xsk_frame){.addr = (uint64_t)queue->received * XESP_FRAME_SIZE + HEADROOM,
					   .len = queue->lengths[queue->received]};
	return count;
}

void xsk_return(struct xsk *xsk, uint64_t addr)
{
	struct queue *queue = &bench.queues[xsk->info.number];

	assert_int_equal(addr % XESP_FRAME_SIZE, HEADROOM);
	assert_true(addr / XESP_FRAME_SIZE < queue->received);
	queue->returned++;
}

void xsk_flush(struct xsk *xsk)
{
	(void)xsk;
}

void xsk_read_levels(const struct xsk *xsk, struct xsk_levels *ret_levels)
{
	(void)xsk;
	*ret_levels = (struct xsk_levels){0};
}

/* ---- the bench ------------------------------------------------------------------------------------------
 */

static void deliver(struct sink *sink, struct esp_packet *packets, size_t count)
{
	(void)sink;
	for (size_t i = 0; i < count; i++) {
		if (!esp_is_delivered(packets[i].reason))
			continue;
		bench.delivered++;
		bench.reason = packets[i].reason;
		bench.packet_len = packets[i].packet_len;
		assert_true(bench.packet_len <= sizeof(bench.packet));
		memcpy(bench.packet, packets[i].packet, bench.packet_len);
	}
}

static uint32_t refuse(struct sink *sink, uint32_t max, uint64_t now)
{
	(void)sink;
	(void)max;
	(void)now;
	return 0;
}

static const struct sink_ops sink = {.name = "test", .deliver = deliver, .refuse = refuse};

static void set_up(const struct nest_kind *kind)
{
	memset(&bench, 0, sizeof(bench));
	nest_setup_kind(&bench.nest, kind);
	assert_int_equal(worker_group_new(QUEUES, bench.nest.tunnel.provider, &sink, &bench.group), 0);
	bench.group->db = bench.nest.db;
	for (uint32_t i = 0; i < QUEUES; i++) {
		struct worker_queue queue = {.info = {.number = i, .frames = FRAMES, .rx_size = FRAMES},
					     .socket = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
					     .umem = -1,
					     .sink = -1};

		assert_int_equal(worker_group_add(bench.group, &queue), 0);
	}
}

static void tear_down(void)
{
	worker_group_free(bench.group);
	nest_teardown(&bench.nest);
}

/* Puts the packet into the next frame of a queue, with its metadata in front. */
static void send_packet(uint32_t number, const struct esp_packet *packet)
{
	struct queue *queue = &bench.queues[number];
	uint8_t *at = queue->umem + (size_t)queue->sent * XESP_FRAME_SIZE + HEADROOM;

	assert_true(queue->sent < FRAMES);
	memcpy(at, packet->frame, packet->frame_len);
	memcpy(at - sizeof(packet->meta), &packet->meta, sizeof(packet->meta));
	queue->lengths[queue->sent++] = packet->frame_len;
}

static size_t plain_inner(uint8_t *out)
{
	struct packet_spec spec = {.family = bench.nest.kind.transport.family,
				   .protocol = IPPROTO_UDP,
				   .src = packet_addr(bench.nest.kind.transport.family, 2),
				   .dst = packet_addr(bench.nest.kind.transport.family, 0),
				   .sport = 7,
				   .dport = 9,
				   .data_len = 99};

	return packet_build(&spec, out);
}

/* A sound one of both layers; `inner` (may be NULL) gets the IP packet that the tunnel carries. */
static struct esp_packet nested_packet(uint8_t *inner)
{
	uint8_t plain[NEST_PACKET_MAX], bytes[NEST_PACKET_MAX];
	size_t len = plain_inner(plain);
	size_t header = bench.nest.kind.transport.family == 4 ? 20 : 40;

	len = nest_inner(&bench.nest, plain + header, len - header, IPPROTO_UDP, bytes);
	if (inner)
		memcpy(inner, bytes, len);
	return nest_wrap(&bench.nest, 0, bytes, len);
}

static void send_nested(uint32_t queue)
{
	const struct esp_packet packet = nested_packet(NULL);

	send_packet(queue, &packet);
}

static void own(struct sa *sa, uint32_t worker)
{
	atomic_store(&sa->owner, worker);
}

static void run_all(void)
{
	for (int round = 0; round < 4; round++)
		for (uint32_t i = 0; i < QUEUES; i++)
			worker_run_once(bench.group->workers[i]);
}

static uint64_t count_of(enum xesp_reason reason)
{
	uint64_t counters[XESP_REASON_END] = {0};

	worker_group_counters(bench.group, counters);
	return counters[reason];
}

/* Every packet has one exit, and every frame is at home. */
static void expect_sums(void)
{
	uint64_t counters[XESP_REASON_END] = {0};
	uint64_t sent = 0, counted = 0;

	worker_group_counters(bench.group, counters);
	for (unsigned int reason = 0; reason < XESP_REASON_END; reason++)
		counted += counters[reason];
	for (uint32_t i = 0; i < QUEUES; i++) {
		sent += bench.queues[i].sent;
		assert_int_equal(bench.queues[i].returned, bench.queues[i].sent);
		assert_int_equal(bench.group->workers[i]->away, 0);
	}
	assert_int_equal(counted, sent);
}

static void expect_plain_delivered(size_t packets)
{
	uint8_t plain[NEST_PACKET_MAX];
	size_t len = plain_inner(plain);

	assert_int_equal(bench.delivered, packets);
	assert_int_equal(bench.reason, XESP_REASON_DELIVERED);
	assert_int_equal(bench.packet_len, len);
	assert_memory_equal(bench.packet, plain, len);
}

/* ---- owners --------------------------------------------------------------------------------------------
 */

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

/* ---- what the monitor is told --------------------------------------------------------------------------
 */

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

/* M17, M18, M21, M22: one event a packet, with NDIS' result, whatever way the packet goes. */
static void test_results_on_the_monitor(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < NEST_KINDS; kind++)
		for (uint32_t inner_owner = 0; inner_owner < QUEUES; inner_owner++) {
			uint8_t inner[NEST_PACKET_MAX];
			struct esp_packet packet;
			struct event event;
			size_t len;

			set_up(&nest_kinds[kind]);
			own(bench.nest.tunnel_sa, 1);
			own(bench.nest.transport_sa, inner_owner);
			worker_group_monitor_packets(bench.group, true);

			packet = nested_packet(inner);
			len = packet.meta.esp_length;
			event = event_of(&packet, 0);
			expect_event(&event, bench.nest.transport_sa, XESP_REASON_DELIVERED, true, true,
				     CRYPTO_SUCCESS);
			assert_int_equal(event.outer_spi, bench.nest.tunnel_sa->spi);
			assert_int_equal(event.spi, bench.nest.transport_sa->spi);
			assert_int_equal(event.seq, 1);
			assert_int_equal(event.family, bench.nest.kind.transport.family);
			assert_int_equal(event.form, bench.nest.kind.transport.form);
			assert_memory_equal(event.src, packet_addr(event.family, 2),
					    event.family == 4 ? 4 : 16);
			assert_memory_equal(event.dst, packet_addr(event.family, 0),
					    event.family == 4 ? 4 : 16);

			packet = nested_packet(NULL);
			packet.frame[packet.meta.esp_offset + len - 1] ^= 1;
			event = event_of(&packet, 0);
			expect_event(&event, bench.nest.tunnel_sa, XESP_REASON_AUTH_FAILED, true, false,
				     CRYPTO_TUNNEL_ESP_AUTH_FAILED);
			assert_int_equal(event.outer_spi, 0);

			bench.nest.tunnel.seal.seq = 1;
			packet = nested_packet(NULL);
			event = event_of(&packet, 0);
			expect_event(&event, bench.nest.tunnel_sa, XESP_REASON_REPLAY_DUPLICATE, false, false,
				     CRYPTO_SUCCESS);

			bench.nest.tunnel.seal.seq = 10;
			bench.nest.transport.seal.seq = 1;
			packet = nested_packet(NULL);
			event = event_of(&packet, 0);
			expect_event(&event, bench.nest.transport_sa, XESP_REASON_REPLAY_DUPLICATE, true,
				     false, CRYPTO_SUCCESS);

			bench.nest.transport.seal.seq = 20;
			bench.nest.transport.key[0] ^= 1;
			packet = nested_packet(NULL);
			event = event_of(&packet, 0);
			expect_event(&event, bench.nest.transport_sa, XESP_REASON_AUTH_FAILED, true, true,
				     CRYPTO_TRANSPORT_ESP_AUTH_FAILED);

			packet.meta.magic = 0;
			event = event_of(&packet, 0);
			assert_int_equal(event.reason, XESP_REASON_BAD_META);
			assert_false(event.crypto_done || event.next_crypto_done);
			expect_sums();
			tear_down();
		}
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
		cmocka_unit_test(test_each_way_through_the_workers),
		cmocka_unit_test(test_first_packet_decides_the_owner),
		cmocka_unit_test(test_handing_over_what_is_too_much),
		cmocka_unit_test(test_results_on_the_monitor),
		cmocka_unit_test(test_sa_deleted_on_the_way),
		cmocka_unit_test(test_udp_in_udp_is_delivered_closed),
		cmocka_unit_test(test_wake_ups),
	};

	return cmocka_run_group_tests_name("worker_nested", tests, NULL, NULL);
}
