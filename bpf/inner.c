// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The classifier for what came out of a tunnel: the same steps from the IP header on, without a frame around
 * it. Any thread.
 */
#define XESP_INNER

#include "host/classifier.h"

#include "classify.h"

/* IPv6, extension headers, UDP, non-IKE marker, ESP: all that the steps read of the headers. IPv4 with all
 * options is shorter. */
#define HEADERS_MAX (40 + XESP_IPV6_EXTENSION_BYTES_MAX + 8 + 8 + 8)

/* A tunnel mostly carries what has nothing to do with ESP; two loads tell. */
static bool may_be_esp(struct inner *inner, __u8 family)
{
	const __u8 *packet = inner->packet;
	size_t header = family == 4 ? (packet[0] & 15) * 4u : sizeof(struct ipv6hdr);
	__u8 protocol;

	if (header < sizeof(struct iphdr) || inner->len < header + sizeof(struct udphdr))
		return false;
	protocol = packet[family == 4 ? offsetof(struct iphdr, protocol) : offsetof(struct ipv6hdr, nexthdr)];
	if (family == 6 && (protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_DSTOPTS))
		return true;
	if (protocol != IPPROTO_UDP)
		return protocol == IPPROTO_ESP;
	parser_get(inner, (__u16)(packet[header + 2] << 8 | packet[header + 3]));
	return inner->slot.id[XESP_ENCAP_IKE] | inner->slot.id[XESP_ENCAP_RFC3948];
}

/* The steps read headers as they lie in a frame, aligned; the data plane's packets lie anywhere. */
static enum xesp_reason classify_copy(struct inner *inner, __u8 family)
{
	_Alignas(8) __u8 headers[HEADERS_MAX];
	size_t readable = inner->len < sizeof(headers) ? inner->len : sizeof(headers);
	struct packet pkt = {.begin = headers, .ip = headers, .end = headers + readable};
	const struct xesp_sa_ref *ref;
	enum xesp_reason reason;

	memcpy(headers, inner->packet, readable);
	reason = family == 4 ? parse_ipv4(inner, &pkt) : parse_ipv6(inner, &pkt);
	if (has_options(reason))
		reason = parse_options(inner, &pkt, family);
	if (!reason)
		reason = demux(inner, &pkt, config_get(inner));
	if (!reason)
		reason = find_sa(inner, &pkt, config_get(inner), &ref);
	if (reason)
		return reason;
	if (pkt.form != XESP_FORM_NATIVE && !udp_csum_ok(inner, &pkt))
		return XESP_REASON_UDP_CHECKSUM;
	return hand_over(inner, &pkt, ref);
}

enum xesp_reason classifier_inner(const struct classifier *classifier, const uint8_t *packet, size_t len,
				  struct xesp_meta *ret_meta)
{
	struct inner inner = {.tables = &classifier->tables, .packet = packet, .len = len};
	__u8 family = len ? packet[0] >> 4 : 0;
	enum xesp_reason reason;

	if (family != 4 && family != 6)
		return XESP_REASON_NOT_IP;
	if (!may_be_esp(&inner, family))
		return XESP_REASON_NOT_IPSEC;
	if (!__atomic_load_n(&config_get(&inner)->enabled, __ATOMIC_RELAXED))
		return XESP_REASON_DISABLED;
	reason = classify_copy(&inner, family);
	if (reason == XESP_REASON_TO_ENGINE)
		*ret_meta = inner.meta;
	return reason;
}
