/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rare packets in the life of an outbound SA. What there is to tell follows from the numbers and bytes
 * that were let go; one worker at a time tells, others go on. An event for which its ring has no room is told
 * with the next packet instead, so none of them is lost.
 */
#include "dataplane/sa_out_watch.h"

#include <string.h>

#include "base/cleanup.h"

/* So many numbers before the end there is still time for a new SA: some tenths of a second at full rate, and
 * far more where anybody would notice. */
#define SEQUENCE_SOFT (1u << 20)

#define NEVER UINT64_MAX

static uint64_t limit_or_never(uint64_t limit)
{
	return limit ? limit : NEVER;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	return b < NEVER - a ? a + b : NEVER;
}

/* ---- numbers at which something is to be told -----------------------------------------------------------
 */

static uint64_t first_use_at(const struct sa_out *sa)
{
	return plus(sa->params.send_seq, 1);
}

static uint64_t packets_soft_at(const struct sa_out *sa)
{
	return plus(sa->params.send_seq, limit_or_never(sa->params.limits.packet_soft));
}

static uint64_t last_possible(const struct sa_out *sa)
{
	return sa->esn ? UINT64_MAX : UINT32_MAX;
}

static uint64_t sequence_soft_at(const struct sa_out *sa)
{
	return last_possible(sa) - SEQUENCE_SOFT + 1;
}

static const struct {
	uint32_t flag;
	enum event_limit limit;
	uint64_t (*at)(const struct sa_out *sa);
} by_number[] = {
	{SA_OUT_TOLD_FIRST_USE, EVENT_LIMIT_NONE, first_use_at},
	{SA_OUT_TOLD_SOFT_PACKETS, EVENT_LIMIT_PACKETS, packets_soft_at},
	{SA_OUT_TOLD_SOFT_SEQUENCE, EVENT_LIMIT_SEQUENCE, sequence_soft_at},
};

/* ---- telling --------------------------------------------------------------------------------------------
 */

void sa_out_watch_fill(const struct sa_out *sa, uint8_t type, struct event *ret_event)
{
	struct sa_out_ends ends;

	sa_out_get_ends(sa, &ends);
	*ret_event = (struct event){.type = type,
				    .family = ends.dst.family == AF_INET6 ? 6 : 4,
				    .form = sa->form,
				    .sa_index = sa->index,
				    .sa_generation = sa->generation,
				    .outbound = true,
				    .spi = sa->spi,
				    .seq = atomic_load_explicit(&sa->last_seq, memory_order_relaxed),
				    .sport = ends.sport,
				    .dport = ends.dport};
	memcpy(ret_event->src, ends.src.bytes, sizeof(ret_event->src));
	memcpy(ret_event->dst, ends.dst.bytes, sizeof(ret_event->dst));
}

/* False: there is no room, and it stays to be told. */
static bool tell(struct sa_out *sa, struct event_ring *events, uint32_t flag, enum event_type type,
		 enum event_limit limit)
{
	struct event event;

	if (events && !event_ring_has_room(events))
		return false;
	if (events) {
		sa_out_watch_fill(sa, (uint8_t)type, &event);
		event.limit = (uint8_t)limit;
		event_push(events, &event);
	}
	atomic_fetch_or_explicit(&sa->watch.told, flag, memory_order_relaxed);
	return true;
}

/* Which hard lifetime is reached. */
static enum event_limit expired(const struct sa_out *sa, uint64_t last, uint64_t bytes)
{
	if (bytes >= limit_or_never(sa->params.limits.byte_hard))
		return EVENT_LIMIT_BYTES;
	if (last < sa->seq_limit)
		return EVENT_LIMIT_NONE;
	return sa->seq_limit == last_possible(sa) ? EVENT_LIMIT_SEQUENCE : EVENT_LIMIT_PACKETS;
}

enum event_limit sa_out_watch_expired(const struct sa_out *sa)
{
	return expired(sa, atomic_load_explicit(&sa->last_seq, memory_order_relaxed),
		       atomic_load_explicit(&sa->watch.bytes, memory_order_relaxed));
}

static uint32_t due(const struct sa_out *sa)
{
	uint64_t last = atomic_load_explicit(&sa->last_seq, memory_order_relaxed);
	uint64_t bytes = atomic_load_explicit(&sa->watch.bytes, memory_order_relaxed);
	uint32_t flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(by_number); i++)
		if (last >= by_number[i].at(sa) && by_number[i].at(sa) != NEVER)
			flags |= by_number[i].flag;
	if (bytes >= limit_or_never(sa->params.limits.byte_soft))
		flags |= SA_OUT_TOLD_SOFT_BYTES;
	if (expired(sa, last, bytes))
		flags |= SA_OUT_TOLD_HARD;
	return flags & ~atomic_load_explicit(&sa->watch.told, memory_order_relaxed);
}

/* In the order of a life. False: the ring is full. */
static bool tell_due(struct sa_out *sa, struct event_ring *events)
{
	uint64_t last = atomic_load_explicit(&sa->last_seq, memory_order_relaxed);
	uint64_t bytes = atomic_load_explicit(&sa->watch.bytes, memory_order_relaxed);
	uint32_t flags = due(sa);
	bool told = true;

	for (size_t i = 0; i < ARRAY_SIZE(by_number) && told; i++)
		if (flags & by_number[i].flag)
			told = tell(sa, events, by_number[i].flag,
				    by_number[i].limit ? EVENT_SOFT_LIFETIME : EVENT_FIRST_USE,
				    by_number[i].limit);
	if (told && (flags & SA_OUT_TOLD_SOFT_BYTES))
		told = tell(sa, events, SA_OUT_TOLD_SOFT_BYTES, EVENT_SOFT_LIFETIME, EVENT_LIMIT_BYTES);
	if (flags & SA_OUT_TOLD_HARD)
		atomic_store_explicit(&sa->dead, true, memory_order_relaxed);
	if (told && (flags & SA_OUT_TOLD_HARD))
		told = tell(sa, events, SA_OUT_TOLD_HARD, EVENT_HARD_LIFETIME, expired(sa, last, bytes));
	return told;
}

/* What was not told yet makes every packet come here. */
static void set_next(struct sa_out *sa)
{
	uint32_t told = atomic_load_explicit(&sa->watch.told, memory_order_relaxed);
	uint64_t seq = told & SA_OUT_TOLD_HARD ? NEVER : sa->seq_limit;
	uint64_t bytes = limit_or_never(sa->params.limits.byte_hard);

	for (size_t i = 0; i < ARRAY_SIZE(by_number); i++)
		if (!(told & by_number[i].flag) && by_number[i].at(sa) < seq)
			seq = by_number[i].at(sa);
	if (!(told & SA_OUT_TOLD_SOFT_BYTES) && limit_or_never(sa->params.limits.byte_soft) < bytes)
		bytes = sa->params.limits.byte_soft;
	atomic_store_explicit(&sa->watch.seq_next, seq, memory_order_relaxed);
	atomic_store_explicit(&sa->watch.bytes_next, bytes, memory_order_relaxed);
}

/* Whoever finds another worker telling goes on: that one looks again after it has finished, and then sees
 * what was let go before, as both write `telling`. */
void sa_out_watch_tell(struct sa_out *sa, struct event_ring *events)
{
	bool told = true;

	while (told && due(sa)) {
		if (atomic_exchange_explicit(&sa->watch.telling, true, memory_order_acq_rel))
			return;
		told = tell_due(sa, events);
		set_next(sa);
		atomic_exchange_explicit(&sa->watch.telling, false, memory_order_acq_rel);
	}
}

/* ---- letting go -----------------------------------------------------------------------------------------
 */

/* Those who ask for less are let go as long as there is room for them; one packet that finds none uses up
 * what is left, so that no shorter one passes it. */
static bool take_bytes(struct sa_out *sa, uint32_t count, uint64_t bytes)
{
	uint64_t limit = limit_or_never(sa->params.limits.byte_hard);
	uint64_t before = atomic_load_explicit(&sa->watch.bytes, memory_order_relaxed);
	bool fits;

	do {
		fits = before < limit && bytes <= limit - before;
		if (!fits && count != 1)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&sa->watch.bytes, &before,
							fits ? before + bytes : limit, memory_order_relaxed,
							memory_order_relaxed));
	return fits;
}

/* Where numbers are refused, the bytes are given back. For a moment others may have found them missing: where
 * both limits are near, the SA can end by a burst too early, never too late. */
uint64_t sa_out_watch_take_bytes(struct sa_out *sa, struct event_ring *events, uint32_t count, uint64_t bytes)
{
	uint64_t first = 0;

	if (take_bytes(sa, count, bytes)) {
		first = sa_out_take(sa, count);
		if (!first)
			atomic_fetch_sub_explicit(&sa->watch.bytes, bytes, memory_order_relaxed);
	}
	if (!first || first + count - 1 >= atomic_load_explicit(&sa->watch.seq_next, memory_order_relaxed) ||
	    atomic_load_explicit(&sa->watch.bytes, memory_order_relaxed) >=
		    atomic_load_explicit(&sa->watch.bytes_next, memory_order_relaxed))
		sa_out_watch_tell(sa, events);
	return first;
}
