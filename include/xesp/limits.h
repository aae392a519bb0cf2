/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every bound on something that a peer, a client or an operator can grow, in one place.
 * Plain integer macros: the BPF programs, the daemon, the CLI and the tests all read them.
 */
#ifndef XESP_LIMITS_H
#define XESP_LIMITS_H

/* SAs one interface can hold unless `xespd --max-sas` says otherwise, and the most it may say. */
#define XESP_SA_CAPACITY_DEFAULT 65536
#define XESP_SA_CAPACITY_MAX (1u << 20)

/* Interfaces one daemon serves, and receive queues of one interface (= workers of one interface). */
#define XESP_IFACES_MAX 16
#define XESP_QUEUES_MAX 64

/* Parser entries of one interface. They come with SAs and may outlive them; peers make none. */
#define XESP_PARSERS_MAX 1024

/* Destination addresses of SAs for which NAT keepalives end here; to further ones they pass. */
#define XESP_DESTINATIONS_MAX 4096

/* Anti-replay window, in packets. RFC 4303 section 3.4.3: 32 MUST, 64 SHOULD be the default. */
#define XESP_REPLAY_WINDOW_MIN 32
#define XESP_REPLAY_WINDOW_DEFAULT 64
#define XESP_REPLAY_WINDOW_MAX 65536

/* Bytes that traffic flow confidentiality padding may fill payloads up to. */
#define XESP_TFC_PAD_MAX 9000

/* Milliseconds without a packet in which an outbound SA sends a dummy packet, and of how many SAs the daemon
 * finds out in 10 milliseconds whether one is due: so it sends no more than 6400 a second. */
#define XESP_DUMMY_MS_MIN 10
#define XESP_DUMMY_MS_MAX 86400000
#define XESP_DUMMIES_AT_ONCE 64

/* SPIs 1 to 255 are reserved by IANA, 0 is never on the wire (RFC 4303 section 2.1). */
#define XESP_SPI_MIN 256

/* One UMEM frame, its number per queue, and the longest packet that fits one frame:
 * the kernel keeps XDP_PACKET_HEADROOM (256 bytes) of every frame in front of the packet. */
#define XESP_FRAME_SIZE 4096
#define XESP_FRAMES_PER_QUEUE 4096
#define XESP_PACKET_MAX (XESP_FRAME_SIZE - 256)

/* Frames of a queue for packets that are sent: those on their way, and room for the segments of one piece of
 * 64 KB that the host hands over, of which there may be 1024. */
#define XESP_TX_FRAMES_PER_QUEUE 2048

/* The longest packet that comes in several frames (XDP fragments): Ethernet, two VLAN tags, and what IP can
 * say of its length, so that none is too long. */
#define XESP_PACKET_JUMBO_MAX 65600

/* Jumbo buffers of one receive queue: packets that came in several frames and are not delivered yet, at this
 * worker or at the one that they were handed to. Memory is taken by those that were ever used at a time. */
#define XESP_JUMBO_BUFFERS 512

/* Packets that one pass through the data plane handles together. */
#define XESP_BURST_MAX 64

/* VLAN tags that the classifier looks behind. */
#define XESP_VLAN_TAGS_MAX 2

/* IPv6 extension headers in front of UDP or ESP, and their bytes together: hop-by-hop options, and
 * destination options twice, as RFC 8200 section 4.1 lists them. */
#define XESP_IPV6_EXTENSIONS_MAX 3
#define XESP_IPV6_EXTENSION_BYTES_MAX 64

/* Audit events (unknown SPI) that one CPU may report in a second; the rest is only counted. */
#define XESP_AUDIT_PER_SECOND 10

/* Audit records (replay, wrong ICV, selectors, malformed) that one worker may tell in a second. */
#define XESP_AUDIT_PER_WORKER 20

/* ICMP errors that one worker may send in a second about packets that are not sent. */
#define XESP_REFUSALS_PER_SECOND 100

/* Kinds of selectors of outbound SAs in a family: combinations of prefix lengths and of what else is looked
 * at. A packet that only the last of them matches is looked up once in each. */
#define XESP_SPD_GROUPS_MAX 1024

/* Addresses of peers that outbound SAs send to: the way to each is followed. */
#define XESP_PEERS_MAX 4096

/* Hosts behind the inside interface of a gateway to which opened packets go straight; packets to others go to
 * the TUN device. A power of two. How many of them the way is asked for in a tenth of a second. */
#define XESP_INSIDE_MAX 1024
#define XESP_INSIDE_ASKS 16

/* Routes into the TUN device. */
#define XESP_ROUTES_MAX 4096

/* MTU of the TUN device while there are outbound SAs: from what IPv4 hosts must take (RFC 1122
 * section 3.3.2), or IPv6 hosts, to what an IP packet can have. */
#define XESP_TUN_MTU_MIN 576
#define XESP_TUN_MTU_MIN_IPV6 1280
#define XESP_TUN_MTU_MAX 65535

/* Control socket: bytes of one message, clients at a time, bytes queued to a slow client. */
#define XESP_MESSAGE_MAX (64 * 1024)
#define XESP_CLIENTS_MAX 1024
#define XESP_CLIENT_QUEUE_MAX (256 * 1024)

/* The same for clients that are neither root nor in group xesp: of all of them together and of one user,
 * which comes out of XESP_CLIENTS_MAX, and what one of them may make the daemon hold. */
#define XESP_CLIENTS_UNPRIVILEGED_MAX (XESP_CLIENTS_MAX / 4)
#define XESP_CLIENTS_PER_USER_MAX 32
#define XESP_MESSAGE_UNPRIVILEGED_MAX 4096
#define XESP_CLIENT_QUEUE_UNPRIVILEGED_MAX (16 * 1024)

/* A client that did nothing for so long makes way where there is no room for another. */
#define XESP_CLIENT_IDLE_SECONDS 10

/* An engine process that ended is followed by another one so often in this time; the pause before the second
 * is this, and twice as long before each further one. */
#define XESP_RESTARTS_MAX 8
#define XESP_RESTART_WINDOW_SECONDS 60
#define XESP_RESTART_PAUSE_MS 50

/* Key material of one SA: the longest that the algorithm table needs, of a cipher with its salt, and of an
 * integrity algorithm. */
#define XESP_KEY_MAX 36
#define XESP_AUTH_KEY_MAX 64

#endif
