/* SPDX-License-Identifier: BSD-2-Clause */
/* The worker's thread, but for xsk_tx_init() and xsk_tx_idle(). */
#include "dataplane/xsk_tx.h"

#include <errno.h>
#include <sys/socket.h>

void xsk_tx_init(struct xsk_tx *tx, uint64_t begin, uint32_t frames, uint32_t frame_size)
{
	tx->begin = begin;
	tx->frames = frames;
	tx->frame_size = frame_size;
	for (uint32_t i = 0; i < frames; i++)
		tx->free[i] = (uint16_t)(frames - 1 - i);
	atomic_init(&tx->room, frames);
}

/* Only the worker writes it. */
static uint32_t room(const struct xsk_tx *tx)
{
	return atomic_load_explicit(&tx->room, memory_order_relaxed);
}

/* The kernel gives back the addresses that it was given, wherever in the frame they were. */
static void set_free(struct xsk_tx *tx, uint64_t addr)
{
	uint32_t count = room(tx);
	uint64_t frame = (addr - tx->begin) / tx->frame_size;

	/* A kernel that gives back what it never had must not make us write elsewhere. */
	if (addr < tx->begin || frame >= tx->frames || count == tx->frames)
		return;
	tx->free[count] = (uint16_t)frame;
	atomic_store_explicit(&tx->room, count + 1, memory_order_relaxed);
}

uint32_t xsk_tx_collect(struct xsk_tx *tx)
{
	uint32_t first = 0;
	uint32_t count = xsk_ring_cons__peek(&tx->done, tx->frames, &first);

	for (uint32_t i = 0; i < count; i++)
		set_free(tx, *xsk_ring_cons__comp_addr(&tx->done, first + i));
	if (count)
		xsk_ring_cons__release(&tx->done, count);
	return room(tx);
}

uint8_t *xsk_tx_take(struct xsk_tx *tx)
{
	uint32_t count = room(tx);

	if (!count)
		count = xsk_tx_collect(tx);
	if (!count)
		return NULL;
	atomic_store_explicit(&tx->room, count - 1, memory_order_relaxed);
	return tx->umem + tx->begin + (uint64_t)tx->free[count - 1] * tx->frame_size;
}

void xsk_tx_drop(struct xsk_tx *tx, const uint8_t *at)
{
	set_free(tx, (uint64_t)(at - tx->umem));
}

void xsk_tx_put(struct xsk_tx *tx, const uint8_t *at, uint32_t len)
{
	uint32_t slot;

	/* Cannot fail: the ring has a slot for every frame. */
	if (xsk_ring_prod__reserve(&tx->ring, 1, &slot) != 1)
		return;
	*xsk_ring_prod__tx_desc(&tx->ring, slot) =
		(struct xdp_desc){.addr = (uint64_t)(at - tx->umem), .len = len};
}

uint32_t xsk_tx_pending(const struct xsk_tx *tx)
{
	return __atomic_load_n(tx->ring.producer, __ATOMIC_RELAXED) -
	       __atomic_load_n(tx->ring.consumer, __ATOMIC_ACQUIRE);
}

/* In copy mode each call sends some dozens of packets, with EAGAIN if there are more; with EBUSY it has
 * thrown one away that the interface did not take, and says so of no other. All else is to be tried again
 * later. */
uint32_t xsk_tx_kick(struct xsk_tx *tx)
{
	uint32_t dropped = 0, pending;

	xsk_ring_prod__submit(&tx->ring, tx->ring.cached_prod - *tx->ring.producer);
	pending = xsk_tx_pending(tx);
	tx->down = false;
	while (pending && xsk_ring_prod__needs_wakeup(&tx->ring) && dropped <= tx->frames) {
		bool sent = sendto(tx->socket, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0;
		int error = sent ? 0 : errno;
		uint32_t left = xsk_tx_pending(tx);

		tx->down = error == ENETDOWN;
		dropped += error == EBUSY;
		if (sent || (error != EBUSY && left == pending))
			break;
		pending = left;
	}
	return dropped;
}

uint32_t xsk_tx_idle(const struct xsk_tx *tx)
{
	return room(tx) + __atomic_load_n(tx->done.producer, __ATOMIC_RELAXED) -
	       __atomic_load_n(tx->done.consumer, __ATOMIC_RELAXED);
}
