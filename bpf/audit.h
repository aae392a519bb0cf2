/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Auditable events of the classifier (RFC 4303 section 3.4.2). Anyone can send ESP with an unknown SPI, so
 * each CPU reports a bounded number a second; the counter knows them all.
 */
#ifndef XESP_BPF_AUDIT_H
#define XESP_BPF_AUDIT_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "packet.h"

#define AUDIT_PERIOD_NS 1000000000ull

struct audit_limit {
	__u64 since_ns;
	__u32 reported;
	__u32 _pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct audit_limit);
} xesp_audit_limit SEC(".maps");

/* The coarse clock is exact enough to tell seconds apart, and a flood pays for nothing else. */
static __always_inline bool audit_allowed(const struct xesp_config *config)
{
	__u32 key = 0;
	struct audit_limit *limit;
	__u64 now;

	if (!config->audit_per_second)
		return false;
	limit = bpf_map_lookup_elem(&xesp_audit_limit, &key);
	if (!limit)
		return false;
	now = bpf_ktime_get_coarse_ns();
	if (now - limit->since_ns >= AUDIT_PERIOD_NS) {
		limit->since_ns = now;
		limit->reported = 0;
	}
	if (limit->reported >= config->audit_per_second)
		return false;
	limit->reported++;
	return true;
}

static __always_inline void audit_addresses(struct xesp_audit_event *event, const struct packet *pkt)
{
	__builtin_memset(event->saddr, 0, sizeof(event->saddr));
	__builtin_memset(event->daddr, 0, sizeof(event->daddr));
	if (pkt->family == 4) {
		const struct iphdr *ip = (const struct iphdr *)pkt->ip;

		__builtin_memcpy(event->saddr, &ip->saddr, sizeof(ip->saddr));
		__builtin_memcpy(event->daddr, &ip->daddr, sizeof(ip->daddr));
	} else {
		const struct ipv6hdr *ip = (const struct ipv6hdr *)pkt->ip;

		__builtin_memcpy(event->saddr, &ip->saddr, sizeof(ip->saddr));
		__builtin_memcpy(event->daddr, &ip->daddr, sizeof(ip->daddr));
	}
}

static __always_inline void audit_no_sa(struct xdp_md *ctx, const struct packet *pkt,
					const struct xesp_config *config)
{
	const struct udphdr *udp = (const struct udphdr *)pkt->transport;
	struct xesp_audit_event *event;

	(void)ctx;
	if (!audit_allowed(config))
		return;
	event = bpf_ringbuf_reserve(&xesp_audit, sizeof(*event), 0);
	if (!event)
		return;
	event->time_ns = bpf_ktime_get_ns();
	event->reason = XESP_REASON_NO_SA;
	event->spi = *(const __be32 *)pkt->esp;
	event->seq = *(const __be32 *)(pkt->esp + sizeof(event->spi));
	event->family = pkt->family;
	event->form = pkt->form;
	event->sport = pkt->form == XESP_FORM_NATIVE ? 0 : udp->source;
	event->dport = pkt->form == XESP_FORM_NATIVE ? 0 : udp->dest;
	audit_addresses(event, pkt);
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	bpf_ringbuf_submit(event, 0);
}

#endif
