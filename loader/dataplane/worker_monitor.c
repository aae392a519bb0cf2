/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PACKET events of a worker: one for each packet that leaves it, with the result as NDIS reports it, while
 * somebody wants them. By the worker's thread.
 */
#include <time.h>

#include "dataplane/esp_event.h"
#include "dataplane/esp_meta.h"
#include "dataplane/worker_private.h"

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void worker_monitor_note(struct worker *worker, size_t i, const struct esp_packet *packet)
{
	struct event *event = &worker->burst.events[i];

	if (!worker->burst.monitored)
		return;
	if (esp_meta_fits(packet))
		esp_event_fill(packet, EVENT_PACKET, event);
	else
		*event = (struct event){.type = EVENT_PACKET, .sa_index = UINT32_MAX};
	event->outer_spi = packet->outer_spi;
}

void worker_monitor_begin(struct worker *worker)
{
	struct burst *burst = &worker->burst;

	burst->monitored = atomic_load_explicit(&worker->group->monitor_packets, memory_order_relaxed);
	for (size_t i = 0; burst->monitored && i < burst->count; i++)
		worker_monitor_note(worker, i, &burst->packets[i]);
}

static void tell(struct worker *worker, struct event *event, enum xesp_reason reason,
		 const struct esp_result *result)
{
	event->time_ns = now_ns();
	event->reason = (uint8_t)reason;
	event->crypto_done = result->crypto_done;
	event->next_crypto_done = result->next_crypto_done;
	event->crypto_status = result->crypto_status;
	worker_tell(worker, event);
}

void worker_monitor_tell(struct worker *worker, size_t i)
{
	const struct esp_packet *packet = &worker->burst.packets[i];
	struct event *event = &worker->burst.events[i];

	if (!worker->burst.monitored)
		return;
	event->seq = packet->seq;
	tell(worker, event, packet->reason, &packet->result);
}

void worker_monitor_refused(struct worker *worker, const struct origin *origin, const struct xesp_meta *meta,
			    enum xesp_reason reason)
{
	struct esp_result result = esp_result_of(reason, SA_MODE_TRANSPORT, false, origin->outer_spi != 0);
	struct event event = {.type = EVENT_PACKET, .sa_index = UINT32_MAX, .outer_spi = origin->outer_spi};

	if (!atomic_load_explicit(&worker->group->monitor_packets, memory_order_relaxed))
		return;
	if (reason != XESP_REASON_BAD_META) {
		event.form = meta->form;
		event.sa_index = meta->sa_index;
		event.sa_generation = meta->sa_generation;
	}
	tell(worker, &event, reason, &result);
}
