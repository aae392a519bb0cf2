/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapping what the loader has set up: the rings, the UMEM, and the jumbo buffers behind it. Control thread,
 * while the worker does not run.
 */
#include <errno.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/xsk.h"

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

static int map_tx_ring(struct xsk *xsk, const struct xdp_ring_offset *offset)
{
	uint32_t size = xsk->info.tx_size;
	int err;

	xsk->tx_map_bytes = offset->desc + size * sizeof(struct xdp_desc);
	err = map_ring(xsk->socket, XDP_PGOFF_TX_RING, xsk->tx_map_bytes, &xsk->tx_map);
	if (err)
		return err;
	xsk->tx.ring =
		(struct xsk_ring_prod){.mask = size - 1,
				       .size = size,
				       .producer = (uint32_t *)((char *)xsk->tx_map + offset->producer),
				       .consumer = (uint32_t *)((char *)xsk->tx_map + offset->consumer),
				       .flags = (uint32_t *)((char *)xsk->tx_map + offset->flags),
				       .ring = (char *)xsk->tx_map + offset->desc,
				       .cached_cons = size};
	return 0;
}

static int map_completion(struct xsk *xsk, const struct xdp_ring_offset *offset)
{
	uint32_t size = xsk->info.tx_size;
	int err;

	xsk->done_map_bytes = offset->desc + size * sizeof(uint64_t);
	err = map_ring(xsk->socket, (off_t)XDP_UMEM_PGOFF_COMPLETION_RING, xsk->done_map_bytes,
		       &xsk->done_map);
	if (err)
		return err;
	xsk->tx.done =
		(struct xsk_ring_cons){.mask = size - 1,
				       .size = size,
				       .producer = (uint32_t *)((char *)xsk->done_map + offset->producer),
				       .consumer = (uint32_t *)((char *)xsk->done_map + offset->consumer),
				       .flags = (uint32_t *)((char *)xsk->done_map + offset->flags),
				       .ring = (char *)xsk->done_map + offset->desc};
	return 0;
}

static int map_tx(struct xsk *xsk, const struct xdp_mmap_offsets *offsets)
{
	int err;

	if (!xsk->info.tx_frames)
		return 0;
	err = map_tx_ring(xsk, &offsets->tx);
	if (!err)
		err = map_completion(xsk, &offsets->cr);
	if (err)
		return err;
	xsk->tx.socket = xsk->socket;
	xsk->tx.umem = xsk->umem;
	xsk_tx_init(&xsk->tx, (uint64_t)xsk->info.frames * xsk->info.frame_size, xsk->info.tx_frames,
		    xsk->info.frame_size);
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

static size_t umem_bytes(const struct xsk *xsk)
{
	return (size_t)(xsk->info.frames + xsk->info.tx_frames) * xsk->info.frame_size;
}

/* The UMEM and the jumbo buffers behind it, which the kernel knows nothing of. The latter become memory with
 * their first use: where neither jumbo frames nor pieces of UDP segments come they are nothing but addresses.
 */
static int map_memory(struct xsk *xsk, int umem)
{
	int shared = MAP_SHARED | MAP_FIXED | MAP_POPULATE;
	uint8_t *area = mmap(NULL, umem_bytes(xsk) + jumbo_bytes(XESP_JUMBO_BUFFERS), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return -errno;
	xsk->umem = area;
	jumbo_init(&xsk->jumbo, area, umem_bytes(xsk), XESP_JUMBO_BUFFERS);
	area = mmap(area, umem_bytes(xsk), PROT_READ | PROT_WRITE, shared, umem, 0);
	return area == MAP_FAILED ? -errno : 0;
}

static int bind_patiently(const struct xsk *xsk, const struct sockaddr_xdp *address)
{
	for (uint32_t waited = 0; bind(xsk->socket, (const struct sockaddr *)address, sizeof(*address));
	     waited++) {
		if (errno != EBUSY || waited >= xsk->info.patience_ms)
			return -errno;
		usleep(1000);
	}
	return 0;
}

/* On kernels before 6.4 a bound socket cannot be mapped, so the loader leaves this to the engine; it takes
 * no privilege. Zero copy if the driver has it, says the kernel without a flag. */
static int bind_queue(struct xsk *xsk)
{
	struct sockaddr_xdp address = {.sxdp_family = AF_XDP,
				       .sxdp_flags = XDP_USE_NEED_WAKEUP,
				       .sxdp_ifindex = xsk->info.ifindex,
				       .sxdp_queue_id = xsk->info.number};
	struct xdp_options options = {0};
	socklen_t len = sizeof(options);
	int err = bind_patiently(xsk, &address);

	if (err)
		return err;
	if (getsockopt(xsk->socket, SOL_XDP, XDP_OPTIONS, &options, &len))
		return -errno;
	xsk->info.zero_copy = !!(options.flags & XDP_OPTIONS_ZEROCOPY);
	return 0;
}

static int map_all(struct xsk *xsk, int umem)
{
	struct xdp_mmap_offsets offsets;
	socklen_t len = sizeof(offsets);
	int err;

	if (getsockopt(xsk->socket, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &len))
		return -errno;
	if (len != sizeof(offsets)) /* kernels before 5.4 have no flags, hence no need-wakeup */
		return -EOPNOTSUPP;
	err = map_memory(xsk, umem);
	if (!err)
		err = map_fill(xsk, &offsets.fr);
	if (!err)
		err = map_rx(xsk, &offsets.rx);
	if (!err)
		err = map_tx(xsk, &offsets);
	if (!err && !xsk->info.bound)
		err = bind_queue(xsk);
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
	    !is_power_of_two(info->frame_size) || info->frames > info->fill_size / 2)
		return -EINVAL;
	if (info->tx_frames && (!is_power_of_two(info->tx_size) || info->tx_frames > info->tx_size ||
				info->tx_frames > XESP_TX_FRAMES_PER_QUEUE))
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
		munmap(xsk->umem, umem_bytes(xsk) + jumbo_bytes(XESP_JUMBO_BUFFERS));
	if (xsk->fill_map)
		munmap(xsk->fill_map, xsk->fill_map_bytes);
	if (xsk->rx_map)
		munmap(xsk->rx_map, xsk->rx_map_bytes);
	if (xsk->tx_map)
		munmap(xsk->tx_map, xsk->tx_map_bytes);
	if (xsk->done_map)
		munmap(xsk->done_map, xsk->done_map_bytes);
	if (xsk->socket >= 0)
		close(xsk->socket);
	memset(xsk, 0, sizeof(*xsk));
	xsk->socket = -1;
}
