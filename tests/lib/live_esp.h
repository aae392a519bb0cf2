/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets for xesp to open, at a rate: AES-128-GCM in UDP from 192.0.2.2 to 192.0.2.1, both ports 4500,
 * tunnel mode; inside, consecutive segments of one TCP flow to packet_addr(4, 3). There are LIVE_TEMPLATES of
 * them, which come again and again, so their SAs have no window. Needs root.
 */
#ifndef XESP_TESTS_LIVE_ESP_H
#define XESP_TESTS_LIVE_ESP_H

#include <stddef.h>
#include <stdint.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/live_frames.h"

/* SA number `i` of those that the packets are for: they differ in the SPI alone. */
struct sa_params live_esp_params(uint32_t i);

/* Seals with the rig's provider, which has live_esp_params(0). Packet i is for SA i modulo `sas`. `size`
 * bytes an inner packet; 0: 7 of 64, 4 of 576 and 1 of 1400 bytes in turn (IMIX). They leave through
 * `ifindex`. -errno. */
int live_esp_open(struct esp_rig *rig, uint32_t ifindex, size_t size, uint32_t sas,
		  struct live_frames *ret_frames);

/* Sends for so many seconds, not more than `rate` packets a second (0: whatever goes), on the CPU that the
 * caller runs on. Returns packets a second, or -1. `*ret_took`: seconds. */
double live_esp_offer(const struct live_frames *frames, double rate, double seconds, double *ret_took);

#endif
