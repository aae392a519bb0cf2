/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker's way from the TUN device to the wire: what the host routes into it is cut into packets, sealed by
 * the outbound SA that its selectors name, and sent to the SA's next hop. What matches no SA is not sent at
 * all.
 *
 * Made and freed by the control thread, everything else by the worker's thread. A step holds SAs, next hops
 * and ports that it looked up only until it returns, so it runs between worker_enter_store() and
 * worker_leave_store().
 */
#ifndef XESP_DATAPLANE_SEND_H
#define XESP_DATAPLANE_SEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/crypto.h"
#include "dataplane/event.h"
#include "dataplane/port.h"
#include "dataplane/spd.h"
#include "dataplane/tx_choice.h"
#include "dataplane/xsk_tx.h"

struct send;

struct send_config {
	int tun;	 /* a queue of the device, non-blocking, with virtio-net headers; the caller's */
	uint32_t worker; /* its number: which socket of a port it sends through */
	struct crypto_ctx *crypto;  /* the worker's */
	_Atomic uint64_t *counters; /* by reason, from XESP_ENGINE_REASON_FIRST on; only the worker writes */
	struct event_ring *events;  /* the worker's, which announces what a step told; NULL: nobody is told */
};

/* -ENOMEM, -EIO (no random numbers). */
int send_new(const struct send_config *config, struct send **ret_send);
/* NULL-safe. Packets that wait are lost. */
void send_free(struct send *send);
/* Which packets are sent; NULL: none. `mss_clamp`: TCP connections through the tunnel begin with segments
 * that fit, in both directions. While the worker's thread does not run. */
void send_set_spd(struct send *send, const struct spd *spd, bool mss_clamp);
/* What the control thread may ask of a step that runs. */
struct send_state {
	enum tx_way way; /* out of the worker's own interface, as the next burst goes */
	enum tx_why why;
	uint32_t ns[TX_WAY_COUNT]; /* a packet, by the last trial; 0: there was none */
	uint32_t trials;
};

/* The worker's own interface: its port, and the ring of the worker's queue, which nobody else sends through;
 * `ring` NULL or without frames: there is none. Both outlive `send`. While the worker's thread does not run;
 * from the second time on nothing changes. */
void send_set_port(struct send *send, struct port *port, struct xsk_tx *ring, enum tx_mode mode);
/* Any thread. */
void send_read_state(const struct send *send, struct send_state *ret_state);

/* Of an opened IP packet: if it is a TCP SYN, the answers to which an outbound SA would carry, it is to say
 * no larger segments than fit there. In a round, like a step. */
void send_clamp_opened(struct send *send, uint8_t *packet, uint32_t len);

/* Seals an IP packet that was taken from the host's forwarding, and counts what becomes of it; `now` in
 * seconds of CLOCK_REALTIME. It is worked on in place, with as many bytes in front of it as a virtio-net
 * header has, and no longer needed on return; but it is on its way only after send_flush(). In a round, like
 * a step. */
void send_routed(struct send *send, uint8_t *packet, uint32_t len, uint64_t now);
void send_flush(struct send *send);

/* Sends what the TUN device has, at most about a burst, and what waited for a next hop; `now` in seconds of
 * CLOCK_REALTIME. True if there was something, so that there may be more. */
bool send_step(struct send *send, uint64_t now);
/* Milliseconds after which a step is due though the TUN device is not readable; -1: none is. */
int send_timeout(const struct send *send);
/* The TUN device is not to be waited for, but this socket until it takes more; SEND_BLOCKED_TIME: nothing is,
 * but the time of send_timeout(); SEND_NOT_BLOCKED: the TUN device is. */
#define SEND_NOT_BLOCKED (-1)
#define SEND_BLOCKED_TIME (-2)
int send_blocked(const struct send *send);

#endif
