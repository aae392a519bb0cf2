/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workers of an interface together: made, started, stopped and read by the control thread.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/cleanup.h"
#include "dataplane/worker_private.h"

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	if (worker->xsk.umem)
		xsk_unmap(&worker->xsk);
	cleanup_fd(&worker->sink.fd);
	cleanup_fd(&worker->wake);
	free(worker->events);
	send_free(worker->send);
	if (worker->crypto)
		worker->group->provider->ctx_free(worker->crypto);
	free(worker);
}

int worker_group_new(uint32_t capacity, const struct crypto_provider *provider, const struct sink_ops *sink,
		     struct worker_group **ret_group)
{
	struct worker_group *group = calloc(1, sizeof(*group));
	int err;

	if (!group)
		return -ENOMEM;
	*group = (struct worker_group){.provider = provider, .sink = sink};
	atomic_init(&group->events_awaited, true);
	group->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (group->event_fd < 0) {
		err = -errno;
		free(group);
		return err;
	}
	err = worker_group_make_room(group, capacity);
	if (err) {
		worker_group_free(group);
		return err;
	}
	*ret_group = group;
	return 0;
}

void worker_group_free(struct worker_group *group)
{
	if (!group)
		return;
	worker_group_stop(group);
	for (uint32_t i = 0; i < group->count; i++)
		worker_free(group->workers[i]);
	free(group->workers);
	free(group->packets);
	free(group->frames);
	cleanup_fd(&group->event_fd);
	free(group);
}

/* The n-th of the CPUs that this process may use, so that a cpuset is respected. */
static uint32_t cpu_for(uint32_t number)
{
	cpu_set_t allowed;
	uint32_t left;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) || !CPU_COUNT(&allowed))
		return 0;
	left = number % (uint32_t)CPU_COUNT(&allowed);
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && left-- == 0)
			return cpu;
	return 0;
}

/* The null sink has nothing to be sent. */
static int add_send(struct worker *worker, int tun)
{
	const struct send_config config = {.tun = tun,
					   .worker = worker->number,
					   .crypto = worker->crypto,
					   .counters = worker->counters,
					   .events = worker->events};

	return tun < 0 ? 0 : send_new(&config, &worker->send);
}

int worker_group_add(struct worker_group *group, const struct worker_queue *queue)
{
	struct worker *worker = NULL;
	int err;

	if (group->count == group->capacity)
		return -ENOSPC;
	worker = aligned_alloc(64, (sizeof(*worker) + 63) / 64 * 64);
	if (!worker)
		return -ENOMEM;
	memset(worker, 0, sizeof(*worker));
	worker->group = group;
	worker->number = group->count;
	worker->cpu = cpu_for(group->count);
	worker->sink = (struct sink){.ops = group->sink, .fd = -1, .worker = group->count};
	worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->wake < 0) {
		err = -errno;
		goto failed;
	}
	err = worker_events_new(&worker->events);
	if (!err)
		err = group->provider->ctx_new(&worker->crypto);
	if (err)
		goto failed;
	err = add_send(worker, queue->sink);
	if (err)
		goto failed;
	err = xsk_map(&queue->info, queue->socket, queue->umem, &worker->xsk);
	if (err)
		goto failed;
	worker->sink.fd = queue->sink;
	group->workers[group->count++] = worker;
	return 0;

failed:
	worker_free(worker);
	return err;
}

void worker_group_set_spd(struct worker_group *group, const struct spd *spd, bool mss_clamp)
{
	group->spd = spd;
	group->mss_clamp = mss_clamp;
}

void worker_group_set_inside(struct worker_group *group, struct inside *inside)
{
	group->inside = inside;
}

void worker_group_set_segments(struct worker_group *group, bool come)
{
	group->segments = come;
}

void worker_group_set_port(struct worker_group *group, struct port *port, enum tx_mode mode)
{
	group->port = port;
	group->tx_mode = mode;
}

static void ready_send(struct worker *worker)
{
	const struct worker_group *group = worker->group;

	if (!worker->send)
		return;
	send_set_spd(worker->send, group->spd, group->mss_clamp);
	if (group->port)
		send_set_port(worker->send, group->port, &worker->xsk.tx, group->tx_mode);
}

int worker_group_start(struct worker_group *group, const struct sadb *db)
{
	group->db = db;
	for (uint32_t i = 0; i < group->count; i++)
		group->workers[i]->sink.inside = group->inside;
	for (uint32_t i = 0; i < group->count; i++)
		ready_send(group->workers[i]);
	atomic_store(&group->stop, false);
	for (uint32_t i = 0; i < group->count; i++) {
		int err = worker_start(group->workers[i]);

		if (err) {
			worker_group_stop(group);
			return err;
		}
	}
	return 0;
}

/* Threads that have ended may have handed packets to others that ended before: what is left is worked
 * off here, so that every packet has its exit. */
static void drain(struct worker_group *group)
{
	bool any;

	do {
		any = false;
		for (uint32_t i = 0; i < group->count; i++)
			any |= worker_drain(group->workers[i]);
	} while (any);
}

void worker_group_stop(struct worker_group *group)
{
	bool started = false;

	atomic_store(&group->stop, true);
	for (uint32_t i = 0; i < group->count; i++)
		if (group->workers[i]->started)
			worker_wake(group->workers[i]);
	for (uint32_t i = 0; i < group->count; i++)
		if (group->workers[i]->started) {
			pthread_join(group->workers[i]->thread, NULL);
			group->workers[i]->started = false;
			started = true;
		}
	if (started)
		drain(group);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* True when the round that the worker was in when the wait began, if any, has ended. */
static bool wait_for_round(const struct worker *worker, uint64_t deadline)
{
	while ((worker->awaited & 1) &&
	       atomic_load_explicit(&worker->epoch, memory_order_acquire) == worker->awaited) {
		if (now_ns() >= deadline)
			return false;
		sched_yield();
	}
	return true;
}

bool worker_group_quiesce(void *ctx, bool begin, unsigned int timeout_ms)
{
	const struct worker_group *group = ctx;
	uint64_t deadline = now_ns() + (uint64_t)timeout_ms * 1000000;

	if (begin) {
		/* The store has unpublished the SA before; see worker_enter_store(). */
		atomic_thread_fence(memory_order_seq_cst);
		for (uint32_t i = 0; i < group->count; i++)
			group->workers[i]->awaited =
				atomic_load_explicit(&group->workers[i]->epoch, memory_order_acquire);
	}
	for (uint32_t i = 0; i < group->count; i++)
		if (!wait_for_round(group->workers[i], deadline))
			return false;
	return true;
}

void worker_group_forget(void *ctx, const struct crypto_key *key)
{
	const struct worker_group *group = ctx;

	for (uint32_t i = 0; i < group->count; i++)
		group->provider->forget(group->workers[i]->crypto, key);
}

uint32_t worker_group_count(const struct worker_group *group)
{
	return group->count;
}

bool worker_group_multi_buffer(const struct worker_group *group)
{
	bool all = group->count > 0;

	for (uint32_t i = 0; i < group->count; i++)
		all &= group->workers[i]->xsk.info.multi_buffer != 0;
	return all;
}

void worker_group_state(const struct worker_group *group, uint32_t i, struct worker_state *ret_state)
{
	const struct worker *worker = group->workers[i];

	*ret_state = (struct worker_state){.queue = worker->xsk.info.number,
					   .cpu = worker->cpu,
					   .zero_copy = worker->xsk.info.zero_copy,
					   .multi_buffer = worker->xsk.info.multi_buffer,
					   .frames = worker->xsk.info.frames};
	xsk_read_levels(&worker->xsk, &ret_state->levels);
	ret_state->cut_pieces = atomic_load_explicit(&worker->cut_pieces, memory_order_relaxed);
	ret_state->cut_packets = atomic_load_explicit(&worker->cut_packets, memory_order_relaxed);
	sink_read_state(&worker->sink, &ret_state->sink);
	ret_state->sends = worker->send != NULL;
	if (worker->send)
		send_read_state(worker->send, &ret_state->send);
}

void worker_group_counters(const struct worker_group *group, uint64_t *counters)
{
	for (uint32_t reason = XESP_ENGINE_REASON_FIRST; reason < XESP_REASON_END; reason++)
		counters[reason] += group->retired[reason - XESP_ENGINE_REASON_FIRST];
	for (uint32_t i = 0; i < group->count; i++)
		worker_add_counters(group->workers[i], counters + XESP_ENGINE_REASON_FIRST);
}
