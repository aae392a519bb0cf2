/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's side of AF_XDP sockets that are none: this stands in for dataplane/xsk_map.c, with rings and
 * UMEM in plain memory. It receives packets as Linux does in copy mode (net/xdp/xsk.c, __xsk_rcv): a packet
 * takes as many frames as it needs or is dropped, its metadata are in front of the first one, and it is there
 * before the fill ring says that its frames were taken.
 */
#ifndef XESP_TESTS_XSK_RIG_H
#define XESP_TESTS_XSK_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/xsk.h"

#define KERNEL_QUEUES 4
#define KERNEL_HEADROOM 256 /* XDP_PACKET_HEADROOM */

struct kernel {
	struct ipc_queue info;
	uint8_t *umem; /* and behind it the jumbo buffers */
	uint64_t *fill;
	struct xdp_desc *rx;
	uint32_t fill_producer, fill_consumer, rx_producer, rx_consumer, flags; /* as both sides see them */
	uint32_t taken;	 /* frames out of the fill ring */
	bool late;	 /* says what it took only when told to: kernel_settle() */
	bool keep;	 /* leaves in a frame what was there, as Linux: benchmarks */
	bool unfinished; /* the next packet has no last descriptor, as from a kernel that is broken */
};

static struct kernel kernels[KERNEL_QUEUES];

/* For xsk_map(). */
static inline struct ipc_queue kernel_queue(uint32_t number, uint32_t frames)
{
	return (struct ipc_queue){.number = number,
				  .multi_buffer = 1,
				  .frames = frames,
				  .frame_size = XESP_FRAME_SIZE,
				  .fill_size = 2 * frames,
				  .rx_size = frames};
}

static inline void *kernel_memory(size_t bytes)
{
	void *memory = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);

	assert_non_null(memory);
	return memory;
}

int xsk_map(const struct ipc_queue *info, int socket, int umem, struct xsk *ret_xsk)
{
	struct kernel *kernel = &kernels[info->number];
	uint64_t begin = (uint64_t)info->frames * info->frame_size;

	assert_true(info->number < KERNEL_QUEUES);
	(void)umem;
	*kernel = (struct kernel){.info = *info,
				  .umem = kernel_memory(begin + jumbo_bytes(XESP_JUMBO_BUFFERS)),
				  .fill = kernel_memory(info->fill_size * sizeof(uint64_t)),
				  .rx = kernel_memory(info->rx_size * sizeof(struct xdp_desc))};
	*ret_xsk = (struct xsk){.socket = socket, .umem = kernel->umem, .info = *info};
	jumbo_init(&ret_xsk->jumbo, kernel->umem, begin, XESP_JUMBO_BUFFERS);
	ret_xsk->fill = (struct xsk_ring_prod){.cached_cons = info->fill_size,
					       .mask = info->fill_size - 1,
					       .size = info->fill_size,
					       .producer = &kernel->fill_producer,
					       .consumer = &kernel->fill_consumer,
					       .ring = kernel->fill,
					       .flags = &kernel->flags};
	ret_xsk->rx = (struct xsk_ring_cons){.mask = info->rx_size - 1,
					     .size = info->rx_size,
					     .producer = &kernel->rx_producer,
					     .consumer = &kernel->rx_consumer,
					     .ring = kernel->rx,
					     .flags = &kernel->flags};
	for (uint32_t i = 0; i < info->frames; i++)
		kernel->fill[i] = (uint64_t)i * info->frame_size;
	kernel->fill_producer = ret_xsk->fill.cached_prod = info->frames;
	return 0;
}

void xsk_unmap(struct xsk *xsk)
{
	struct kernel *kernel = &kernels[xsk->info.number];

	free(kernel->umem);
	free(kernel->fill);
	free(kernel->rx);
	memset(kernel, 0, sizeof(*kernel));
	close(xsk->socket);
	xsk->umem = NULL;
}

/* Says which frames it has taken out of the fill ring. */
static inline void kernel_settle(struct kernel *kernel)
{
	kernel->fill_consumer = kernel->taken;
}

/* One frame with the next bytes of a packet; `meta_bytes` in front of `data` as well. */
static inline void kernel_frame(struct kernel *kernel, const uint8_t *data, uint32_t len, uint32_t meta_bytes,
				bool last)
{
	uint64_t addr = kernel->fill[kernel->taken++ % kernel->info.fill_size] + KERNEL_HEADROOM;

	assert_int_equal(addr % XESP_FRAME_SIZE, KERNEL_HEADROOM);
	if (!kernel->keep)
		memset(kernel->umem + addr - KERNEL_HEADROOM, 0xee, XESP_FRAME_SIZE);
	memcpy(kernel->umem + addr - meta_bytes, data - meta_bytes, meta_bytes + len);
	kernel->rx[kernel->rx_producer++ % kernel->info.rx_size] =
		(struct xdp_desc){.addr = addr, .len = len, .options = last ? 0 : XDP_PKT_CONTD};
}

/* False: dropped, for there is no room. `data` has `meta_bytes` of metadata in front. */
static inline bool kernel_receive(uint32_t number, const uint8_t *data, size_t len, uint32_t meta_bytes)
{
	struct kernel *kernel = &kernels[number];
	uint32_t need = (uint32_t)(len + XESP_PACKET_MAX - 1) / XESP_PACKET_MAX;

	if (kernel->fill_producer - kernel->taken < need ||
	    kernel->info.rx_size - (kernel->rx_producer - kernel->rx_consumer) < need)
		return false;
	for (size_t at = 0; at < len; at += XESP_PACKET_MAX) {
		size_t here = len - at < XESP_PACKET_MAX ? len - at : XESP_PACKET_MAX;

		kernel_frame(kernel, data + at, (uint32_t)here, at ? 0 : meta_bytes,
			     at + here == len && !kernel->unfinished);
	}
	if (!kernel->late)
		kernel_settle(kernel);
	return true;
}

#endif
