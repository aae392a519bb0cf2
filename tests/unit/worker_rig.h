/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers on sockets that are none: this stands in for dataplane/xsk.c, with sockets that give out the frames
 * which a test put there. No threads: the test says whose turn it is. The SAs are those of tests/lib/nest.h.
 */
#ifndef XESP_TESTS_WORKER_RIG_H
#define XESP_TESTS_WORKER_RIG_H

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

static uint32_t refuse(struct sink *sink, uint32_t max, uint64_t now)
{
	(void)sink;
	(void)max;
	(void)now;
	return 0;
}

static const struct sink_ops sink = {.name = "test", .deliver = deliver, .refuse = refuse};

static inline void set_up(const struct nest_kind *kind)
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

static inline void tear_down(void)
{
	worker_group_free(bench.group);
	nest_teardown(&bench.nest);
}

/* Puts the packet into the next frame of a queue, with its metadata in front. */
static inline void send_packet(uint32_t number, const struct esp_packet *packet)
{
	struct queue *queue = &bench.queues[number];
	uint8_t *at = queue->umem + (size_t)queue->sent * XESP_FRAME_SIZE + HEADROOM;

	assert_true(queue->sent < FRAMES);
	memcpy(at, packet->frame, packet->frame_len);
	memcpy(at - sizeof(packet->meta), &packet->meta, sizeof(packet->meta));
	queue->lengths[queue->sent++] = packet->frame_len;
}

static inline size_t plain_inner(uint8_t *out)
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

/* Every packet has one exit, and every frame is at home. */
static inline void expect_sums(void)
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
