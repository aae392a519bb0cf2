/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers, but for making and freeing. */
#include "dataplane/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UDP_HEADER_BYTES 8
#define UDP_CHECKSUM 6 /* offset */

int port_new(uint32_t ifindex, struct port **ret_port)
{
	struct port *port = calloc(1, sizeof(*port));

	if (!port)
		return -ENOMEM;
	port->ifindex = ifindex;
	*ret_port = port;
	return 0;
}

void port_free(struct port *port)
{
	if (!port)
		return;
	for (uint32_t i = 0; i < atomic_load(&port->count); i++)
		close(port->sockets[i]);
	free(port);
}

void port_add(struct port *port, uint32_t queue, int socket)
{
	uint32_t count = atomic_load_explicit(&port->count, memory_order_relaxed);

	if (queue < count || count == XESP_QUEUES_MAX) {
		close(socket);
		return;
	}
	port->sockets[count] = socket;
	/* A worker that sees the number sees the socket. */
	atomic_store_explicit(&port->count, count + 1, memory_order_release);
}

int port_socket(const struct port *port, uint32_t worker)
{
	uint32_t count = atomic_load_explicit(&port->count, memory_order_acquire);

	return count ? port->sockets[worker % count] : -1;
}

/* Numbers of a virtio-net header are in host order on these sockets. */
static void write_header(const struct port_frame *frame)
{
	struct virtio_net_hdr header = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};

	if (frame->udp_offset) {
		header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header.csum_start = frame->udp_offset;
		header.csum_offset = UDP_CHECKSUM;
		header.hdr_len = (uint16_t)(frame->udp_offset + UDP_HEADER_BYTES);
	}
	if (frame->segment_bytes) {
		header.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
		header.gso_size = frame->segment_bytes;
	}
	memcpy(frame->bytes - PORT_FRONT, &header, sizeof(header));
}

/* Frames that the kernel took, from the first on; 0 with errno. */
static size_t send_some(int socket, const struct port_frame *frames, size_t count)
{
	struct mmsghdr messages[XESP_BURST_MAX];
	struct iovec parts[XESP_BURST_MAX];
	int n;

	for (size_t i = 0; i < count; i++) {
		parts[i] = (struct iovec){.iov_base = frames[i].bytes - PORT_FRONT,
					  .iov_len = PORT_FRONT + frames[i].len};
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
	}
	n = sendmmsg(socket, messages, (unsigned int)count, MSG_DONTWAIT);
	return n < 0 ? 0 : (size_t)n;
}

static void count_sent(struct port *port, const struct port_frame *frames, size_t count)
{
	uint64_t packets = 0;

	for (size_t i = 0; i < count; i++)
		packets += frames[i].count;
	atomic_fetch_add_explicit(&port->sent, packets, memory_order_relaxed);
	atomic_fetch_add_explicit(&port->calls, count, memory_order_relaxed);
}

static void fail(struct port *port, struct port_frame *frame)
{
	frame->failed = true;
	atomic_fetch_add_explicit(&port->failed, frame->count, memory_order_relaxed);
}

static bool is_full(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS;
}

bool port_send(struct port *port, uint32_t worker, struct port_frame *frames, size_t count)
{
	int socket = port_socket(port, worker);
	bool full = false;
	size_t done = 0;

	for (size_t i = 0; i < count; i++)
		write_header(&frames[i]);
	while (done < count) {
		size_t n = full ? 0 : send_some(socket, frames + done, count - done);

		if (n) {
			count_sent(port, frames + done, n);
			done += n;
			continue;
		}
		if (!full && errno == EINTR)
			continue;
		full = full || is_full(errno);
		/* An older kernel than the loader thought: from now on packet by packet. */
		if (!full && errno == EINVAL && frames[done].segment_bytes)
			atomic_store_explicit(&port->segments, false, memory_order_relaxed);
		fail(port, &frames[done++]);
	}
	return !full;
}

/* ---- pieces ---------------------------------------------------------------------------------------------
 */

static size_t send_some_pieces(int socket, const struct port_piece *pieces, size_t count)
{
	struct mmsghdr messages[XESP_BURST_MAX];
	int n;

	for (size_t i = 0; i < count; i++)
		messages[i] = (struct mmsghdr){
			.msg_hdr = {.msg_iov = pieces[i].parts, .msg_iovlen = pieces[i].part_count}};
	n = sendmmsg(socket, messages, (unsigned int)count, MSG_DONTWAIT);
	return n < 0 ? 0 : (size_t)n;
}

static void count_pieces(struct port *port, const struct port_piece *pieces, size_t count)
{
	uint64_t packets = 0;

	for (size_t i = 0; i < count; i++)
		packets += pieces[i].count;
	atomic_fetch_add_explicit(&port->sent, packets, memory_order_relaxed);
	atomic_fetch_add_explicit(&port->calls, count, memory_order_relaxed);
}

void port_send_pieces(struct port *port, uint32_t worker, struct port_piece *pieces, size_t count)
{
	int socket = port_socket(port, worker);
	int full = 0;
	size_t done = 0;

	while (done < count) {
		size_t n = full ? 0 : send_some_pieces(socket, pieces + done, count - done);

		if (n) {
			count_pieces(port, pieces + done, n);
			for (; n; n--)
				pieces[done++].error = 0;
			continue;
		}
		if (!full && errno == EINTR)
			continue;
		if (!full && is_full(errno))
			full = errno;
		pieces[done].error = full ? full : errno;
		if (pieces[done].error != EINVAL || pieces[done].count == 1)
			atomic_fetch_add_explicit(&port->failed, pieces[done].count, memory_order_relaxed);
		done++;
	}
}
