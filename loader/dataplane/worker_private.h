/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What worker.c (the packets and the thread) and worker_group.c (the control thread's side) share.
 */
#ifndef XESP_DATAPLANE_WORKER_PRIVATE_H
#define XESP_DATAPLANE_WORKER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "dataplane/handoff.h"
#include "dataplane/send.h"
#include "dataplane/worker.h"

/* Where a packet came from, to give its frame back, and how far it has been opened. */
struct origin {
	uint32_t worker;
	uint64_t addr;
	uint8_t *packet;
	uint32_t outer_spi; /* of the tunnel that it was in; 0: it is as received */
	bool handed_over;   /* in this state; it comes no further than here */
};

struct burst {
	size_t count;
	struct esp_packet packets[XESP_BURST_MAX];
	struct origin origins[XESP_BURST_MAX];
	/* The second layers of some of the packets: nested[i] lies in packets[nested_in[i]]. */
	size_t nested_count;
	struct esp_packet nested[XESP_BURST_MAX];
	uint8_t nested_in[XESP_BURST_MAX];
	bool monitored;
	struct event events[XESP_BURST_MAX]; /* one a packet, if they are monitored */
};

/* Audit records in this second. */
struct audit_limit {
	uint64_t second;
	uint32_t told;
	uint32_t suppressed; /* not told of yet */
};

struct worker {
	struct worker_group *group;
	uint32_t number;
	uint32_t cpu;
	pthread_t thread;
	bool started;
	int wake; /* eventfd: a packet was handed over, or the end */
	struct xsk xsk;
	struct sink sink;
	bool sink_gone;	   /* its device was removed */
	struct send *send; /* NULL: nothing comes out of the sink */
	bool sending;	   /* there may be more to send */
	uint32_t rounds;   /* of which not each looks for something to send */
	struct crypto_ctx *crypto;
	uint32_t away; /* frames of this worker that others hold */
	/* Pieces of UDP segments that were cut, and the packets that came of them. */
	_Atomic uint64_t cut_pieces;
	_Atomic uint64_t cut_packets;
	uint32_t turn; /* whose packets are taken first, of those handed over */
	struct burst burst;
	struct event_ring *events;
	uint32_t announced; /* events that the control thread was woken for */
	struct audit_limit audit;
	uint64_t awaited; /* epoch that the control thread has seen; its own */
	/* Odd while the worker may hold an SA that it found in the store. */
	_Alignas(64) _Atomic uint64_t epoch;
	_Atomic bool idle; /* in poll(), or about to be: wants a wake-up */
	_Alignas(64) _Atomic uint64_t counters[XESP_REASON_END - XESP_ENGINE_REASON_FIRST];
};

struct worker_group {
	uint32_t capacity;
	uint32_t count;
	const struct crypto_provider *provider;
	const struct sink_ops *sink;
	const struct sadb *db;
	const struct spd *spd;
	bool mss_clamp;
	bool segments; /* pieces of them can come */
	struct inside *inside;
	struct port *port; /* of the interface */
	enum tx_mode tx_mode;
	_Atomic bool stop;
	_Atomic bool monitor_packets;
	_Atomic bool events_awaited; /* the control thread sleeps until event_fd is written */
	int event_fd;
	uint32_t event_turn; /* whose events are taken first; the control thread's */
	/* counted by workers that are no more */
	uint64_t retired[XESP_REASON_END - XESP_ENGINE_REASON_FIRST];
	struct worker **workers;
	/* [to * capacity + from]; NULL with a single queue */
	struct handoff *packets;
	/* [to * capacity + from]: frames that come back to worker `to` */
	struct handoff *frames;
};

/* From here to worker_leave_store() the worker may hold SAs, outside it holds none. */
static inline void worker_enter_store(struct worker *worker)
{
	uint64_t epoch = atomic_load_explicit(&worker->epoch, memory_order_relaxed);

	atomic_store_explicit(&worker->epoch, epoch + 1, memory_order_relaxed);
	/* Pairs with worker_group_quiesce(): either it sees us busy, or we no longer find the SA. */
	atomic_thread_fence(memory_order_seq_cst);
}

static inline void worker_leave_store(struct worker *worker)
{
	uint64_t epoch = atomic_load_explicit(&worker->epoch, memory_order_relaxed);

	atomic_store_explicit(&worker->epoch, epoch + 1, memory_order_release);
}

/* For so many workers; the threads do not run. -ENOMEM: nothing has changed. */
int worker_group_make_room(struct worker_group *group, uint32_t capacity);
/* The thread does not run; NULL-safe. */
void worker_free(struct worker *worker);
/* Adds to `counters`, which begin with XESP_ENGINE_REASON_FIRST. */
void worker_add_counters(const struct worker *worker, uint64_t *counters);
/* Starts the thread, on the worker's CPU. */
int worker_start(struct worker *worker);
/* Ends its sleep; any thread. */
void worker_wake(struct worker *worker);
/* Events for the control thread: any number in a round, then one announcement. By the worker's thread. */
void worker_tell(struct worker *worker, const struct event *event);
/* Tells of a packet that ended for a reason to be audited, if there is not too much of that. */
void worker_audit(struct worker *worker, const struct esp_packet *packet, uint64_t now);
void worker_announce(struct worker *worker);
int worker_events_new(struct event_ring **ret_events);
/* PACKET events. What they say of a packet is noted before it is opened, which may overwrite its headers. */
void worker_monitor_begin(struct worker *worker);
/* Packet `i` of the burst is about to become its second layer. */
void worker_monitor_note(struct worker *worker, size_t i, const struct esp_packet *packet);
void worker_monitor_tell(struct worker *worker, size_t i);
/* Of a packet that comes into no burst; its metadata count unless the reason is BAD_META. */
void worker_monitor_refused(struct worker *worker, const struct origin *origin, const struct xesp_meta *meta,
			    enum xesp_reason reason);
/* Headers of packets just received and, where there are many, their SAs. */
void worker_prefetch(const struct worker *worker, const struct xsk_packet *packets, uint32_t count);
/* One more packet that ended for the reason. */
void worker_count(struct worker *worker, enum xesp_reason reason);
/* Puts a packet, with its metadata in front, into the burst, hands it to the owner of its SA, or ends it. A
 * full burst is worked off first. */
void worker_take(struct worker *worker, const struct origin *origin, uint32_t len);
/* The same of each packet of a piece of UDP segments, whose frame is the caller's again; false: it is none,
 * and nothing has happened. */
bool worker_take_segments(struct worker *worker, const struct origin *piece, uint32_t len,
			  const struct xesp_meta *meta);
/* Seals a packet that came from inside; BAD_META: the metadata do not fit it, else it is counted where it
 * ends. */
enum xesp_reason worker_seal(struct worker *worker, uint8_t *frame, uint32_t len,
			     const struct xesp_meta *meta, uint64_t now);
/* One round of everything there is to do; false if there was nothing. By its thread. */
bool worker_run_once(struct worker *worker);
/* The same of what other workers handed over and gave back, when all threads have ended. */
bool worker_drain(struct worker *worker);

#endif
