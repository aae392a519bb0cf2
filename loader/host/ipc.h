/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What loader and engine say to each other over a SOCK_SEQPACKET pair: fixed structs, descriptors along
 * with them. The engine asks, the loader answers each request with exactly one of ATTACHED (followed by
 * one QUEUE a receive queue), DONE (to SET_QUEUES followed by one QUEUE a new queue) or FAILED; BEGIN comes
 * first of all, LINK_GONE, LINK_STATE and NEXTHOP come unasked. The loader trusts nothing in a request: the
 * engine handles hostile packets and is taken to be compromised.
 */
#ifndef XESP_HOST_IPC_H
#define XESP_HOST_IPC_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xesp/limits.h>

#include "base/ip_addr.h"

enum ipc_type {
	IPC_ATTACH = 1,	    /* engine: attach to attach.dev */
	IPC_DETACH = 2,	    /* engine: detach from detach.ifindex */
	IPC_ATTACHED = 3,   /* loader: attached, with the maps of struct classifier_fds in its order */
	IPC_QUEUE = 4,	    /* loader: queue, with socket, UMEM, sink and packet socket */
	IPC_DONE = 5,	    /* loader: done */
	IPC_FAILED = 6,	    /* loader: failed */
	IPC_LINK_GONE = 7,  /* loader: link.ifindex no longer exists; nothing to detach */
	IPC_LINK_STATE = 8, /* loader: state has changed, or its queues are still other ones than asked for */
	IPC_SET_QUEUES = 9, /* engine: sockets for the queues from queues.from to queues.count - 1 */
	IPC_REATTACH = 10,  /* engine: put the program of link.ifindex back onto its hook */
	IPC_RESOLVE = 11,   /* engine: find the way to peer.addr, and say NEXTHOP now and when it changes */
	IPC_UNRESOLVE = 12, /* engine: no longer */
	IPC_NEXTHOP = 13,   /* loader: nexthop */
	IPC_ROUTE = 15,	    /* engine: lead packets to route.dst into the TUN device */
	IPC_UNROUTE = 16,   /* engine: no longer */
	IPC_TUN_MTU = 14,   /* engine: set the MTU of the TUN device to mtu.bytes */
	IPC_BEGIN = 17,	    /* loader: what there is, left by the engine before */
	IPC_ADOPT = 18,	    /* engine: link.ifindex of BEGIN, answered as if it were attached now */
	IPC_READY = 19, /* engine: it serves; ways, routes that it has not asked for are of no use any more */
	IPC_SWITCH = 20, /* engine: the next one begins so, as said in power */
	IPC_ICMP = 21, /* engine: sockets for ICMP errors; DONE comes with one a family that the kernel has */
};

enum ipc_xdp_mode { IPC_XDP_AUTO = 0, IPC_XDP_NATIVE = 1, IPC_XDP_GENERIC = 2 };

struct ipc_attach {
	char dev[IF_NAMESIZE];
	uint32_t mode; /* enum ipc_xdp_mode */
	uint32_t pass_keepalives;
};

/* What is on the XDP hook of an attached interface. */
enum ipc_program { IPC_PROGRAM_OURS = 0, IPC_PROGRAM_REMOVED = 1, IPC_PROGRAM_REPLACED = 2 };

struct ipc_link_state {
	char dev[IF_NAMESIZE];
	uint32_t ifindex;
	uint32_t up;	  /* set up by the operator */
	uint32_t running; /* and has a carrier */
	uint32_t mtu;
	uint32_t master;    /* ifindex of the bridge or bond it is a port of, or 0 */
	uint32_t queues;    /* receive queues in use, at least 1 */
	uint32_t tx_queues; /* transmit queues in use */
	uint32_t program;   /* enum ipc_program */
	char other[16];	    /* name of the program that is there instead; may be empty */
};

struct ipc_attached {
	char dev[IF_NAMESIZE];
	uint32_t ifindex;
	uint32_t mode;	     /* what it became: native or generic */
	uint32_t dispatcher; /* 1: beside other XDP programs; 0: as the only one */
	uint32_t queues;
	uint32_t capacity; /* SAs */
	uint32_t pass_keepalives;
	uint32_t inside; /* 1: the inside interface of a gateway, as the operator says */
	uint32_t pieces; /* 1: UDP segments can come in one piece */
	struct ipc_link_state state;
};

/* Engines that ended without having been told to. */
struct ipc_past {
	uint32_t count;
	/* The last one: */
	uint32_t by_signal; /* else it exited */
	int32_t status;	    /* signal, or exit status */
	uint32_t _pad;
	uint64_t ended_us; /* CLOCK_REALTIME */
};

struct ipc_begin {
	struct ipc_past past;
	uint32_t disabled; /* every packet passes */
	uint32_t tun_mtu;  /* as it was set last with TUN_MTU, or 0 */
	uint32_t count;
	uint32_t ifindex[XESP_IFACES_MAX]; /* attached interfaces, to be adopted */
};

struct ipc_switch {
	uint32_t disabled;
};

struct ipc_queue {
	uint32_t number;
	uint32_t ifindex;
	uint32_t bound;	      /* 0: the engine binds the socket, after it has mapped the rings */
	uint32_t patience_ms; /* for which it waits for another socket to leave the queue */
	uint32_t zero_copy;
	uint32_t multi_buffer; /* takes packets that need several frames */
	uint32_t frames;
	uint32_t frame_size;
	uint32_t fill_size; /* descriptors */
	uint32_t rx_size;
	uint32_t tx_frames;    /* behind the others, for sending; 0: the socket has no transmit ring */
	uint32_t tx_size;      /* descriptors, of the transmit and of the completion ring */
	uint32_t udp_segments; /* the packet socket takes them: Linux 6.2 and later */
};

struct ipc_link {
	uint32_t ifindex;
};

struct ipc_done {
	uint32_t changed; /* REATTACH: the program was not on its hook */
};

struct ipc_queues {
	uint32_t ifindex;
	uint32_t from;
	uint32_t count;
};

struct ipc_peer {
	struct ip_addr addr;
	uint32_t inside; /* 0: a peer of SAs; 1: a host behind the inside interface */
};

#define IPC_LINK_BYTES 14 /* Ethernet header */

/* The way to a peer, as the kernel's routes and neighbours have it. */
struct ipc_nexthop {
	struct ip_addr dst;
	uint8_t link[IPC_LINK_BYTES]; /* destination, source, EtherType; valid if usable */
	uint8_t zero;		      /* instead of padding: it is compared */
	uint32_t ifindex;	      /* attached interface that it leaves by, or 0 */
	uint32_t state;		      /* enum nexthop_state */
	uint32_t mtu;		      /* the interface's or, if that is less, the route's */
	uint32_t inside;	      /* as in RESOLVE */
};

struct ipc_mtu {
	uint32_t bytes; /* 0: as before there were outbound SAs */
};

struct ipc_route {
	struct ip_prefix dst;
	struct ip_prefix src; /* that packets may come from; of IPC_ROUTE only */
};

/* Why something failed, for the person who asked. */
struct failure {
	int32_t error; /* positive errno */
	char operation[64];
	char reason[200];
	char advice[200];
};

struct ipc_message {
	uint32_t type; /* enum ipc_type */
	uint32_t id;   /* of the request, chosen by the engine; the same in all answers to it */
	union {
		struct ipc_attach attach;
		struct ipc_attached attached;
		struct ipc_begin begin;
		struct ipc_switch power;
		struct ipc_queue queue;
		struct ipc_link link;
		struct ipc_link_state state;
		struct ipc_done done;
		struct ipc_queues queues;
		struct ipc_peer peer;
		struct ipc_nexthop nexthop;
		struct ipc_mtu mtu;
		struct ipc_route route;
		struct failure failed;
	};
};

#define IPC_FDS_MAX 8
#define IPC_ICMP_FDS 2
#define IPC_ATTACHED_FDS 8
#define IPC_QUEUE_FDS \
	4 /* socket, UMEM, sink (absent with the null sink), packet socket (absent as well if it cannot be \
	     had) */

/* Fills `*ret_failure`; the reason gets the text of `error` (positive) appended. Returns -error. */
__attribute__((format(printf, 5, 6))) int failure_set(struct failure *ret_failure, int error,
						      const char *operation, const char *advice,
						      const char *format, ...);

/* Sends one message; the descriptors stay the caller's. -EPIPE if the other side is gone, -EAGAIN if it does
 * not read for as long as the socket's SO_SNDTIMEO says. */
int ipc_send(int socket, const struct ipc_message *message, const int *fds, size_t fd_count);
/* Waits for one message. The caller owns the descriptors in `ret_fds` (IPC_FDS_MAX large). -EPIPE if the
 * other side is gone, -EPROTO for a message that is none, -EAGAIN after `timeout_ms` (-1: never). */
int ipc_receive(int socket, int timeout_ms, struct ipc_message *ret_message, int *ret_fds,
		size_t *ret_fd_count);

#endif
