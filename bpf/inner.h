/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The data plane's side of env.h: a packet that came out of a tunnel, and the tables that the kernel's
 * classifier reads, too, here seen by any thread while another writes. Only inner.c includes the steps with
 * XESP_INNER defined.
 */
#ifndef XESP_BPF_INNER_H
#define XESP_BPF_INNER_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <xesp/abi.h>
#include <xesp/drop_reasons.h>
#include <xesp/limits.h>

#include "host/classifier.h"
#include "packet.h"
#include "userspace.h"

#define CTX struct inner

struct inner {
	const struct classifier_tables *tables;
	const __u8 *packet; /* the IP header, aligned in no way */
	size_t len;
	struct xesp_parser_slot slot; /* as it was when it was looked at */
	struct xesp_meta meta;
};

static inline const __u8 *frame_begin(const struct inner *inner)
{
	return inner->packet;
}

static inline const __u8 *frame_end(const struct inner *inner)
{
	return inner->packet + inner->len;
}

static inline __u64 frame_length(const struct inner *inner)
{
	return inner->len;
}

static inline __u32 csum_load(const struct inner *inner, __u32 offset, __u32 length, __u32 sum)
{
	return csum_load_from(inner->packet, inner->len, offset, length, sum);
}

static inline const struct xesp_config *config_get(const struct inner *inner)
{
	return inner->tables->config;
}

static inline const struct xesp_parser_slot *parser_get(struct inner *inner, __u16 port)
{
	const struct xesp_parser_slot *slot = &inner->tables->parsers[port];

	for (int type = 0; type < XESP_ENCAP_TYPES; type++)
		inner->slot.id[type] = __atomic_load_n(&slot->id[type], __ATOMIC_RELAXED);
	return &inner->slot;
}

static inline const union xesp_sa_element *sa_element(const struct inner *inner, __u8 family, __u32 number)
{
	const struct classifier_table *table = family == 4 ? inner->tables->sa4 : inner->tables->sa6;

	return number <= table->buckets ? &table->elements[number] : NULL;
}

/* All keepalives inside of a tunnel are left to the kernel. */
static inline bool destination_known(const struct inner *inner, const struct xesp_destination *key)
{
	(void)inner;
	(void)key;
	return true;
}

/* The packet came through a queue with a socket. */
static inline bool socket_redirect(const struct inner *inner)
{
	(void)inner;
	return true;
}

static inline struct xesp_meta *meta_reserve(struct inner *inner)
{
	return &inner->meta;
}

/* What is inside a tunnel came from an authenticated peer, and the kernel still sees it. */
static inline void audit_no_sa(const struct inner *inner, const struct packet *pkt,
			       const struct xesp_config *config)
{
	(void)inner;
	(void)pkt;
	(void)config;
}

#endif
