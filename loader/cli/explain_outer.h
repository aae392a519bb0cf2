/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a listing shows of a packet that the data plane did not see: addresses, and SPI and sequence number
 * where there is ESP. For people only: verdicts are the classifier's. Pure.
 */
#ifndef XESP_CLI_EXPLAIN_OUTER_H
#define XESP_CLI_EXPLAIN_OUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip_addr.h"

struct explain_outer {
	struct ip_addr src; /* AF_UNSPEC: not IP, or cut off */
	struct ip_addr dst;
	bool has_esp; /* protocol 50 or UDP, and long enough: spi and seq are what stands there */
	uint32_t spi; /* host order */
	uint32_t seq;
};

/* Reads an Ethernet frame of any content and length. */
void explain_outer_read(const uint8_t *frame, size_t frame_len, struct explain_outer *ret_outer);
/* The same of an IP packet. */
void explain_outer_read_ip(const uint8_t *packet, size_t len, struct explain_outer *ret_outer);

#endif
