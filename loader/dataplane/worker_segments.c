/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets that a sender on this host left in one piece. The worker's thread. */
#include "dataplane/udp_segments.h"
#include "dataplane/worker_private.h"

static void add_relaxed(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Each gets a jumbo buffer, and is a packet like others from then on: it may be handed over, and comes home
 * by itself. */
static void take_one(struct worker *worker, const struct origin *piece, const struct udp_segments *segments,
		     uint32_t i)
{
	struct origin origin = {.worker = worker->number};

	if (!jumbo_take(&worker->xsk.jumbo, &origin.addr)) {
		worker_count(worker, XESP_REASON_NO_BUFFER);
		worker_monitor_refused(worker, piece, &segments->meta, XESP_REASON_NO_BUFFER);
		return;
	}
	origin.packet = worker->xsk.umem + origin.addr;
	worker_take(worker, &origin, udp_segments_write(segments, i, origin.packet));
}

bool worker_take_segments(struct worker *worker, const struct origin *piece, uint32_t len,
			  const struct xesp_meta *meta)
{
	struct udp_segments segments;

	if (!udp_segments_find(piece->packet, len, meta, &segments))
		return false;
	add_relaxed(&worker->cut_pieces, 1);
	add_relaxed(&worker->cut_packets, segments.count);
	for (uint32_t i = 0; i < segments.count; i++)
		take_one(worker, piece, &segments, i);
	return true;
}
