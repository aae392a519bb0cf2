/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events of the workers on their way to the control thread: worker_tell() and worker_announce() run in the
 * workers, all else in the control thread, which is woken once for whatever a round of a worker told, and
 * only if it sleeps.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/worker_private.h"

int worker_events_new(struct event_ring **ret_events)
{
	struct event_ring *events = aligned_alloc(_Alignof(struct event_ring), sizeof(*events));

	if (!events)
		return -ENOMEM;
	atomic_init(&events->head, 0);
	atomic_init(&events->tail, 0);
	atomic_init(&events->lost, 0);
	*ret_events = events;
	return 0;
}

/* ---- worker ------------------------------------------------------------------------------------------ */

void worker_tell(struct worker *worker, const struct event *event)
{
	event_push(worker->events, event);
}

void worker_announce(struct worker *worker)
{
	struct worker_group *group = worker->group;
	uint32_t head = atomic_load_explicit(&worker->events->head, memory_order_relaxed);
	uint64_t one = 1;

	if (worker->announced == head)
		return;
	worker->announced = head;
	/* Pairs with the fence in worker_group_next_event(): either it sees the event, or we see it asleep.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&group->events_awaited, memory_order_relaxed) &&
	    atomic_exchange_explicit(&group->events_awaited, false, memory_order_relaxed))
		(void)!write(group->event_fd, &one, sizeof(one));
}

/* ---- control thread ---------------------------------------------------------------------------------- */

int worker_group_event_fd(const struct worker_group *group)
{
	return group->event_fd;
}

void worker_group_monitor_packets(struct worker_group *group, bool on)
{
	atomic_store_explicit(&group->monitor_packets, on, memory_order_relaxed);
}

/* What a full ring swallowed, as an event that comes behind those which it held. */
static bool take_lost(struct event_ring *events, struct event *ret_event)
{
	struct timespec now;
	uint32_t lost;

	if (!atomic_load_explicit(&events->lost, memory_order_relaxed))
		return false;
	lost = atomic_exchange_explicit(&events->lost, 0, memory_order_relaxed);
	clock_gettime(CLOCK_REALTIME, &now);
	*ret_event = (struct event){.time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
				    .type = EVENT_LOST,
				    .sa_index = UINT32_MAX,
				    .lost = lost};
	return true;
}

/* Each time another worker is the first, so that one that tells much does not keep the others' waiting. */
static bool take_any(struct worker_group *group, struct event *ret_event)
{
	group->event_turn++;
	for (uint32_t i = 0; i < group->count; i++) {
		struct event_ring *events = group->workers[(group->event_turn + i) % group->count]->events;

		if (event_pop(events, ret_event) || take_lost(events, ret_event))
			return true;
	}
	return false;
}

bool worker_group_next_event(struct worker_group *group, struct event *ret_event)
{
	uint64_t ignored;

	if (take_any(group, ret_event))
		return true;
	(void)!read(group->event_fd, &ignored, sizeof(ignored));
	atomic_store_explicit(&group->events_awaited, true, memory_order_relaxed);
	/* Pairs with the fence in worker_announce(). What is found now costs at most one wake-up for nothing.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	return take_any(group, ret_event);
}
