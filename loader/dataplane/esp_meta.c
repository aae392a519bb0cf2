/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The classifier wrote the metadata, but a frame can reach the socket by other ways: nothing in it is
 * believed that the frame does not confirm. Pure; called by workers.
 */
#include "dataplane/esp_meta.h"

#include <netinet/in.h>
#include <xesp/limits.h>

#include "dataplane/wire.h"

#define EXTENSION_BYTES_MIN 8

static bool is_options(uint8_t next_header)
{
	return next_header == IPPROTO_HOPOPTS || next_header == IPPROTO_DSTOPTS;
}

uint32_t esp_meta_next_header(uint8_t family, const uint8_t *ip, uint32_t ip_bytes)
{
	uint32_t field = IPV6_NEXT_HEADER, at = IPV6_HEADER_BYTES;

	if (family == 4)
		return IPV4_PROTOCOL;
	while (at < ip_bytes) {
		if (ip_bytes - at < EXTENSION_BYTES_MIN || !is_options(ip[field]))
			return 0;
		field = at;
		at += (ip[at + 1] + 1u) * 8;
	}
	return at == ip_bytes ? field : 0;
}

static bool header_fits(uint8_t family, const uint8_t *ip, uint32_t ip_bytes)
{
	if (family == 4)
		return ip_bytes >= IPV4_HEADER_BYTES && ip[0] >> 4 == 4 && (ip[0] & 0x0fu) * 4 == ip_bytes;
	return ip_bytes >= IPV6_HEADER_BYTES &&
	       ip_bytes <= IPV6_HEADER_BYTES + XESP_IPV6_EXTENSION_BYTES_MAX && ip[0] >> 4 == 6;
}

static bool leads_to_esp(const struct xesp_meta *meta, const uint8_t *ip, uint32_t ip_bytes)
{
	uint32_t field = esp_meta_next_header(meta->family, ip, ip_bytes);

	return field && ip[field] == (meta->form == XESP_FORM_NATIVE ? IPPROTO_ESP : IPPROTO_UDP);
}

bool esp_meta_fits(const struct esp_packet *packet)
{
	const struct xesp_meta *meta = &packet->meta;
	const uint8_t *ip;
	uint32_t ip_bytes;

	if (meta->magic != XESP_META_MAGIC || (meta->family != 4 && meta->family != 6) ||
	    meta->form > XESP_FORM_UDP_IKE)
		return false;
	if ((uint32_t)meta->esp_offset + meta->esp_length > packet->frame_len ||
	    meta->l3_offset + esp_meta_encap_bytes(meta) >= meta->esp_offset)
		return false;
	ip = packet->frame + meta->l3_offset;
	ip_bytes = esp_meta_ip_bytes(meta);
	return header_fits(meta->family, ip, ip_bytes) && leads_to_esp(meta, ip, ip_bytes);
}
