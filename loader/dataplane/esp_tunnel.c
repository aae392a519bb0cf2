/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tunnel mode. The inner upper-layer checksum is never touched: the receiving stack must verify it (RFC
 * 3948 section 3.1.2). Pure; called by the worker that owns the SA.
 */
#include "dataplane/esp_tunnel.h"

#include "dataplane/esp_ecn.h"
#include "dataplane/esp_selector.h"
#include "dataplane/wire.h"

/* Length of the IP packet at `ip` as its header says, 0 if the header is malformed or says more than there
 * is. What lies behind it is traffic flow confidentiality padding (RFC 4303 section 2.7). */
static uint32_t inner_length(uint8_t family, const uint8_t *ip, uint32_t len)
{
	uint32_t header = family == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
	uint32_t total;

	if (len < header || ip[0] >> 4 != family)
		return 0;
	if (family == 4) {
		header = (ip[0] & 0x0fu) * 4;
		total = wire_get16(ip + IPV4_TOTAL_LENGTH);
	} else {
		total = header + wire_get16(ip + IPV6_PAYLOAD_LENGTH);
	}
	if (header < IPV4_HEADER_BYTES || total < header || total > len)
		return 0;
	return total;
}

static bool selector_match(const struct sa_selector *sel, uint8_t family, uint8_t *ip, uint32_t len)
{
	struct esp_upper upper;
	uint32_t header;

	if (family == 4) {
		header = (ip[0] & 0x0fu) * 4;
		esp_upper_find(4, ip[IPV4_PROTOCOL], wire_get16(ip + IPV4_FRAGMENT), ip + header,
			       len - header, &upper);
		return esp_selector_match(sel, 4, ip + IPV4_SRC, ip + IPV4_DST, &upper);
	}
	header = IPV6_HEADER_BYTES;
	esp_upper_find(6, ip[IPV6_NEXT_HEADER], 0, ip + header, len - header, &upper);
	return esp_selector_match(sel, 6, ip + IPV6_SRC, ip + IPV6_DST, &upper);
}

static enum xesp_reason decapsulate_ds(const struct esp_packet *packet, uint8_t family, uint8_t *ip)
{
	uint8_t outer = esp_ecn_get(packet->meta.family, packet->frame + packet->meta.l3_offset);
	uint8_t inner = esp_ecn_get(family, ip);
	int ds = esp_ecn_decapsulate(outer, inner, packet->sa->steps);

	if (ds == ESP_ECN_DROP)
		return XESP_REASON_ECN;
	if (ds != inner)
		esp_ecn_set(family, ip, (uint8_t)ds);
	return XESP_REASON_DELIVERED;
}

enum xesp_reason esp_tunnel_open(struct esp_packet *packet, uint8_t next_header, uint8_t *payload,
				 uint32_t len)
{
	const struct sa *sa = packet->sa;
	uint8_t family = next_header == IPPROTO_IPV6 ? 6 : 4;

	if (next_header != IPPROTO_IPIP && next_header != IPPROTO_IPV6)
		return XESP_REASON_NEXT_HEADER;
	len = inner_length(family, payload, len);
	if (len == 0)
		return XESP_REASON_INNER_HEADER;
	if ((sa->steps & (SA_STEP_ECN | SA_STEP_DSCP)) &&
	    decapsulate_ds(packet, family, payload) != XESP_REASON_DELIVERED)
		return XESP_REASON_ECN;
	if ((sa->steps & SA_STEP_SELECTOR) && !selector_match(&sa->params.selector, family, payload, len))
		return XESP_REASON_SELECTOR;
	packet->packet = payload;
	packet->packet_len = len;
	return XESP_REASON_DELIVERED;
}
