/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The upper-layer checksum of a transport-mode packet whose addresses a NAT changed while the checksum,
 * encrypted, was out of its reach (RFC 3948 section 3.1.2). Pure.
 */
#ifndef XESP_DATAPLANE_ESP_REPAIR_H
#define XESP_DATAPLANE_ESP_REPAIR_H

#include <stdint.h>

#include "control/sa_params.h"
#include "dataplane/esp_upper.h"

/* Repairs the TCP, UDP or ICMPv6 checksum for the addresses `src` and `dst` of the packet as received. With
 * an original address in `encap` incrementally, so that damage from before the peer sealed it still shows;
 * without one it is computed anew. Other protocols, fragments, headers cut short and UDP without a checksum
 * are left alone. */
void esp_repair_checksum(const struct esp_upper *upper, uint8_t family, const uint8_t *src,
			 const uint8_t *dst, const struct sa_encap *encap);

#endif
