/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. */
#include "host/xsk_open.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xesp/limits.h>

#include "base/cleanup.h"

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4) /* Linux 6.6 */
#endif

/* The fill ring has room for every frame twice, so a worker can always give back what it took: the kernel
 * says that packets are there a moment before it says that it has taken their frames out of the fill ring. */
#define FILL_SIZE (2 * XESP_FRAMES_PER_QUEUE)
#define RX_SIZE XESP_FRAMES_PER_QUEUE
/* Around the MTU: Ethernet, two VLAN tags and the checksum of the frame, as the kernel reckons. */
#define LINK_BYTES (14 + 2 * 4 + 4)
/* Without a transmit ring nothing is sent, but the kernel wants a completion ring to bind. */
#define COMPLETION_SIZE 64
/* Room for every frame, in both rings, so that putting one there cannot fail. */
#define TX_SIZE XESP_TX_FRAMES_PER_QUEUE
/* What the kernel reckons for packets that it copied out of the ring and the interface has not sent yet,
 * about 2.3 KB each: room for those of all frames. */
#define SEND_BUFFER_BYTES (8 * 1024 * 1024)

static int make_umem(int socket, const struct ipc_queue *info, int *ret_umem, struct failure *ret_failure)
{
	size_t bytes = (size_t)(info->frames + info->tx_frames) * XESP_FRAME_SIZE;
	CLEANUP_FD int fd = memfd_create("xesp-umem", MFD_CLOEXEC);
	struct xdp_umem_reg reg = {.len = bytes, .chunk_size = XESP_FRAME_SIZE};
	void *area;
	int error;

	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		return failure_set(ret_failure, errno, "make UMEM", "free memory", "no memory for %zu bytes",
				   bytes);
	area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (area == MAP_FAILED)
		return failure_set(ret_failure, errno, "make UMEM", "free memory",
				   "%zu bytes cannot be mapped", bytes);
	reg.addr = (uintptr_t)area;
	error = setsockopt(socket, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) ? errno : 0;
	/* The kernel pinned the pages; this process has no business with their content. */
	munmap(area, bytes);
	if (error)
		return failure_set(ret_failure, error, "register UMEM",
				   error == ENOBUFS ? "raise RLIMIT_MEMLOCK or run with CAP_IPC_LOCK"
						    : "run as root",
				   "%zu bytes of UMEM were refused", bytes);
	*ret_umem = TAKE_FD(fd);
	return 0;
}

static int set_ring(int socket, int option, uint32_t size, struct failure *ret_failure)
{
	if (setsockopt(socket, SOL_XDP, option, &size, sizeof(size)))
		return failure_set(ret_failure, errno, "size AF_XDP ring", "", "ring %d of %u descriptors",
				   option, size);
	return 0;
}

static int bind_with(int socket, const struct ipc_link_state *state, uint32_t queue, uint16_t flags)
{
	struct sockaddr_xdp address = {.sxdp_family = AF_XDP,
				       .sxdp_flags = XDP_USE_NEED_WAKEUP | flags,
				       .sxdp_ifindex = state->ifindex,
				       .sxdp_queue_id = queue};

	return bind(socket, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
}

/* Before Linux 6.4 the kernel maps the rings of no socket that is bound, and the engine maps them. Kernels
 * that know XDP_USE_SG are new enough: those that do not refuse it before they look for the interface, and
 * none has number 0. */
static bool maps_bound_sockets(int socket)
{
	return bind_with(socket, &(struct ipc_link_state){.ifindex = 0}, 0, XDP_USE_SG) != -EINVAL;
}

static int bind_patiently(int socket, const struct ipc_link_state *state, uint32_t queue, uint16_t flags,
			  unsigned int patience_ms)
{
	int err = bind_with(socket, state, queue, flags);

	while (err == -EBUSY && patience_ms--) {
		usleep(1000);
		err = bind_with(socket, state, queue, flags);
	}
	return err;
}

static uint32_t is_zero_copy(int socket)
{
	struct xdp_options options = {0};
	socklen_t len = sizeof(options);

	return !getsockopt(socket, SOL_XDP, XDP_OPTIONS, &options, &len) &&
	       (options.flags & XDP_OPTIONS_ZEROCOPY);
}

/* With XDP_USE_SG the kernel falls back to copying where the driver's zero copy knows no packets in several
 * frames, and says nothing. So zero copy goes without as long as every packet that the MTU allows fits one
 * frame, and copying, which always can, goes with it. */
static int bind_queue(int socket, const struct ipc_link_state *state, uint32_t queue,
		      unsigned int patience_ms, struct ipc_queue *ret_info, struct failure *ret_failure)
{
	bool fits = state->mtu <= XESP_PACKET_MAX - LINK_BYTES;
	const uint16_t tries[] = {XDP_ZEROCOPY | (fits ? 0 : XDP_USE_SG), XDP_COPY | XDP_USE_SG};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		err = bind_patiently(socket, state, queue, tries[i], patience_ms);
		if (!err) {
			ret_info->bound = 1;
			ret_info->zero_copy = is_zero_copy(socket);
			ret_info->multi_buffer = !!(tries[i] & XDP_USE_SG);
			return 0;
		}
	}
	return failure_set(ret_failure, -err, "bind AF_XDP socket",
			   err == -EBUSY ? "end the other program that has an AF_XDP socket on this queue"
					 : "see `ethtool -i` and `ethtool -l` for driver and queues",
			   "queue %u of %s", queue, state->dev);
}

static int set_rings(int socket, const struct ipc_queue *info, struct failure *ret_failure)
{
	const int bytes = SEND_BUFFER_BYTES;
	int err = set_ring(socket, XDP_UMEM_FILL_RING, info->fill_size, ret_failure);

	if (!err)
		err = set_ring(socket, XDP_UMEM_COMPLETION_RING,
			       info->tx_frames ? info->tx_size : COMPLETION_SIZE, ret_failure);
	if (!err)
		err = set_ring(socket, XDP_RX_RING, info->rx_size, ret_failure);
	if (!err && info->tx_frames)
		err = set_ring(socket, XDP_TX_RING, info->tx_size, ret_failure);
	/* Without CAP_NET_ADMIN here the default stays, and the ring moves on more slowly. */
	if (!err && info->tx_frames)
		(void)setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	return err;
}

static int open_queue(const struct ipc_link_state *state, uint32_t queue, bool transmit,
		      unsigned int patience_ms, struct xsk_opened *ret_opened, struct failure *ret_failure)
{
	CLEANUP_FD int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	CLEANUP_FD int umem = -1;
	struct ipc_queue info = {.number = queue,
				 .ifindex = state->ifindex,
				 .patience_ms = patience_ms,
				 .frames = XESP_FRAMES_PER_QUEUE,
				 .frame_size = XESP_FRAME_SIZE,
				 .fill_size = FILL_SIZE,
				 .rx_size = RX_SIZE,
				 .tx_frames = transmit ? XESP_TX_FRAMES_PER_QUEUE : 0,
				 .tx_size = transmit ? TX_SIZE : 0};
	int err;

	if (fd < 0)
		return failure_set(ret_failure, errno, "open AF_XDP socket",
				   errno == EAFNOSUPPORT ? "use a kernel with CONFIG_XDP_SOCKETS"
							 : "run as root",
				   "no AF_XDP socket for %s", state->dev);
	err = make_umem(fd, &info, &umem, ret_failure);
	if (!err)
		err = set_rings(fd, &info, ret_failure);
	if (!err && maps_bound_sockets(fd))
		err = bind_queue(fd, state, queue, patience_ms, &info, ret_failure);
	if (err)
		return err;
	ret_opened->info = info;
	ret_opened->socket = TAKE_FD(fd);
	ret_opened->umem = TAKE_FD(umem);
	return 0;
}

/* The kernel puts what is sent into the transmit queue of the socket's number, which must be there. */
static bool can_transmit(const struct ipc_link_state *state, uint32_t queue)
{
	return queue < state->tx_queues;
}

/* What is received matters more: where it takes doing without a transmit ring, there is none. */
int xsk_open(const struct ipc_link_state *state, uint32_t queue, bool transmit, unsigned int patience_ms,
	     struct xsk_opened *ret_opened, struct failure *ret_failure)
{
	int err = -EOPNOTSUPP;

	if (transmit && can_transmit(state, queue))
		err = open_queue(state, queue, true, patience_ms, ret_opened, ret_failure);
	/* That has nothing to do with the ring, and was waited for already. */
	if (!err || err == -EBUSY)
		return err;
	return open_queue(state, queue, false, patience_ms, ret_opened, ret_failure);
}

void xsk_opened_close(struct xsk_opened *opened)
{
	cleanup_fd(&opened->socket);
	cleanup_fd(&opened->umem);
	opened->socket = -1;
	opened->umem = -1;
}
