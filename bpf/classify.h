/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What becomes of a packet, as a reason. The checks stand in the order of their cost; everything that only
 * matters for ESP of an offloaded SA comes behind the SA lookup.
 */
#ifndef XESP_BPF_CLASSIFY_H
#define XESP_BPF_CLASSIFY_H

#include "env.h"

#include "demux.h"
#include "meta.h"
#include "options.h"
#include "parse.h"
#include "sa_table.h"
#include "udp_csum.h"

#define FIRST_BUFFER_MIN 1536

static __always_inline const struct xesp_sa_ref *sa_find(CTX *ctx, __u8 family, const struct xesp_sa_key *key)
{
	const union xesp_sa_element *element = sa_element(ctx, family, 0);
	const struct xesp_sa_ref *ref;
	__u32 numbers[2];

	/* The mark of a free slot. */
	if (!element || !key->spi)
		return NULL;
	sa_table_hash(key, element->buckets, numbers);
	element = sa_element(ctx, family, numbers[0]);
	if (!element)
		return NULL;
	ref = sa_table_in(element, family, key);
	if (ref)
		return ref;
	element = sa_element(ctx, family, numbers[1]);
	return element ? sa_table_in(element, family, key) : NULL;
}

/* By SPI and destination address: the address keeps a packet to another host, seen in promiscuous mode or
 * to be forwarded, out of this host's SA (RFC 4301 section 4.1). */
static __always_inline const struct xesp_sa_ref *sa_get(CTX *ctx, const struct packet *pkt)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): demux() sets it wherever it gives no reason */
	struct xesp_sa_key key = {.spi = *(const __be32 *)pkt->esp};

	if (pkt->family == 4) {
		const struct iphdr *ip = (const struct iphdr *)pkt->ip;

		key.daddr[3] = ip->daddr;
		return sa_find(ctx, 4, &key);
	} else {
		const struct ipv6hdr *ip = (const struct ipv6hdr *)pkt->ip;

		__builtin_memcpy(key.daddr, &ip->daddr, sizeof(key.daddr));
		return sa_find(ctx, 6, &key);
	}
}

/* A frame in several buffers fits only a socket that takes such, however short it is. To ask for the length
 * of all buffers is a call, worth more than 5 ns, which most packets are spared: one that ends where the
 * first buffer ends can only go on with a trailer that no header speaks of, and a driver that takes several
 * buffers for a frame puts more than FIRST_BUFFER_MIN bytes into the first. */
static __always_inline bool fits_socket(CTX *ctx, const struct packet *pkt, const struct xesp_config *config)
{
	__u64 readable = (__u64)(pkt->end - pkt->begin), length;

	if (pkt->transport + pkt->ip_payload == pkt->end && readable <= FIRST_BUFFER_MIN &&
	    readable <= config->packet_max)
		return true;
	length = frame_length(ctx);
	if (length > config->packet_max)
		return false;
	return length == readable || config->multi_buffer;
}

/* The SA that ESP belongs to, or why there is none. */
static __always_inline enum xesp_reason find_sa(CTX *ctx, struct packet *pkt,
						const struct xesp_config *config,
						const struct xesp_sa_ref **ret_ref)
{
	const struct xesp_sa_ref *ref = sa_get(ctx, pkt);

	if (!ref) {
		audit_no_sa(ctx, pkt, config);
		return XESP_REASON_NO_SA;
	}
	if (pkt->form != XESP_FORM_NATIVE && SA_TABLE_WORD(ref->parser_id) &&
	    SA_TABLE_WORD(ref->parser_id) != pkt->parser_id)
		return XESP_REASON_PARSER_MISMATCH;
	*ret_ref = ref;
	return XESP_REASON_NONE;
}

/* From the transport header on. */
static __always_inline enum xesp_reason classify_transport(CTX *ctx, struct packet *pkt,
							   const struct xesp_config *config)
{
	const struct xesp_sa_ref *ref;
	enum xesp_reason reason;

	reason = demux(ctx, pkt, config);
	if (reason)
		return reason;
	reason = find_sa(ctx, pkt, config, &ref);
	if (reason)
		return reason;
	if (!fits_socket(ctx, pkt, config))
		return XESP_REASON_TOO_LONG;
	if (pkt->form != XESP_FORM_NATIVE && !udp_csum_ok(ctx, pkt))
		return XESP_REASON_UDP_CHECKSUM;
	return hand_over(ctx, pkt, ref);
}

/* A packet whose IP header, at `ip_offset`, has options. `family` is a constant where this is called. */
static __always_inline enum xesp_reason classify_options(CTX *ctx, __u32 ip_offset, __u8 family)
{
	const struct xesp_config *config = config_get(ctx);
	struct packet pkt = {.begin = frame_begin(ctx), .end = frame_end(ctx)};
	__u64 at = ip_offset;
	enum xesp_reason reason;

	if (!config)
		return XESP_REASON_DISABLED;
	ONE_COPY(at);
	at &= CSUM_OFFSET_MAX;
	pkt.ip = pkt.begin + at;
	reason = parse_options(ctx, &pkt, family);
	return reason ? reason : classify_transport(ctx, &pkt, config);
}

/* Out of line, so that the straight line stays short and knows at compile time where the transport header is.
 * Both return an enum xesp_reason. */
GLOBAL_STEP int classify_ipv4_options(CTX *ctx, __u32 ip_offset)
{
	return classify_options(ctx, ip_offset, 4);
}

GLOBAL_STEP int classify_ipv6_extensions(CTX *ctx, __u32 ip_offset)
{
	return classify_options(ctx, ip_offset, 6);
}

static __always_inline enum xesp_reason classify(CTX *ctx)
{
	const struct xesp_config *config = config_get(ctx);
	struct packet pkt;
	enum xesp_reason reason;

	if (!config || !config->enabled)
		return XESP_REASON_DISABLED;
	reason = parse(ctx, &pkt);
	if (reason == XESP_REASON_NONE)
		return classify_transport(ctx, &pkt, config);
	if (reason == XESP_REASON_IP_OPTIONS)
		return (enum xesp_reason)classify_ipv4_options(ctx, (__u32)(pkt.ip - pkt.begin));
	if (reason == XESP_REASON_IPV6_EXT)
		return (enum xesp_reason)classify_ipv6_extensions(ctx, (__u32)(pkt.ip - pkt.begin));
	return reason;
}

#endif
