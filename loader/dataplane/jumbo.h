/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that came in several frames, put together in jumbo buffers: crypto providers and the sink want the
 * bytes of a packet in one piece. The buffers of a queue lie behind its UMEM in the same address space, so
 * that the address of a packet says what it lies in, and all that is done with packets in frames is done with
 * these as well. The queue's worker; any thread reads the levels.
 */
#ifndef XESP_DATAPLANE_JUMBO_H
#define XESP_DATAPLANE_JUMBO_H

#include <linux/if_xdp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xesp/limits.h>

#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0) /* Linux 6.6: the packet goes on in the next descriptor */
#endif

/* In front of a packet, for its metadata; the packet begins at a cache line. */
#define JUMBO_HEADROOM 64
#define JUMBO_BUFFER_SIZE (JUMBO_HEADROOM + XESP_PACKET_JUMBO_MAX)

struct jumbo {
	uint8_t *umem;
	uint64_t begin; /* address of the first buffer */
	/* A packet of which some frames have come. */
	bool open;     /* the last one has not */
	bool whole;    /* so far: there is a buffer, and it all fits */
	uint32_t len;  /* so far */
	uint64_t addr; /* in its buffer, or if there is none, in its first frame */
	uint32_t count;
	_Atomic uint32_t held; /* buffers taken and not yet given back */
	uint16_t free[XESP_JUMBO_BUFFERS];
};

static inline size_t jumbo_bytes(uint32_t count)
{
	return (size_t)count * JUMBO_BUFFER_SIZE;
}

/* `count` <= XESP_JUMBO_BUFFERS buffers from the address `begin` of `umem` on, which the caller has mapped.
 */
void jumbo_init(struct jumbo *jumbo, uint8_t *umem, uint64_t begin, uint32_t count);

/* Takes one frame of a packet that lies in several. True if it was the last one: addr, len and whole are
 * those of the packet. The frame is the caller's again unless jumbo_keeps() says otherwise. */
bool jumbo_add(struct jumbo *jumbo, const struct xdp_desc *desc);

/* The frame of `desc` is all that is left of its packet, and holds the metadata. */
static inline bool jumbo_keeps(const struct jumbo *jumbo, const struct xdp_desc *desc)
{
	return jumbo->addr == desc->addr;
}

/* The address is of a buffer, not of a frame. */
static inline bool jumbo_has(const struct jumbo *jumbo, uint64_t addr)
{
	return addr >= jumbo->begin;
}

/* An empty buffer, for a packet that is made; false: none is free. */
bool jumbo_take(struct jumbo *jumbo, uint64_t *ret_addr);
void jumbo_give_back(struct jumbo *jumbo, uint64_t addr);

#endif
