/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded ring from one worker to another: one producer, one consumer, no lock. Two of them connect
 * each ordered pair of workers: packets go to the worker that owns their SA, frames come back to the
 * worker whose UMEM they lie in.
 */
#ifndef XESP_DATAPLANE_HANDOFF_H
#define XESP_DATAPLANE_HANDOFF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Packets that one worker may have waiting at one other, and frames of one worker that all others may have.
 */
#define HANDOFF_SIZE 2048

struct handoff_item {
	uint8_t *packet; /* with its metadata in front, in the UMEM of the worker that received it */
	uint64_t addr;	 /* the frame as that worker's xsk knows it */
	uint32_t len;
	uint32_t home;	    /* number of that worker */
	uint32_t outer_spi; /* not 0: the packet is the content of this tunnel, which has been opened */
};

struct handoff {
	_Alignas(64) _Atomic uint32_t head; /* next slot to write; producer's */
	_Alignas(64) _Atomic uint32_t tail; /* next slot to read; consumer's */
	_Alignas(64) struct handoff_item items[HANDOFF_SIZE];
};

/* Producer only. False if the ring is full. */
static inline bool handoff_push(struct handoff *ring, const struct handoff_item *item)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if (head - atomic_load_explicit(&ring->tail, memory_order_acquire) == HANDOFF_SIZE)
		return false;
	ring->items[head % HANDOFF_SIZE] = *item;
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return true;
}

/* Consumer only. False if the ring is empty. */
static inline bool handoff_pop(struct handoff *ring, struct handoff_item *ret_item)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
		return false;
	*ret_item = ring->items[tail % HANDOFF_SIZE];
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return true;
}

static inline bool handoff_empty(const struct handoff *ring)
{
	return atomic_load_explicit(&ring->tail, memory_order_relaxed) ==
	       atomic_load_explicit(&ring->head, memory_order_relaxed);
}

#endif
