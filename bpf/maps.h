/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's side of env.h: the maps, and the helpers that the steps use. Userspace fills the maps
 * through their descriptors (loader/host/classifier_maps.c); only counters and events are written here. What
 * can be mapped into memory is read there as well, see inner.h.
 */
#ifndef XESP_BPF_MAPS_H
#define XESP_BPF_MAPS_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_helpers.h>
#include <xesp/abi.h>
#include <xesp/drop_reasons.h>
#include <xesp/limits.h>

#define CTX struct xdp_md
/* Not inlined and not static. */
#define GLOBAL_STEP __attribute__((noinline))

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xesp_config);
} xesp_config SEC(".maps");

/* Indexed by port: the JIT inlines an array lookup, a hash lookup costs a call for every UDP packet. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XESP_PORTS);
	__type(key, __u32);
	__type(value, struct xesp_parser_slot);
} xesp_parsers SEC(".maps");

/* The loader sets max_entries of both SA tables before it loads: capacity, and one for element 0. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XESP_SA_CAPACITY_DEFAULT + 1);
	__type(key, __u32);
	__type(value, union xesp_sa_element);
} xesp_sa4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XESP_SA_CAPACITY_DEFAULT + 1);
	__type(key, __u32);
	__type(value, union xesp_sa_element);
} xesp_sa6 SEC(".maps");

/* Only keepalives look into it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XESP_DESTINATIONS_MAX);
	__type(key, struct xesp_destination);
	__type(value, __u32);
} xesp_destinations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XESP_CLASSIFIER_REASON_END);
	__type(key, __u32);
	__type(value, __u64);
} xesp_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, XESP_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xesp_sockets SEC(".maps");

/* 64 KB hold some 900 events: minutes of what the rate limit lets through. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} xesp_audit SEC(".maps");

static __always_inline const __u8 *frame_begin(struct xdp_md *ctx)
{
	return (const __u8 *)(long)ctx->data;
}

static __always_inline const __u8 *frame_end(struct xdp_md *ctx)
{
	return (const __u8 *)(long)ctx->data_end;
}

static __always_inline __u64 frame_length(struct xdp_md *ctx)
{
	return bpf_xdp_get_buff_len(ctx);
}

static __always_inline const struct xesp_config *config_get(struct xdp_md *ctx)
{
	__u32 key = 0;

	(void)ctx;
	return bpf_map_lookup_elem(&xesp_config, &key);
}

static __always_inline const struct xesp_parser_slot *parser_get(struct xdp_md *ctx, __u16 port)
{
	__u32 key = port;

	(void)ctx;
	return bpf_map_lookup_elem(&xesp_parsers, &key);
}

/* `family` is a constant where this is called, so that one lookup remains. */
static __always_inline const union xesp_sa_element *sa_element(struct xdp_md *ctx, __u8 family, __u32 number)
{
	(void)ctx;
	if (family == 4)
		return bpf_map_lookup_elem(&xesp_sa4, &number);
	return bpf_map_lookup_elem(&xesp_sa6, &number);
}

static __always_inline bool destination_known(struct xdp_md *ctx, const struct xesp_destination *key)
{
	(void)ctx;
	return bpf_map_lookup_elem(&xesp_destinations, key);
}

static __always_inline __u64 *counter_get(struct xdp_md *ctx, enum xesp_reason reason)
{
	__u32 key = reason;

	(void)ctx;
	return bpf_map_lookup_elem(&xesp_counters, &key);
}

static __always_inline __u32 csum_add(__u32 sum, const __u8 *bytes, __u32 length)
{
	return (__u32)bpf_csum_diff(NULL, 0, (__be32 *)bytes, length, sum);
}

struct csum_scratch {
	__u8 bytes[CSUM_CHUNK + 4];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct csum_scratch);
} xesp_csum_scratch SEC(".maps");

GLOBAL_STEP __u32 csum_load(struct xdp_md *ctx, __u32 offset, __u32 length, __u32 sum)
{
	struct csum_scratch *scratch;
	__u64 size = length - 1;
	__u32 key = 0;

	scratch = bpf_map_lookup_elem(&xesp_csum_scratch, &key);
	if (!scratch)
		return 0;
	/* Changes nothing. Of comparisons, Linux 6.1 does not learn that the size is not 0. */
	ONE_COPY(size);
	size = (size & (CSUM_CHUNK - 1)) + 1;
	*(__u32 *)(scratch->bytes + (size & ~3ull)) = 0;
	if (bpf_xdp_load_bytes(ctx, offset, scratch->bytes, (__u32)size))
		return 0;
	return csum_add(sum, scratch->bytes, (__u32)(size + 3) & ~3u);
}

static __always_inline bool socket_redirect(struct xdp_md *ctx)
{
	return bpf_redirect_map(&xesp_sockets, ctx->rx_queue_index, XDP_PASS) == XDP_REDIRECT;
}

/* Metadata that is there already (from the driver, or an XDP program in front of this one) is replaced:
 * the data plane finds its own at a fixed distance from the frame. */
static __always_inline struct xesp_meta *meta_reserve(struct xdp_md *ctx)
{
	long present = (long)ctx->data - (long)ctx->data_meta;
	struct xesp_meta *meta;

	if (bpf_xdp_adjust_meta(ctx, (int)(present - (long)sizeof(*meta))))
		return NULL;
	meta = (struct xesp_meta *)(long)ctx->data_meta;
	if ((const void *)(meta + 1) > (const void *)(long)ctx->data)
		return NULL;
	return meta;
}

#include "audit.h"

#endif
