/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a frame's outer headers are, by the classifier's metadata. Pure.
 */
#ifndef XESP_DATAPLANE_ESP_META_H
#define XESP_DATAPLANE_ESP_META_H

#include "dataplane/esp.h"

#define ESP_META_UDP_BYTES 8
#define ESP_META_MARKER_BYTES 8 /* non-IKE marker */

/* True if the frame confirms what the metadata says of it: the headers lie inside, and lead to ESP. All else
 * here is for packets of which this is true. */
bool esp_meta_fits(const struct esp_packet *packet);

/* What lies between IP and ESP: 0, 8 or 16 bytes. */
static inline uint32_t esp_meta_encap_bytes(const struct xesp_meta *meta)
{
	if (meta->form == XESP_FORM_NATIVE)
		return 0;
	return meta->form == XESP_FORM_UDP ? ESP_META_UDP_BYTES : ESP_META_UDP_BYTES + ESP_META_MARKER_BYTES;
}

/* The outer IP header with its options, or with the extension headers behind it. */
static inline uint32_t esp_meta_ip_bytes(const struct xesp_meta *meta)
{
	return meta->esp_offset - meta->l3_offset - esp_meta_encap_bytes(meta);
}

/* The outer UDP header, if the form has one. */
static inline const uint8_t *esp_meta_udp(const struct esp_packet *packet)
{
	return packet->frame + packet->meta.esp_offset - esp_meta_encap_bytes(&packet->meta);
}

/* Offset, from the outer IP header on, of the field that says what follows the `ip_bytes` bytes of header:
 * IPv4's protocol, or the next header of the last IPv6 extension header. 0 if the IPv6 headers do not lead
 * there. */
uint32_t esp_meta_next_header(uint8_t family, const uint8_t *ip, uint32_t ip_bytes);

#endif
