/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers on the sockets of xsk_rig.h. No threads: the test says whose turn it is. The SAs are those of
 * tests/lib/nest.h.
 */
#ifndef XESP_TESTS_WORKER_RIG_H
#define XESP_TESTS_WORKER_RIG_H

#include "dataplane/worker_private.h"
#include "tests/lib/nest.h"
#include "tests/lib/packet.h"
#include "tests/unit/xsk_rig.h"

#define QUEUES 3
#define FRAMES 32 /* of a queue, where the test does not say another number */

static struct {
	uint64_t sent;
	struct nest nest;
	struct worker_group *group;
	size_t data_len; /* of the packets that plain_inner() makes */
	/* what the sinks got */
	size_t delivered;
	enum xesp_reason reason;
	uint8_t packet[NEST_PACKET_MAX];
	size_t packet_len;
} bench;

static inline void deliver(struct sink *sink, struct esp_packet *packets, size_t count)
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

static const struct sink_ops sink = {.name = "test", .deliver = deliver};

static inline struct worker_queue queue_of(uint32_t number, uint32_t frames)
{
	return (struct worker_queue){.info = kernel_queue(number, frames),
				     .socket = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				     .umem = -1,
				     .sink = -1};
}

/* Workers for the SAs that are there. */
static inline void set_up_workers(uint32_t frames)
{
	assert_int_equal(worker_group_new(QUEUES, bench.nest.tunnel.provider, &sink, &bench.group), 0);
	bench.group->db = bench.nest.db;
	for (uint32_t i = 0; i < QUEUES; i++) {
		struct worker_queue queue = queue_of(i, frames);

		assert_int_equal(worker_group_add(bench.group, &queue), 0);
	}
}

static inline void set_up_frames(const struct nest_kind *kind, uint32_t frames)
{
	memset(&bench, 0, sizeof(bench));
	bench.data_len = 99;
	nest_setup_kind(&bench.nest, kind);
	set_up_workers(frames);
}

static inline void set_up(const struct nest_kind *kind)
{
	set_up_frames(kind, FRAMES);
}

static inline void tear_down(void)
{
	worker_group_free(bench.group);
	nest_teardown(&bench.nest);
}

/* To a queue, `len` bytes of it, with its metadata in front. */
static inline void send_part(uint32_t number, const struct esp_packet *packet, size_t len)
{
	uint8_t bytes[sizeof(packet->meta) + NEST_PACKET_MAX];

	assert_true(len <= NEST_PACKET_MAX);
	memcpy(bytes, &packet->meta, sizeof(packet->meta));
	memcpy(bytes + sizeof(packet->meta), packet->frame, len);
	assert_true(kernel_receive(number, bytes + sizeof(packet->meta), len, sizeof(packet->meta)));
	bench.sent++;
}

static inline void send_packet(uint32_t number, const struct esp_packet *packet)
{
	send_part(number, packet, packet->frame_len);
}

static inline size_t plain_inner(uint8_t *out)
{
	struct packet_spec spec = {.family = bench.nest.kind.transport.family,
				   .protocol = IPPROTO_UDP,
				   .src = packet_addr(bench.nest.kind.transport.family, 2),
				   .dst = packet_addr(bench.nest.kind.transport.family, 0),
				   .sport = 7,
				   .dport = 9,
				   .data_len = bench.data_len};

	return packet_build(&spec, out);
}

/* A sound one of both layers; `inner` (may be NULL) gets the IP packet that the tunnel carries. */
static inline struct esp_packet nested_packet(uint8_t *inner)
{
	uint8_t plain[NEST_PACKET_MAX], bytes[NEST_PACKET_MAX];
	size_t len = plain_inner(plain);
	size_t header = bench.nest.kind.transport.family == 4 ? 20 : 40;

	len = nest_inner(&bench.nest, plain + header, len - header, IPPROTO_UDP, bytes);
	if (inner)
		memcpy(inner, bytes, len);
	return nest_wrap(&bench.nest, 0, bytes, len);
}

static inline void send_nested(uint32_t queue)
{
	const struct esp_packet packet = nested_packet(NULL);

	send_packet(queue, &packet);
}

static inline void own(struct sa *sa, uint32_t worker)
{
	atomic_store(&sa->owner, worker);
}

static inline void run_all(void)
{
	for (int round = 0; round < 4; round++)
		for (uint32_t i = 0; i < QUEUES; i++)
			worker_run_once(bench.group->workers[i]);
}

static inline uint64_t count_of(enum xesp_reason reason)
{
	uint64_t counters[XESP_REASON_END] = {0};

	worker_group_counters(bench.group, counters);
	return counters[reason];
}

/* Every packet has one exit, those of a piece of UDP segments each, and every frame and jumbo buffer is at
 * home. */
static inline void expect_sums(void)
{
	uint64_t counters[XESP_REASON_END] = {0};
	uint64_t counted = 0, received = 0, more = 0;

	worker_group_counters(bench.group, counters);
	for (unsigned int reason = 0; reason < XESP_REASON_END; reason++)
		counted += counters[reason];
	for (uint32_t i = 0; i < bench.group->count; i++) {
		struct worker_state queue;

		worker_group_state(bench.group, i, &queue);
		received += queue.levels.received;
		more += queue.cut_packets - queue.cut_pieces;
		assert_int_equal(queue.levels.fill, queue.frames);
		assert_int_equal(queue.levels.rx, 0);
		assert_int_equal(queue.levels.held, 0);
		assert_int_equal(queue.levels.jumbo_held, 0);
		assert_int_equal(bench.group->workers[i]->away, 0);
	}
	assert_int_equal(received, bench.sent);
	assert_int_equal(counted, bench.sent + more);
}

static inline void expect_plain_delivered(size_t packets)
{
	uint8_t plain[NEST_PACKET_MAX];
	size_t len = plain_inner(plain);

	assert_int_equal(bench.delivered, packets);
	assert_int_equal(bench.reason, XESP_REASON_DELIVERED);
	assert_int_equal(bench.packet_len, len);
	assert_memory_equal(bench.packet, plain, len);
}

#endif
