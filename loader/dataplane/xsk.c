/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/xsk.h"

#include <linux/if_xdp.h>
#include <sys/socket.h>

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

/* Only the owning worker writes these. */
static void add_relaxed(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

void xsk_return(struct xsk *xsk, uint64_t addr)
{
	uint32_t slot;

	if (__builtin_expect(jumbo_has(&xsk->jumbo, addr), 0)) {
		jumbo_give_back(&xsk->jumbo, addr);
		return;
	}
	/* Cannot fail: the ring has a slot for every frame, and one more for each that the kernel has taken
	 * but not yet said so; this frame is in no other. */
	if (xsk_ring_prod__reserve(&xsk->fill, 1, &slot) != 1)
		return;
	*xsk_ring_prod__fill_addr(&xsk->fill, slot) = addr & ~((uint64_t)xsk->info.frame_size - 1);
	add_relaxed(&xsk->returned, 1);
}

/* The packets of `frames` descriptors, of which some are parts of packets. Returns how many are complete. */
__attribute__((noinline)) static uint32_t gather(struct xsk *xsk, uint32_t first, uint32_t frames,
						 struct xsk_packet *ret_packets)
{
	struct jumbo *jumbo = &xsk->jumbo;
	uint32_t count = 0;

	for (uint32_t i = 0; i < frames; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&xsk->rx, first + i);
		bool last;

		if (!jumbo->open && !(desc->options & XDP_PKT_CONTD)) {
			ret_packets[count++] =
				(struct xsk_packet){.addr = desc->addr, .len = desc->len, .whole = true};
			continue;
		}
		last = jumbo_add(jumbo, desc);
		if (!jumbo_keeps(jumbo, desc))
			xsk_return(xsk, desc->addr);
		if (last)
			ret_packets[count++] = (struct xsk_packet){
				.addr = jumbo->addr, .len = jumbo->len, .whole = jumbo->whole};
	}
	return count;
}

uint32_t xsk_receive(struct xsk *xsk, struct xsk_packet *ret_packets, uint32_t max)
{
	uint32_t first = 0;
	uint32_t frames = xsk_ring_cons__peek(&xsk->rx, max, &first);
	uint32_t count = frames;
	uint32_t several = xsk->jumbo.open ? XDP_PKT_CONTD : 0;

	/* As if each were a packet: where jumbo frames are not in use it is so, and costs nothing more. */
	for (uint32_t i = 0; i < frames; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&xsk->rx, first + i);

		ret_packets[i] = (struct xsk_packet){.addr = desc->addr, .len = desc->len, .whole = true};
		several |= desc->options;
	}
	if (several & XDP_PKT_CONTD)
		count = gather(xsk, first, frames, ret_packets);
	if (frames) {
		xsk_ring_cons__release(&xsk->rx, frames);
		add_relaxed(&xsk->taken, frames);
		add_relaxed(&xsk->received, count);
	}
	return count;
}

void xsk_flush(struct xsk *xsk)
{
	/* Everything reserved since the last flush becomes visible at once. */
	xsk_ring_prod__submit(&xsk->fill, xsk->fill.cached_prod - *xsk->fill.producer);
	if (xsk_ring_prod__needs_wakeup(&xsk->fill))
		recvfrom(xsk->socket, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

void xsk_read_levels(const struct xsk *xsk, struct xsk_levels *ret_levels)
{
	struct xdp_statistics stats = {0};
	socklen_t len = sizeof(stats);
	uint64_t taken = atomic_load_explicit(&xsk->taken, memory_order_relaxed);
	uint64_t returned = atomic_load_explicit(&xsk->returned, memory_order_relaxed);

	getsockopt(xsk->socket, SOL_XDP, XDP_STATISTICS, &stats, &len);
	*ret_levels = (struct xsk_levels){
		.fill = __atomic_load_n(xsk->fill.producer, __ATOMIC_RELAXED) -
			__atomic_load_n(xsk->fill.consumer, __ATOMIC_RELAXED),
		.rx = __atomic_load_n(xsk->rx.producer, __ATOMIC_RELAXED) -
		      __atomic_load_n(xsk->rx.consumer, __ATOMIC_RELAXED),
		.held = (uint32_t)(taken - returned),
		.tx_frames = xsk->tx.frames,
		.tx_idle = xsk->tx.frames ? xsk_tx_idle(&xsk->tx) : 0,
		.jumbo_buffers = xsk->jumbo.count,
		.jumbo_held = atomic_load_explicit(&xsk->jumbo.held, memory_order_relaxed),
		.received = atomic_load_explicit(&xsk->received, memory_order_relaxed),
		.kernel_rx_dropped = stats.rx_dropped,
		.kernel_rx_ring_full = stats.rx_ring_full,
		.kernel_fill_ring_empty = stats.rx_fill_ring_empty_descs};
}
