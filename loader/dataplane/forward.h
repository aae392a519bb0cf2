/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a router has to know of a packet that it passes on, and to change in it. Pure; workers.
 */
#ifndef XESP_DATAPLANE_FORWARD_H
#define XESP_DATAPLANE_FORWARD_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

/* True if `packet`, of exactly `len` bytes, can be passed on by changing nothing but its TTL or hop limit: it
 * is from one host to one host, its header is sound, has no options for routers, and a TTL above 1. All else
 * is left to the kernel, which answers, or drops, as a router has to. */
bool forward_may(const uint8_t *packet, uint32_t len);
/* Takes 1 from TTL or hop limit, of a packet that forward_may() is true of. */
void forward_age(uint8_t *packet);
/* Says which checksum is still to be computed, in a TCP or UDP packet that a sender on this machine handed
 * over: such senders leave it to hardware that never comes, with the pseudo-header's sum in its place. A
 * whole checksum may be the same number; to compute it anew gives it again. For packets that forward_may() is
 * true of. */
void forward_unfinished(const uint8_t *packet, uint32_t len, struct virtio_net_hdr *ret_header);

#endif
