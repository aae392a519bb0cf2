/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workers of one interface: one thread a receive queue. A worker takes packets from its AF_XDP socket,
 * opens those whose SA it owns, hands the others to their owner, delivers, and gives the frames back. An SA
 * belongs to the worker that saw its first packet, so no window is ever locked.
 */
#ifndef XESP_DATAPLANE_WORKER_H
#define XESP_DATAPLANE_WORKER_H

#include <stdint.h>
#include <xesp/drop_reasons.h>

#include "control/sadb.h"
#include "dataplane/event.h"
#include "dataplane/send.h"
#include "dataplane/sink.h"
#include "dataplane/xsk.h"

struct worker_group;
struct spd;

/* One queue as the loader opened it. The group takes over the descriptors when worker_group_add()
 * succeeds. */
struct worker_queue {
	struct ipc_queue info;
	int socket;
	int umem;
	int sink; /* -1 for the null sink */
};

/* What the workers of a group have counted, for status and stats. */
struct worker_state {
	uint32_t queue;
	uint32_t cpu;
	bool zero_copy;
	bool multi_buffer; /* takes packets that need several frames */
	uint32_t frames;
	struct xsk_levels levels;
	uint64_t cut_pieces;  /* of UDP segments, that came as one packet */
	uint64_t cut_packets; /* that they were */
	struct sink_state sink;
	bool sends;
	struct send_state send; /* if it does */
};

int worker_group_new(uint32_t capacity, const struct crypto_provider *provider, const struct sink_ops *sink,
		     struct worker_group **ret_group);
/* Ends the threads after they have worked off what was received, closes everything; NULL-safe. The
 * interface must be detached, the SA store still be there. */
void worker_group_free(struct worker_group *group);

int worker_group_add(struct worker_group *group, const struct worker_queue *queue);
/* Which packets of the host are sent, also by workers that come later; NULL, as at first: none. No thread
 * runs. `mss_clamp`: see send_set_spd(). */
void worker_group_set_spd(struct worker_group *group, const struct spd *spd, bool mss_clamp);
/* For the sink `dev`: who is behind the inside interface. No thread runs. */
void worker_group_set_inside(struct worker_group *group, struct inside *inside);
/* Whether pieces of UDP segments can come (struct ipc_attached); at first not. Where they cannot, what looks
 * like one is a packet: who forges one costs us no more than any packet does. No thread runs. */
void worker_group_set_segments(struct worker_group *group, bool come);
/* The way out of the group's interface, which outlives the group, and how it is sent through. Before the
 * threads run for the first time; without it, every interface is sent through by packet socket. */
void worker_group_set_port(struct worker_group *group, struct port *port, enum tx_mode mode);
/* Starts one thread a queue; `db` must outlive the group's threads. On failure none runs. */
int worker_group_start(struct worker_group *group, const struct sadb *db);
/* Ends the threads but keeps counters and memory; idempotent. */
void worker_group_stop(struct worker_group *group);

/* Ends the workers of queue `count` and above, or adds those of `queues` until there are `count`, between
 * worker_group_stop() and worker_group_start(). SAs of a worker that ends belong to the one that sees their
 * next packet; what it has counted stays counted. The descriptors are the group's in any case. -ENOMEM,
 * -errno: there are as many workers as before. */
int worker_group_resize(struct worker_group *group, uint32_t count, const struct worker_queue *queues);

/* Waits until each worker has passed a point where it holds no SA, since this call, or since the last one
 * with `begin`; but not longer than this: false (struct sadb_config.quiesce). */
bool worker_group_quiesce(void *ctx, bool begin, unsigned int timeout_ms);
/* Wipes what the workers made of a key of which they hold no SA any more (struct sadb_config.forget). */
void worker_group_forget(void *ctx, const struct crypto_key *key);

uint32_t worker_group_count(const struct worker_group *group);
/* Every socket takes packets that need several frames. */
bool worker_group_multi_buffer(const struct worker_group *group);
void worker_group_state(const struct worker_group *group, uint32_t i, struct worker_state *ret_state);
/* Adds to `counters`, XESP_REASON_END elements indexed by reason. */
void worker_group_counters(const struct worker_group *group, uint64_t *counters);

/* Whether each packet's exit becomes an event; off at first. */
void worker_group_monitor_packets(struct worker_group *group, bool on);
/* Readable when there may be events; becomes so again only after worker_group_next_event() said false. */
int worker_group_event_fd(const struct worker_group *group);
/* The next event that a worker told: in order for each worker, and EVENT_LOST where its ring was full. False
 * if there is none. Also after worker_group_stop(). */
bool worker_group_next_event(struct worker_group *group, struct event *ret_event);

#endif
