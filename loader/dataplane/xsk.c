/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/xsk.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

static int map_ring(int socket, off_t page, size_t bytes, void **ret_map)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, socket, page);

	if (map == MAP_FAILED)
		return -errno;
	*ret_map = map;
	return 0;
}

static int map_fill(struct xsk *xsk, const struct xdp_ring_offset *offset)
{
	uint32_t size = xsk->info.fill_size;
	int err;

	xsk->fill_map_bytes = offset->desc + size * sizeof(uint64_t);
	err = map_ring(xsk->socket, (off_t)XDP_UMEM_PGOFF_FILL_RING, xsk->fill_map_bytes, &xsk->fill_map);
	if (err)
		return err;
	xsk->fill = (struct xsk_ring_prod){.mask = size - 1,
					   .size = size,
					   .producer = (uint32_t *)((char *)xsk->fill_map + offset->producer),
					   .consumer = (uint32_t *)((char *)xsk->fill_map + offset->consumer),
					   .flags = (uint32_t *)((char *)xsk->fill_map + offset->flags),
					   .ring = (char *)xsk->fill_map + offset->desc,
					   /* libxdp's convention: cached_cons is one lap ahead */
					   .cached_cons = size};
	return 0;
}

static int map_rx(struct xsk *xsk, const struct xdp_ring_offset *offset)
{
	uint32_t size = xsk->info.rx_size;
	int err;

	xsk->rx_map_bytes = offset->desc + size * sizeof(struct xdp_desc);
	err = map_ring(xsk->socket, XDP_PGOFF_RX_RING, xsk->rx_map_bytes, &xsk->rx_map);
	if (err)
		return err;
	xsk->rx = (struct xsk_ring_cons){.mask = size - 1,
					 .size = size,
					 .producer = (uint32_t *)((char *)xsk->rx_map + offset->producer),
					 .consumer = (uint32_t *)((char *)xsk->rx_map + offset->consumer),
					 .flags = (uint32_t *)((char *)xsk->rx_map + offset->flags),
					 .ring = (char *)xsk->rx_map + offset->desc};
	return 0;
}

static void fill_all(struct xsk *xsk)
{
	uint32_t first = 0;

	xsk_ring_prod__reserve(&xsk->fill, xsk->info.frames, &first);
	for (uint32_t i = 0; i < xsk->info.frames; i++)
		*xsk_ring_prod__fill_addr(&xsk->fill, first + i) = (uint64_t)i * xsk->info.frame_size;
	xsk_ring_prod__submit(&xsk->fill, xsk->info.frames);
}

static int map_all(struct xsk *xsk, int umem)
{
	size_t bytes = (size_t)xsk->info.frames * xsk->info.frame_size;
	struct xdp_mmap_offsets offsets;
	socklen_t len = sizeof(offsets);
	int err;

	if (getsockopt(xsk->socket, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &len))
		return -errno;
	if (len != sizeof(offsets)) /* kernels before 5.4 have no flags, hence no need-wakeup */
		return -EOPNOTSUPP;
	xsk->umem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, umem, 0);
	if (xsk->umem == MAP_FAILED) {
		xsk->umem = NULL;
		return -errno;
	}
	err = map_fill(xsk, &offsets.fr);
	if (!err)
		err = map_rx(xsk, &offsets.rx);
	return err;
}

static int is_power_of_two(uint32_t value)
{
	return value && !(value & (value - 1));
}

int xsk_map(const struct ipc_queue *info, int socket, int umem, struct xsk *ret_xsk)
{
	int err;

	if (!is_power_of_two(info->fill_size) || !is_power_of_two(info->rx_size) ||
	    !is_power_of_two(info->frame_size) || info->frames > info->fill_size)
		return -EINVAL;
	memset(ret_xsk, 0, sizeof(*ret_xsk));
	ret_xsk->socket = socket;
	ret_xsk->info = *info;
	err = map_all(ret_xsk, umem);
	if (err) {
		ret_xsk->socket = -1; /* stays the caller's */
		xsk_unmap(ret_xsk);
		return err;
	}
	close(umem); /* the mapping holds it */
	fill_all(ret_xsk);
	return 0;
}

void xsk_unmap(struct xsk *xsk)
{
	if (xsk->umem)
		munmap(xsk->umem, (size_t)xsk->info.frames * xsk->info.frame_size);
	if (xsk->fill_map)
		munmap(xsk->fill_map, xsk->fill_map_bytes);
	if (xsk->rx_map)
		munmap(xsk->rx_map, xsk->rx_map_bytes);
	if (xsk->socket >= 0)
		close(xsk->socket);
	memset(xsk, 0, sizeof(*xsk));
	xsk->socket = -1;
}

/* Only the owning worker writes these. */
static void add_relaxed(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

uint32_t xsk_receive(struct xsk *xsk, struct xsk_frame *ret_frames, uint32_t max)
{
	uint32_t first;
	uint32_t count = xsk_ring_cons__peek(&xsk->rx, max, &first);

	for (uint32_t i = 0; i < count; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&xsk->rx, first + i);

		ret_frames[i] = (struct xsk_frame){.addr = desc->addr, .len = desc->len};
	}
	if (count) {
		xsk_ring_cons__release(&xsk->rx, count);
		add_relaxed(&xsk->received, count);
	}
	return count;
}

void xsk_return(struct xsk *xsk, uint64_t addr)
{
	uint32_t slot;

	/* Cannot fail: the ring has a slot for every frame, and this frame is not in it. */
	if (xsk_ring_prod__reserve(&xsk->fill, 1, &slot) != 1)
		return;
	*xsk_ring_prod__fill_addr(&xsk->fill, slot) = addr & ~((uint64_t)xsk->info.frame_size - 1);
	add_relaxed(&xsk->returned, 1);
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
	uint64_t received = atomic_load_explicit(&xsk->received, memory_order_relaxed);
	uint64_t returned = atomic_load_explicit(&xsk->returned, memory_order_relaxed);

	getsockopt(xsk->socket, SOL_XDP, XDP_STATISTICS, &stats, &len);
	*ret_levels = (struct xsk_levels){.fill = __atomic_load_n(xsk->fill.producer, __ATOMIC_RELAXED) -
						  __atomic_load_n(xsk->fill.consumer, __ATOMIC_RELAXED),
					  .rx = __atomic_load_n(xsk->rx.producer, __ATOMIC_RELAXED) -
						__atomic_load_n(xsk->rx.consumer, __ATOMIC_RELAXED),
					  .held = (uint32_t)(received - returned),
					  .received = received,
					  .kernel_rx_dropped = stats.rx_dropped,
					  .kernel_rx_ring_full = stats.rx_ring_full,
					  .kernel_fill_ring_empty = stats.rx_fill_ring_empty_descs};
}
