/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tells ESP from IKE and keepalives behind a UDP header, by the parser entries of the destination port,
 * and finds the ESP header of either form.
 */
#ifndef XESP_BPF_DEMUX_H
#define XESP_BPF_DEMUX_H

#include "parse.h"

#define KEEPALIVE_LENGTH 9  /* of UDP: its header and one byte */
#define KEEPALIVE_BYTE 0xff /* RFC 3948 section 2.3 */
#define MARKER_WORD 4	    /* the non-ESP marker; the non-IKE marker has two */
#define ESP_HEADER 8	    /* SPI and sequence number */

/* `length` counts from `esp`, as UDP or IP say. ESP has more than its header (RFC 4303 section 2). */
static __always_inline enum xesp_reason esp_at(struct packet *pkt, const __u8 *esp, __u32 length, __u8 form)
{
	if (length <= ESP_HEADER)
		return XESP_REASON_ESP_SHORT;
	if (esp + ESP_HEADER > pkt->end)
		return XESP_REASON_TRUNCATED;
	pkt->esp = esp;
	pkt->esp_length = length;
	pkt->form = form;
	return XESP_REASON_NONE;
}

/* Draft-ietf-ipsec-udp-encaps-00: IKE begins with a cookie, which is never 0, ESP has 8 zero bytes in
 * front. Called with 4 zero bytes at `payload`. */
static __always_inline enum xesp_reason demux_draft(struct packet *pkt, const __u8 *payload, __u32 length)
{
	if (length < 2 * MARKER_WORD)
		return XESP_REASON_IKE;
	if (payload + 2 * MARKER_WORD > pkt->end)
		return XESP_REASON_TRUNCATED;
	if (*(const __u32 *)(payload + MARKER_WORD))
		return XESP_REASON_IKE;
	return esp_at(pkt, payload + 2 * MARKER_WORD, length - 2 * MARKER_WORD, XESP_FORM_UDP_IKE);
}

static __always_inline enum xesp_reason demux_payload(struct packet *pkt, const struct xesp_parser_slot *slot,
						      const __u8 *payload, __u32 length)
{
	if (length < MARKER_WORD)
		return XESP_REASON_ESP_SHORT;
	if (payload + MARKER_WORD > pkt->end)
		return XESP_REASON_TRUNCATED;
	/* RFC 3948 section 2.2: an SPI is never 0, the non-ESP marker is. */
	if (*(const __u32 *)payload) {
		pkt->parser_id = slot->id[XESP_ENCAP_RFC3948];
		if (!pkt->parser_id)
			return XESP_REASON_IKE;
		return esp_at(pkt, payload, length, XESP_FORM_UDP);
	}
	pkt->parser_id = slot->id[XESP_ENCAP_IKE];
	if (!pkt->parser_id)
		return XESP_REASON_IKE;
	return demux_draft(pkt, payload, length);
}

/* One that this host forwards keeps another host's mapping alive: it must go on. */
static __always_inline enum xesp_reason keepalive(CTX *ctx, const struct packet *pkt,
						  const struct xesp_config *config)
{
	struct xesp_destination key = {.family = pkt->family};

	if (config->pass_keepalives)
		return XESP_REASON_KEEPALIVE_PASSED;
	if (pkt->family == 4)
		key.addr[3] = ((const struct iphdr *)pkt->ip)->daddr;
	else
		__builtin_memcpy(key.addr, &((const struct ipv6hdr *)pkt->ip)->daddr, sizeof(key.addr));
	return destination_known(ctx, &key) ? XESP_REASON_KEEPALIVE : XESP_REASON_KEEPALIVE_FOREIGN;
}

static __always_inline enum xesp_reason demux_udp(CTX *ctx, struct packet *pkt,
						  const struct xesp_config *config)
{
	const struct udphdr *udp = (const struct udphdr *)pkt->transport;
	const __u8 *payload = (const __u8 *)(udp + 1);
	const struct xesp_parser_slot *slot;
	__u32 length;

	if (pkt->ip_payload < sizeof(*udp))
		return XESP_REASON_IP_LENGTH;
	if (payload > pkt->end)
		return XESP_REASON_TRUNCATED;
	slot = parser_get(ctx, (__u16)bpf_ntohs(udp->dest));
	if (!slot || !(slot->id[XESP_ENCAP_IKE] | slot->id[XESP_ENCAP_RFC3948]))
		return XESP_REASON_NO_PARSER;
	/* RFC 768 says no more than that the length includes the header; bytes behind it are surplus. */
	length = bpf_ntohs(udp->len);
	if (length < sizeof(*udp) || length > pkt->ip_payload)
		return XESP_REASON_UDP_LENGTH;
	if (length == KEEPALIVE_LENGTH) {
		if (payload + 1 > pkt->end)
			return XESP_REASON_TRUNCATED;
		if (*payload == KEEPALIVE_BYTE)
			return keepalive(ctx, pkt, config);
	}
	return demux_payload(pkt, slot, payload, length - (__u32)sizeof(*udp));
}

/* RFC 7296 section 2.23: a peer may send plain ESP at any time, NAT or not. */
static __always_inline enum xesp_reason demux_native(struct packet *pkt)
{
	pkt->parser_id = 0;
	return esp_at(pkt, pkt->transport, pkt->ip_payload, XESP_FORM_NATIVE);
}

static __always_inline enum xesp_reason demux(CTX *ctx, struct packet *pkt, const struct xesp_config *config)
{
	return pkt->protocol == IPPROTO_UDP ? demux_udp(ctx, pkt, config) : demux_native(pkt);
}

#endif
