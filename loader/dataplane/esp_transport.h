/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transport mode: the outer IP header goes in front of the plaintext. Pure.
 */
#ifndef XESP_DATAPLANE_ESP_TRANSPORT_H
#define XESP_DATAPLANE_ESP_TRANSPORT_H

#include "dataplane/esp.h"

/* `payload` is the plaintext without padding and trailer. Sets packet and packet_len and returns
 * XESP_REASON_DELIVERED, or says why not. */
enum xesp_reason esp_transport_open(struct esp_packet *packet, uint8_t next_header, uint8_t *payload,
				    uint32_t len);

#endif
