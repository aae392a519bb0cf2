/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers come and go with the queues of their interface. Control thread, while no worker runs: so the window
 * of an SA has one owner at any time, and no packet is on its way between two workers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dataplane/worker_private.h"

/* ---- rings --------------------------------------------------------------------------------------------- */

static struct handoff *rings_new(size_t pairs)
{
	struct handoff *rings = aligned_alloc(64, pairs * sizeof(*rings));

	/* Pages of pairs that never exchange a packet are touched here only. */
	for (size_t i = 0; rings && i < pairs; i++) {
		atomic_init(&rings[i].head, 0);
		atomic_init(&rings[i].tail, 0);
	}
	return rings;
}

int worker_group_make_room(struct worker_group *group, uint32_t capacity)
{
	CLEANUP_FREE struct worker **workers = calloc(capacity, sizeof(struct worker *));
	CLEANUP_FREE struct handoff *packets = NULL;
	CLEANUP_FREE struct handoff *frames = NULL;

	if (!workers)
		return -ENOMEM;
	if (capacity > 1) {
		packets = rings_new((size_t)capacity * capacity);
		frames = rings_new((size_t)capacity * capacity);
		if (!packets || !frames)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < group->count; i++)
		workers[i] = group->workers[i];
	free(group->workers);
	free(group->packets);
	free(group->frames);
	group->workers = TAKE_PTR(workers);
	group->packets = TAKE_PTR(packets);
	group->frames = TAKE_PTR(frames);
	group->capacity = capacity;
	return 0;
}

/* ---- fewer --------------------------------------------------------------------------------------------- */

/* SAs whose owner is no more; see owner_of() in worker.c. */
static void orphan_sas(const struct worker_group *group, uint32_t count)
{
	const struct sa *found;
	uint32_t slot = 0;

	while ((found = sadb_next(group->db, &slot))) {
		struct sa *sa = sadb_get(group->db, found->index, found->generation);
		uint32_t owner = atomic_load(&sa->owner);

		if (owner != SA_OWNER_NONE && owner >= count)
			atomic_store(&sa->owner, SA_OWNER_NONE);
	}
}

void worker_add_counters(const struct worker *worker, uint64_t *counters)
{
	for (uint32_t i = 0; i < XESP_REASON_END - XESP_ENGINE_REASON_FIRST; i++)
		counters[i] += atomic_load_explicit(&worker->counters[i], memory_order_relaxed);
}

static void shrink(struct worker_group *group, uint32_t count)
{
	orphan_sas(group, count);
	while (group->count > count) {
		struct worker *worker = group->workers[--group->count];

		worker_add_counters(worker, group->retired);
		worker_free(worker);
	}
}

/* ---- more ---------------------------------------------------------------------------------------------- */

static void close_queue(const struct worker_queue *queue)
{
	int fds[] = {queue->socket, queue->umem, queue->sink};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		cleanup_fd(&fds[i]);
}

static int grow(struct worker_group *group, uint32_t count, const struct worker_queue *queues)
{
	uint32_t before = group->count;
	uint32_t added = 0;
	int err = count > group->capacity ? worker_group_make_room(group, count) : 0;

	while (!err && group->count < count) {
		err = worker_group_add(group, &queues[added]);
		added += !err;
	}
	if (!err)
		return 0;
	for (; added < count - before; added++)
		close_queue(&queues[added]);
	shrink(group, before);
	return err;
}

int worker_group_resize(struct worker_group *group, uint32_t count, const struct worker_queue *queues)
{
	if (count > group->count)
		return grow(group, count, queues);
	shrink(group, count);
	return 0;
}
