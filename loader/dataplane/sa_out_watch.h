/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each packet that is sent means for the life of its SA: first use, lifetimes in bytes and packets (RFC
 * 4301 section 4.4.2.1), the end of its sequence numbers (RFC 4303 section 3.3.3). Any worker, several at
 * once for one SA. What is told goes into the ring of the worker that found it, which announces it when its
 * round is over. Pure.
 */
#ifndef XESP_DATAPLANE_SA_OUT_WATCH_H
#define XESP_DATAPLANE_SA_OUT_WATCH_H

#include "dataplane/event.h"
#include "dataplane/sa_out.h"

/* As sa_out_watch_take(), of an SA with a lifetime in bytes. */
uint64_t sa_out_watch_take_bytes(struct sa_out *sa, struct event_ring *events, uint32_t count,
				 uint64_t bytes);
/* Tells what there is to tell, also what the ring had no room for before. */
void sa_out_watch_tell(struct sa_out *sa, struct event_ring *events);

/* Lets `count` packets go, of `bytes` bytes of payload in all (as the SA's counter has them), and takes their
 * numbers; returns the first. 0: not so many may go; fewer still may, and after one of its own was refused,
 * the SA has ended. What is let go and then not sent stays counted, so nothing is ever sent beyond a limit.
 * The packet that reaches a limit still goes. `events` may be NULL: nobody is told. */
static inline uint64_t sa_out_watch_take(struct sa_out *sa, struct event_ring *events, uint32_t count,
					 uint64_t bytes)
{
	uint64_t first;

	if (__builtin_expect(sa->counts_bytes, 0))
		return sa_out_watch_take_bytes(sa, events, count, bytes);
	first = sa_out_take(sa, count);
	if (__builtin_expect(first == 0, 0) ||
	    __builtin_expect(
		    first + count - 1 >= atomic_load_explicit(&sa->watch.seq_next, memory_order_relaxed), 0))
		sa_out_watch_tell(sa, events);
	return first;
}

/* True if nothing more is to be sent: the SA is deleted, or a hard lifetime is reached. Asked before anything
 * else is done about a packet. */
static inline bool sa_out_watch_ended(struct sa_out *sa, struct event_ring *events)
{
	if (__builtin_expect(!atomic_load_explicit(&sa->dead, memory_order_relaxed), 1))
		return false;
	sa_out_watch_tell(sa, events);
	return true;
}

/* Which hard lifetime is reached, or EVENT_LIMIT_NONE. Any thread. */
enum event_limit sa_out_watch_expired(const struct sa_out *sa);

/* An event about an SA that no packet need have brought about: everything but time_ns and `limit`. `type` is
 * an enum event_type. Any thread. */
void sa_out_watch_fill(const struct sa_out *sa, uint8_t type, struct event *ret_event);

#endif
