/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the send step share: send.c (which SA, which way), send_burst.c (sealing and sending),
 * send_wait.c (packets whose next hop is not known yet), send_tx.c (the two ways out of the worker's own
 * interface). The worker's thread.
 */
#ifndef XESP_DATAPLANE_SEND_PRIVATE_H
#define XESP_DATAPLANE_SEND_PRIVATE_H

#include <xesp/drop_reasons.h>

#include "dataplane/esp_out.h"
#include "dataplane/flow_cache.h"
#include "dataplane/gso.h"
#include "dataplane/ip_fragment.h"
#include "dataplane/iv_pool.h"
#include "dataplane/nexthop.h"
#include "dataplane/port.h"
#include "dataplane/send.h"

#define SEND_VNET_BYTES ((uint32_t)sizeof(struct virtio_net_hdr))
#define SEND_PACKET_MAX 65535
/* One more than the longest, so that a longer one is seen. */
#define SEND_IN_BYTES (SEND_VNET_BYTES + SEND_PACKET_MAX + 1)
/* In front of the first ESP of a frame. */
#define SEND_FRONT (PORT_FRONT + NEXTHOP_LINK_BYTES + ESP_OUT_HEADER_MAX)
/* The longest ESP, with what goes in front of it. */
#define SEND_SLOT_MAX \
	(SEND_FRONT + SEND_MARKER_BYTES + ESP_OUT_PREFIX_MAX + SEND_PACKET_MAX + ESP_OUT_FRONT_MAX + \
	 ESP_OUT_BACK_MAX)
/* A full TSO piece and its ESP: with more, a burst would not stay in the CPU's cache. */
#define SEND_OUT_BYTES (2 * SEND_SLOT_MAX)
/* All of an outer packet that the kernel cuts. */
#define SEND_FRAME_MAX (65535 - ESP_OUT_HEADER_MAX)
/* Of the inner packet's headers: what outer ones are made of. */
#define SEND_HEADER_KEPT (IPV6_HEADER_FIXED + XESP_IPV6_EXTENSION_BYTES_MAX)
#define IPV6_HEADER_FIXED 40

#define SEND_MARKER_BYTES 8

/* A socket that takes no more is tried again after so long at the latest. */
#define SEND_BLOCKED_MS 10

/* Where a packet goes; good for one step. */
struct send_path {
	struct sa_out *sa;
	struct nexthop_way way;
	struct esp_out_split split;
	uint32_t pad_to;
	uint32_t marker;     /* bytes of it in front of each ESP */
	uint64_t look;	     /* tunnel mode: what of the inner header shows in the outer one; else 0 */
	bool fragment_outer; /* sealed whole, cut afterwards */
};

/* ESP of one SA whose outer headers are the same: one frame. */
struct send_run {
	struct send_path path;
	uint8_t inner[SEND_HEADER_KEPT];
	uint8_t *esp; /* of the first packet */
	uint32_t bytes;
	uint32_t segment_bytes; /* of the first: marker and ESP */
	uint8_t first;		/* of the burst's packets */
	uint8_t count;
	uint8_t piece;
	bool closed;
	bool ring; /* one packet, in a frame of the ring */
};

struct send_burst {
	uint32_t count, runs, pieces;
	uint32_t used; /* bytes of `out` */
	bool open;     /* the last piece gets more packets */
	struct esp_out packets[XESP_BURST_MAX];
	uint8_t piece_of[XESP_BURST_MAX];
	struct send_run run[XESP_BURST_MAX];
	uint8_t exits[XESP_BURST_MAX]; /* of the pieces */
};

/* Packets as they came from the TUN device, in order, in a ring of bytes. */
#define SEND_WAIT_BYTES (256u * 1024)
#define SEND_WAIT_PACKETS 64
#define SEND_WAIT_MS 3000 /* as long as Linux asks for a neighbour: three times, a second apart */

struct send_waiting {
	uint32_t first, count;
	struct {
		uint32_t offset;
		uint32_t room;	/* bytes */
		uint32_t len;	/* the same; 0: waits no longer */
		uint64_t since; /* ms, CLOCK_MONOTONIC */
	} packets[SEND_WAIT_PACKETS];
	uint8_t bytes[SEND_WAIT_BYTES + SEND_HEADER_KEPT]; /* begin_run() copies so much of each */
};

/* The step begins only with so many frames of the ring: a piece has at most 1024 segments, and what was read
 * before it in the same step at most a burst of packets. */
#define SEND_TX_ROOM (1024 + XESP_BURST_MAX)

struct send_tx {
	struct port *port;   /* of the worker's interface; NULL: not known */
	struct xsk_tx *ring; /* NULL: there is none */
	enum tx_way way;     /* that packets take now */
	bool waits;	     /* nothing may be read from the TUN device */
	uint64_t switch_by;  /* ms: another way is to be taken, and what went this way is waited for; 0: no */
	struct tx_choice choice;
};

struct send {
	struct send_config config;
	struct send_tx tx;
	const struct spd *spd;
	bool mss_clamp;
	struct iv_pool *ivs;
	uint64_t now;  /* of the step */
	uint32_t done; /* packets sealed in the step */
	int blocked_socket;
	uint64_t blocked_until; /* ms */
	uint64_t answers_second;
	uint32_t answers;
	struct flow_cache flows;
	struct send_burst burst;
	struct send_waiting waiting;
	uint8_t in[SEND_IN_BYTES];
	uint8_t whole[SEND_SLOT_MAX];					 /* a packet that is to be cut */
	uint8_t part[PORT_FRONT + NEXTHOP_LINK_BYTES + SEND_PACKET_MAX]; /* of it */
	uint8_t out[SEND_OUT_BYTES];
};

uint64_t send_now_ms(void);
void send_count(struct send *send, enum xesp_reason reason);
/* Seals one piece that the host handed over, virtio-net header first, and counts it where it ends.
 * SEND_WAITED: it has to wait, and is not counted. */
enum xesp_reason send_piece(struct send *send, uint8_t *bytes, uint32_t len);

/* send_burst.c. All packets of what the host handed over as one piece are added between open and close. */
void send_burst_open(struct send *send);
void send_burst_close(struct send *send);
/* What becomes of the open piece, if not SENT. */
void send_burst_fail(struct send *send, enum xesp_reason reason);
/* Adds packet `index` of the piece by the path, with a number that was taken: `payload` bytes for ESP are to
 * be written to what is returned. */
uint8_t *send_burst_add(struct send *send, const struct send_path *path, uint32_t index, uint32_t payload,
			uint64_t seq);
/* Seals and sends all that was added. */
void send_burst_flush(struct send *send);

/* send_tx.c */
/* Takes back frames, sends what the ring did not take before, changes the way. False: nothing may be sent
 * now. */
bool send_tx_begin(struct send *send);
/* Room for a sealed packet of the path in a frame of the ring, where its ESP begins; NULL: it goes through
 * the packet socket. */
uint8_t *send_tx_take(struct send *send, const struct send_path *path, uint32_t esp_bytes);
/* Sends the frames, which lie in the ring's, out of the worker's own port. */
void send_tx_frames(struct send *send, struct port_frame *frames, size_t count);
/* The burst, which is sealed, is about to be sent; and was sent. */
uint64_t send_tx_clock(const struct send *send);
void send_tx_note(struct send *send, uint64_t since);
/* ms; -1: nothing is to be tried again. */
int send_tx_timeout(const struct send *send);

/* send_wait.c */
void send_wait_push(struct send *send, const uint8_t *bytes, uint32_t len, uint64_t now_ms);
/* Tries all again; those that are too old end. */
void send_wait_retry(struct send *send);

#endif
