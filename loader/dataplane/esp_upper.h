/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The upper-layer protocol of an IP packet, behind IPv6 extension headers. Pure.
 */
#ifndef XESP_DATAPLANE_ESP_UPPER_H
#define XESP_DATAPLANE_ESP_UPPER_H

#include <stdbool.h>
#include <stdint.h>

struct esp_upper {
	bool known; /* false: the extension headers are malformed or too many; the rest is not valid */
	uint8_t protocol;
	uint8_t *header; /* NULL in a fragment that is not the first: its bytes are no header */
	uint32_t len;	 /* bytes from `header` to the end of the packet */
	bool fragment;	 /* a fragment, also the first */
};

/* `protocol` is that of the first byte of `data`, which lies behind the fixed IP header of `family` (4 or
 * 6) and, for IPv4, its options. `fragment` is the IPv4 flags and fragment offset word, 0 for IPv6. */
void esp_upper_find(uint8_t family, uint8_t protocol, uint16_t fragment, uint8_t *data, uint32_t len,
		    struct esp_upper *ret_upper);

/* Cuts off what the UDP length does not cover, traffic flow confidentiality padding (RFC 4303 section 2.7),
 * and returns its size. Of the protocols without an IP header of the peer in front of them only UDP says its
 * own length. A UDP length that lies is left for the stack to see. */
uint32_t esp_upper_trim(struct esp_upper *upper);

#endif
