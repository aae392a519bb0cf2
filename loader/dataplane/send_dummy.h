/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends dummy packets (RFC 4303 section 2.6), one at a time: sealed as any other, with a number and an IV of
 * the SA, and counted as any other, also by its lifetimes. What the SA pads packets to, a dummy packet is
 * padded to; else it is as long as some small packet would make it. The control thread, while workers seal by
 * the same SA.
 */
#ifndef XESP_DATAPLANE_SEND_DUMMY_H
#define XESP_DATAPLANE_SEND_DUMMY_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/crypto.h"
#include "dataplane/event.h"
#include "dataplane/sa_out.h"

struct send_dummy;

/* Bytes of payload: an IP packet that carries little. */
#define SEND_DUMMY_BYTES_MIN 40
#define SEND_DUMMY_BYTES_MAX (40 + 255)

/* -ENOMEM, -EIO (no random numbers). `crypto` is the thread's, and has to forget the keys of SAs that end. */
int send_dummy_new(struct crypto_ctx *crypto, struct send_dummy **ret_dummy);
void send_dummy_free(struct send_dummy *dummy); /* NULL-safe */

/* `now` in seconds of CLOCK_REALTIME. False: none was sent, for the SA has ended, there is no way to the
 * peer, or the path takes no packet so long. */
bool send_dummy(struct send_dummy *dummy, struct sa_out *sa, uint64_t now);
/* What there is to tell of SAs since; false: nothing. */
bool send_dummy_event(struct send_dummy *dummy, struct event *ret_event);

#endif
