/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The process's side of env.h: tables in memory instead of maps. Only native.c includes the steps with
 * XESP_NATIVE defined, so all of this lives in one translation unit.
 */
#ifndef XESP_BPF_NATIVE_H
#define XESP_BPF_NATIVE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <xesp/abi.h>
#include <xesp/drop_reasons.h>
#include <xesp/limits.h>

#include "host/classifier.h"
#include "host/classifier_dsts.h"
#include "host/classifier_table.h"
#include "packet.h"
#include "userspace.h"

#define CTX struct native

/* In front of the frame, so that the IP header, 14, 18 or 22 bytes behind, is aligned (as NET_IP_ALIGN). */
#define NATIVE_ALIGN 2

/* Of longer frames the steps read no more directly: a driver with pages of 4096 bytes keeps 256 in front and
 * 320 behind, and goes on in further buffers. */
#define NATIVE_BUFFER_MAX (4096 - 256 - 320)

struct native {
	struct classifier classifier;
	struct xesp_config config;
	struct xesp_parser_slot parsers[XESP_PORTS];
	uint64_t counters[XESP_CLASSIFIER_REASON_END];
	struct classifier_table sa4;
	struct classifier_table sa6;
	struct classifier_dsts dsts;
	/* The frame of the last run; its first part, or all, in a buffer that ends where that ends. */
	uint8_t *buffer;
	size_t buffer_len;
	uint8_t *frame;
	size_t frame_len;
	bool has_meta;
	struct xesp_meta meta;
};

static inline const __u8 *frame_begin(const struct native *native)
{
	return native->buffer + NATIVE_ALIGN;
}

static inline const __u8 *frame_end(const struct native *native)
{
	return frame_begin(native) + native->buffer_len;
}

static inline __u64 frame_length(const struct native *native)
{
	return native->frame_len;
}

static inline __u32 csum_load(const struct native *native, __u32 offset, __u32 length, __u32 sum)
{
	return csum_load_from(native->frame, native->frame_len, offset, length, sum);
}

static inline const struct xesp_config *config_get(const struct native *native)
{
	return &native->config;
}

static inline const struct xesp_parser_slot *parser_get(const struct native *native, __u16 port)
{
	return &native->parsers[port];
}

static inline const union xesp_sa_element *sa_element(const struct native *native, __u8 family, __u32 number)
{
	const struct classifier_table *table = family == 4 ? &native->sa4 : &native->sa6;

	return number <= table->buckets ? &table->elements[number] : NULL;
}

static inline bool destination_known(const struct native *native, const struct xesp_destination *key)
{
	return classifier_dsts_have(&native->dsts, key);
}

static inline __u64 *counter_get(struct native *native, enum xesp_reason reason)
{
	return (__u64 *)&native->counters[reason];
}

/* As if every queue had a socket: what happens without one is the kernel's affair. */
static inline bool socket_redirect(const struct native *native)
{
	(void)native;
	return true;
}

static inline struct xesp_meta *meta_reserve(struct native *native)
{
	native->has_meta = true;
	return &native->meta;
}

/* Nobody listens; the counter tells. */
static inline void audit_no_sa(const struct native *native, const struct packet *pkt,
			       const struct xesp_config *config)
{
	(void)native;
	(void)pkt;
	(void)config;
}

#endif
