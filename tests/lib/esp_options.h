/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Outer IPv4 options and IPv6 extension headers for packets of the ESP bench.
 */
#ifndef XESP_TESTS_ESP_OPTIONS_H
#define XESP_TESTS_ESP_OPTIONS_H

#include "dataplane/esp.h"

/* Puts `len` bytes behind the fixed outer IP header of a packet of esp_rig.h: IPv4 options, whose length is a
 * multiple of 4, or an IPv6 extension header `type`, of 8, whose first byte is set here. Lengths, checksum,
 * next headers and metadata follow; the frame begins `len` bytes earlier. */
void esp_options_insert(struct esp_packet *packet, uint8_t type, const uint8_t *bytes, size_t len);

#endif
