/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way out of an attached interface: packet sockets that the loader opened and bound to it, one a receive
 * queue, with a virtio-net header in front of each frame, so that one of them carries up to 64 KB of UDP
 * segments. They hold no UDP port and receive nothing: an IKE daemon keeps 500 and 4500.
 *
 * Made and freed by the control thread; workers of all interfaces send.
 */
#ifndef XESP_DATAPLANE_PORT_H
#define XESP_DATAPLANE_PORT_H

#include <linux/virtio_net.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <xesp/limits.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* Linux 6.2 */
#endif

/* Bytes in front of a frame that are port_send()'s. */
#define PORT_FRONT ((uint32_t)sizeof(struct virtio_net_hdr))
/* Most packets in one frame: what Linux takes of a UDP socket since 6.9, and drivers have been tested with.
 */
#define PORT_SEGMENTS_MAX XESP_BURST_MAX

struct port {
	uint32_t ifindex;
	int sockets[XESP_QUEUES_MAX]; /* of worker i: sockets[i % count] */
	_Atomic uint32_t count;
	_Atomic bool segments;	  /* the kernel takes UDP segments here (Linux 6.2 and later) */
	_Atomic uint64_t sent;	  /* packets on the wire */
	_Atomic uint64_t calls;	  /* frames that carried them */
	_Atomic uint64_t failed;  /* packets that the kernel refused */
	_Atomic uint64_t by_ring; /* of those sent: through AF_XDP, see send_tx.c */
};

/* What the kernel is given in one piece: a packet, or UDP segments whose headers it makes from the first's.
 */
struct port_frame {
	uint8_t *bytes; /* link-layer header; PORT_FRONT bytes in front of it are writable */
	uint32_t len;
	uint16_t udp_offset;	/* of the UDP header, whose checksum is the pseudo-header's; 0: none is to be
				   filled in */
	uint16_t segment_bytes; /* behind the UDP header, of each segment but the last; 0: it is one packet */
	uint16_t count;		/* packets */
	bool failed;		/* out */
};

/* The same in several places, and with a virtio-net header of the caller's, which is the first of them. */
struct port_piece {
	struct iovec *parts;
	uint16_t part_count;
	uint16_t count; /* packets */
	int error;	/* out: positive errno, 0: the kernel took it */
};

/* -ENOMEM. It has no socket, and takes single packets. */
int port_new(uint32_t ifindex, struct port **ret_port);
/* Closes the sockets; NULL-safe. No next hop leads through it, and no worker sends. */
void port_free(struct port *port);
/* Takes over the socket of a receive queue; one that has a socket from earlier keeps that, and queues come in
 * order. Workers may send meanwhile. */
void port_add(struct port *port, uint32_t queue, int socket);

/* The socket of a worker, to wait until it takes more; -1: none. Any thread. */
int port_socket(const struct port *port, uint32_t worker);
/* Sends frames in order, at most XESP_BURST_MAX, and counts. False: the socket takes no more now, and the
 * rest has failed. Any worker; never waits. */
bool port_send(struct port *port, uint32_t worker, struct port_frame *frames, size_t count);
/* The same of pieces. One of several packets that the kernel cannot make sense of has EINVAL and is not
 * counted as failed: its packets may be sent one by one. */
void port_send_pieces(struct port *port, uint32_t worker, struct port_piece *pieces, size_t count);

#endif
