/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's maximum segment size (RFC 9293 section 3.7.1) bounded by what fits the tunnel, so that a connection
 * works also where ICMP does not get through. Pure.
 */
#ifndef XESP_DATAPLANE_TCP_MSS_H
#define XESP_DATAPLANE_TCP_MSS_H

#include <stdbool.h>
#include <stdint.h>

/* Lowers the MSS option of a TCP SYN in the IP packet of `len` bytes, so that its segments make packets of at
 * most `mtu` bytes. `partial`: the checksum is the pseudo-header's sum only. Any other packet, and a SYN
 * without the option, stays as it is. */
void tcp_mss_clamp(uint8_t *packet, uint32_t len, uint32_t mtu, bool partial);

/* The packet, of at least one byte, is a TCP SYN. Writes nothing. */
bool tcp_mss_is_syn(uint8_t *packet, uint32_t len);

#endif
