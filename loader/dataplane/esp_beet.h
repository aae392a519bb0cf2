/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BEET mode (RFC 7402 appendix B): a tunnel whose inner addresses are always the same two, so that the peer
 * leaves the inner IP header out and the SA's selector says the addresses. Pure.
 */
#ifndef XESP_DATAPLANE_ESP_BEET_H
#define XESP_DATAPLANE_ESP_BEET_H

#include "dataplane/esp.h"

/* `payload` is the plaintext without padding and trailer. Writes an inner IP header in front of it: addresses
 * from the SA's selector, whose two prefixes are hosts of one family; all else from the outer header. Sets
 * packet and packet_len and returns XESP_REASON_DELIVERED, or says why not; the outer headers are whole then.
 */
enum xesp_reason esp_beet_open(struct esp_packet *packet, uint8_t next_header, uint8_t *payload,
			       uint32_t len);

#endif
