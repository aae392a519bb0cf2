/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the BPF programs and userspace share: map keys and values, and the metadata in front of a
 * redirected packet. Compiled by both compilers; the asserts at the end hold for both.
 * Fields whose type is __beNN are in network byte order, all others in host byte order.
 */
#ifndef XESP_ABI_H
#define XESP_ABI_H

#include <linux/types.h>

/* The two forms of ESP in UDP; the values are those of NDIS' UDP_ENCAP_TYPE. */
enum xesp_encap {
	XESP_ENCAP_IKE = 0,	/* old drafts, port 500: 8 zero bytes (non-IKE marker), then ESP */
	XESP_ENCAP_RFC3948 = 1, /* port 4500: ESP follows UDP at once, IKE has 4 zero bytes in front */
	XESP_ENCAP_TYPES = 2,
};

/* How a packet carries its ESP. */
enum xesp_form {
	XESP_FORM_NATIVE = 0, /* IP protocol 50 */
	XESP_FORM_UDP = 1,    /* RFC 3948 */
	XESP_FORM_UDP_IKE = 2 /* old drafts, behind the non-IKE marker */
};

/* The interface's switches: map `xesp_config`, one element. */
struct xesp_config {
	__u32 enabled;		/* 0: everything passes, nothing is looked at */
	__u32 pass_keepalives;	/* 1: NAT keepalives go to the kernel instead of ending here */
	__u32 packet_max;	/* bytes of the longest frame that fits the AF_XDP socket */
	__u32 audit_per_second; /* events one CPU may report in a second; 0: none */
	__u32 multi_buffer;	/* 1: the socket takes frames that lie in several buffers (XDP_USE_SG) */
};

/* Map `xesp_parsers`: an array indexed by UDP destination port (host order). An identifier is never
 * 0; 0 means that there is no entry of this type on the port. */
#define XESP_PORTS 65536
struct xesp_parser_slot {
	__u32 id[XESP_ENCAP_TYPES];
};

/* Key of an SA: SPI and outer destination address. One table a family, so that the family is part of the
 * key; an IPv4 address is the last word, the others are 0. */
struct xesp_sa_key {
	__be32 spi;
	__be32 daddr[4];
};

/* Value of both SA tables: where the data plane finds the SA. Nothing secret is ever in a map. */
struct xesp_sa_ref {
	__u32 index;	  /* slot in the SA store */
	__u32 generation; /* of that slot; a reused slot has another one */
	__u32 parser_id;  /* parser entry the SA belongs to; 0: none, then any entry of the interface */
};

/* Key of map `xesp_destinations`: the destination addresses of SAs, so that keepalives that this host
 * forwards to others are not taken for its own. The value is of no meaning. An IPv4 address is the last word.
 */
struct xesp_destination {
	__be32 addr[4];
	__u32 family; /* 4 or 6 */
};

/* The SA tables, maps `xesp_sa4` and `xesp_sa6`: hash tables in an array map, because the JIT inlines an
 * array lookup, while a lookup in a hash map costs more than all the rest of the classifier. An SA lies in
 * one of two buckets (bpf/sa_table.h says which); SPI 0, which is never on the wire, marks a free slot.
 * Element 0 of the map is no bucket but their number. Written through mmap(), the SPI last. A bucket is one
 * cache line, since with many SAs each line of it that a packet needs comes from memory. */
struct xesp_sa4_slot {
	__be32 spi;
	__be32 daddr;
	struct xesp_sa_ref ref;
};

struct xesp_sa6_slot {
	__be32 spi;
	__be32 daddr[4];
	struct xesp_sa_ref ref;
};

#define XESP_SA4_SLOTS 3
#define XESP_SA6_SLOTS 2
union xesp_sa_element {
	struct xesp_sa4_slot slot4[XESP_SA4_SLOTS];
	struct xesp_sa6_slot slot6[XESP_SA6_SLOTS];
	__u32 line[16];
	__u32 buckets;
};

#define XESP_META_MAGIC 0x78657370u	   /* "xesp" */
#define XESP_META_MAGIC_INSIDE 0x78657369u /* "xesi": a packet from inside, to be sealed */

/* Written by the classifier in front of a packet that it redirects. Offsets count from the first byte
 * of the frame. Of a packet from inside, which has no SA yet, there are l3_offset, family, esp_offset, where
 * the transport header begins, and esp_length, that of the whole IP packet. */
struct xesp_meta {
	__u32 sa_index;
	__u32 sa_generation;
	__u16 l3_offset;  /* outer IP header */
	__u16 esp_offset; /* SPI */
	__u16 esp_length; /* from the SPI to the end of the ICV, as UDP or IP say, never the frame */
	__u8 family;	  /* 4 or 6: outer IP version */
	__u8 form;	  /* enum xesp_form */
	__u32 magic;	  /* XESP_META_MAGIC */
};

/* Ring buffer `xesp_audit`: an auditable event of the classifier (RFC 4303 section 3.4.2). */
struct xesp_audit_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 reason;  /* enum xesp_reason */
	__be32 spi;
	__be32 seq;
	__u8 family;  /* 4 or 6 */
	__u8 form;    /* enum xesp_form */
	__be16 sport; /* 0 for native ESP */
	__be16 dport;
	__u8 saddr[16]; /* an IPv4 address takes the first four bytes */
	__u8 daddr[16];
	__u8 _pad[6];
};

#define XESP_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), "size of " #type)
#define XESP_ASSERT_OFFSET(type, field, offset) \
	_Static_assert(__builtin_offsetof(type, field) == (offset), "offset of " #type "." #field)

XESP_ASSERT_SIZE(struct xesp_config, 20);
XESP_ASSERT_SIZE(struct xesp_parser_slot, 8);
XESP_ASSERT_SIZE(struct xesp_sa_key, 20);
XESP_ASSERT_SIZE(struct xesp_destination, 20);
XESP_ASSERT_SIZE(union xesp_sa_element, 64);
XESP_ASSERT_SIZE(struct xesp_sa4_slot, 20);
XESP_ASSERT_SIZE(struct xesp_sa6_slot, 32);
XESP_ASSERT_SIZE(struct xesp_sa_ref, 12);
XESP_ASSERT_SIZE(struct xesp_meta, 20);
XESP_ASSERT_OFFSET(struct xesp_meta, l3_offset, 8);
XESP_ASSERT_OFFSET(struct xesp_meta, esp_length, 12);
XESP_ASSERT_OFFSET(struct xesp_meta, family, 14);
XESP_ASSERT_OFFSET(struct xesp_meta, magic, 16);
XESP_ASSERT_SIZE(struct xesp_audit_event, 64);
XESP_ASSERT_OFFSET(struct xesp_audit_event, sport, 22);
XESP_ASSERT_OFFSET(struct xesp_audit_event, saddr, 26);

#endif
