/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transport mode, with the checksum repair that a NAT in between makes necessary (RFC 3948 section 3.1.2).
 * Pure; called by the worker that owns the SA.
 */
#include "dataplane/esp_transport.h"

#include "dataplane/checksum.h"
#include "dataplane/esp_meta.h"
#include "dataplane/esp_repair.h"
#include "dataplane/esp_selector.h"
#include "dataplane/wire.h"

/* The outer header, of `header` bytes with its options or extension headers, is rewritten for what is left of
 * the packet (RFC 3948 section 3.5). The options stay: they are the receiving stack's, as in RFC 4303 section
 * 3.1.1. */
static void rewrite_header(uint8_t family, uint8_t *ip, uint32_t header, uint8_t next_header,
			   uint32_t payload_len)
{
	ip[esp_meta_next_header(family, ip, header)] = next_header;
	if (family == 6) {
		wire_put16(ip + IPV6_PAYLOAD_LENGTH, (uint16_t)(header - IPV6_HEADER_BYTES + payload_len));
		return;
	}
	wire_put16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(header + payload_len));
	wire_store_checksum(ip + IPV4_CHECKSUM, 0);
	wire_store_checksum(ip + IPV4_CHECKSUM, checksum_finish(checksum_add(0, ip, header)));
}

enum xesp_reason esp_transport_open(struct esp_packet *packet, uint8_t next_header, uint8_t *payload,
				    uint32_t len)
{
	const struct sa *sa = packet->sa;
	uint8_t family = packet->meta.family;
	uint32_t header = esp_meta_ip_bytes(&packet->meta);
	uint8_t *ip = payload - header;
	const uint8_t *outer = packet->frame + packet->meta.l3_offset;
	uint32_t src = family == 4 ? IPV4_SRC : IPV6_SRC;
	uint32_t dst = family == 4 ? IPV4_DST : IPV6_DST;
	struct esp_upper upper;

	/* While the outer headers are whole: the audit record has addresses and ports from there. */
	esp_upper_find(family, next_header, 0, payload, len, &upper);
	if ((sa->steps & SA_STEP_SELECTOR) &&
	    !esp_selector_match(&sa->params.selector, family, outer + src, outer + dst, &upper))
		return XESP_REASON_SELECTOR;
	/* Ends in front of the payload and behind the outer header's start: over UDP, ESP header and IV. */
	memmove(ip, outer, header);
	len -= esp_upper_trim(&upper);
	rewrite_header(family, ip, header, next_header, len);
	if (packet->meta.form != XESP_FORM_NATIVE)
		esp_repair_checksum(&upper, family, ip + src, ip + dst, &sa->params.encap);
	packet->packet = ip;
	packet->packet_len = header + len;
	return XESP_REASON_DELIVERED;
}
