/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sending half of an AF_XDP socket: frames of its own behind those that receive, in the same UMEM, the
 * transmit ring and the completion ring. The worker of the queue is the only one that uses it; any thread
 * reads the levels.
 *
 * Each frame is in exactly one place: free, taken (something is being written to it), in the transmit ring,
 * with the kernel, or in the completion ring. Both rings have room for all of them.
 */
#ifndef XESP_DATAPLANE_XSK_TX_H
#define XESP_DATAPLANE_XSK_TX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <xdp/xsk.h>
#include <xesp/limits.h>

struct xsk_tx {
	int socket;
	uint32_t frames; /* 0: there is no transmit ring, and none of the functions may be called */
	uint32_t frame_size;
	uint64_t begin; /* address of the first */
	uint8_t *umem;
	struct xsk_ring_prod ring;
	struct xsk_ring_cons done;
	bool down;	       /* the last kick found the interface down */
	_Atomic uint32_t room; /* of `free` */
	uint16_t free[XESP_TX_FRAMES_PER_QUEUE];
};

/* All frames become free. `tx` has its socket, rings and UMEM. `frames` <= XESP_TX_FRAMES_PER_QUEUE. */
void xsk_tx_init(struct xsk_tx *tx, uint64_t begin, uint32_t frames, uint32_t frame_size);

/* Takes back what the kernel is done with. Returns how many frames are free. */
uint32_t xsk_tx_collect(struct xsk_tx *tx);
/* A free frame, all frame_size bytes of it; NULL: there is none. */
uint8_t *xsk_tx_take(struct xsk_tx *tx);
/* Gives one back that is not sent; `at` is anywhere inside of it, like that of the next one. */
void xsk_tx_drop(struct xsk_tx *tx, const uint8_t *at);
/* `len` bytes from `at` on, inside of one frame that was taken, are to be sent; the next xsk_tx_kick() shows
 * them to the kernel. */
void xsk_tx_put(struct xsk_tx *tx, const uint8_t *at, uint32_t len);
/* Has the kernel send what is in the ring, if it needs to be told; never waits. Returns how many packets the
 * interface threw away meanwhile. What it takes no more now stays in the ring until the next kick. */
uint32_t xsk_tx_kick(struct xsk_tx *tx);

/* Packets in the ring that the kernel has not taken. */
uint32_t xsk_tx_pending(const struct xsk_tx *tx);
/* Frames that are free, or that the kernel is done with. Any thread. */
uint32_t xsk_tx_idle(const struct xsk_tx *tx);

#endif
