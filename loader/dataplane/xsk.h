/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unprivileged half of an AF_XDP socket: maps the rings and the UMEM that the loader set up (see
 * host/xsk_open.h), hands out received frames, takes them back. One worker owns it.
 *
 * Every frame is in exactly one place: in the fill ring (the kernel's), in the receive ring (received,
 * not yet taken), or held (taken, not yet given back). The fill ring has room for all of them, so
 * giving back cannot fail and no frame is lost. A packet that comes in several frames is moved to a jumbo
 * buffer as they are taken, and they go back at once. What is sent has frames of its own: xsk_tx.h.
 */
#ifndef XESP_DATAPLANE_XSK_H
#define XESP_DATAPLANE_XSK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <xdp/xsk.h>

#include "dataplane/jumbo.h"
#include "dataplane/xsk_tx.h"
#include "host/ipc.h"

struct xsk_packet {
	uint64_t addr; /* of its first byte, in a frame or in a jumbo buffer; what it is given back by */
	uint32_t len;
	bool whole; /* false: it came in several frames and could not be put together; there are its metadata
		     */
};

struct xsk {
	int socket;
	uint8_t *umem;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons rx;
	struct ipc_queue info;
	struct jumbo jumbo;
	_Atomic uint64_t received; /* packets ever taken */
	_Atomic uint64_t taken;	   /* frames ever taken */
	_Atomic uint64_t returned; /* frames ever given back */
	struct xsk_tx tx;
	void *fill_map;
	void *rx_map;
	void *tx_map;
	void *done_map;
	size_t fill_map_bytes;
	size_t rx_map_bytes;
	size_t tx_map_bytes;
	size_t done_map_bytes;
};

/* Fill levels, for status. */
struct xsk_levels {
	uint32_t fill;
	uint32_t rx;
	uint32_t held;
	uint32_t tx_frames;
	uint32_t tx_idle; /* of them: not on their way */
	uint32_t jumbo_buffers;
	uint32_t jumbo_held; /* of them: with a packet */
	uint64_t received;   /* packets */
	uint64_t kernel_rx_dropped;
	uint64_t kernel_rx_ring_full;
	uint64_t kernel_fill_ring_empty;
};

/* xsk_map.c. Maps and puts every frame into the fill ring. Takes over both descriptors on success. `*xsk`
 * must stay where it is. -ENOMEM, -EINVAL (the loader's sizes make no sense), -errno of mmap. */
int xsk_map(const struct ipc_queue *info, int socket, int umem, struct xsk *ret_xsk);
void xsk_unmap(struct xsk *xsk); /* harmless on one that is not mapped */

/* Takes up to `max` received packets, in order; one of which not all frames have come is kept for the next
 * call. */
uint32_t xsk_receive(struct xsk *xsk, struct xsk_packet *ret_packets, uint32_t max);
/* Gives back what a packet lies in; a frame is visible to the kernel after xsk_flush(). */
void xsk_return(struct xsk *xsk, uint64_t addr);
/* Hands returned frames to the kernel and wakes it if it waits for some. */
void xsk_flush(struct xsk *xsk);

/* Any thread; the three levels are read one after the other and only add up while nothing moves. */
void xsk_read_levels(const struct xsk *xsk, struct xsk_levels *ret_levels);

#endif
