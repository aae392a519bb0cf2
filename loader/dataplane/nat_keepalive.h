/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The datagram that keeps a NAT's mapping alive (RFC 3948 section 2.3). Pure.
 */
#ifndef XESP_DATAPLANE_NAT_KEEPALIVE_H
#define XESP_DATAPLANE_NAT_KEEPALIVE_H

#include "dataplane/nexthop.h"
#include "dataplane/sa_out.h"

#define NAT_KEEPALIVE_BYTES_MAX (NEXTHOP_LINK_BYTES + 40 + 8 + 1)

/* Writes a frame with one from and to `ends`, whose addresses are of one family; returns its bytes. */
uint32_t nat_keepalive_write(const struct sa_out_ends *ends, const uint8_t *link, uint8_t *out);

#endif
