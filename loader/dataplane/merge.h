/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which opened packets of a burst go to the kernel in one piece: consecutive segments of a TCP flow,
 * consecutive datagrams of a UDP flow, so that the kernel, where it has to, can cut the piece into the
 * packets that it was made of. Pure; of a worker.
 *
 * The packets of a burst are given in order and come out in groups. Groups are in the order of their first
 * packets, and once a flow has a group, its earlier ones take no packet any more: written in order, the
 * groups keep the order of every flow. A packet that cannot be merged is a group of its own.
 *
 * What is merged had a good checksum. A packet with a wrong one is alone, as it came, for the stack to see
 * (RFC 3948 section 3.1.2).
 */
#ifndef XESP_DATAPLANE_MERGE_H
#define XESP_DATAPLANE_MERGE_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>
#include <xesp/limits.h>

/* IPv6 header, TCP header with all options. */
#define MERGE_HEADER_MAX 100
/* Flows that can go on at a time. */
#define MERGE_OPEN_MAX 8

enum merge_kind { MERGE_NONE, MERGE_TCP, MERGE_UDP };

struct merge_group {
	const uint8_t *ip;     /* of the first packet */
	uint32_t len;	       /* of the first packet */
	uint32_t payload;      /* bytes of all packets */
	uint16_t segment;      /* bytes of the first packet's payload: of each but the last */
	uint16_t header_bytes; /* IP and transport header */
	uint8_t l4;	       /* bytes of the IP header */
	uint8_t family;	       /* 4 or 6 */
	uint8_t kind;	       /* enum merge_kind; NONE: one packet that nothing can be merged with */
	uint8_t count;	       /* packets */
	uint8_t first;	       /* their numbers: first, then merge.next[] of each */
	uint8_t last;
	bool pushed;  /* the last has PSH */
	bool same_id; /* IPv4 identification: all the same, else in a row */
};

struct merge {
	uint8_t count;
	uint8_t open_count;
	uint8_t open[MERGE_OPEN_MAX]; /* groups that may grow, oldest first */
	bool udp;		      /* datagrams may be merged */
	uint8_t next[XESP_BURST_MAX];
	struct merge_group groups[XESP_BURST_MAX];
};

/* Begins a burst. */
void merge_begin(struct merge *merge, bool udp);
/* The next packet: number `i` < XESP_BURST_MAX of the burst, each at most once. Its bytes must stay until the
 * groups have been written; none is changed. */
void merge_add(struct merge *merge, uint8_t i, const uint8_t *packet, uint32_t len);
/* Writes the headers of a group of at least two packets: IP and transport header (at most MERGE_HEADER_MAX
 * bytes) for all of the payload, and what the TUN device has to be told. Behind the headers comes the payload
 * of each packet, from header_bytes on. */
void merge_headers(const struct merge_group *group, struct virtio_net_hdr *ret_header, uint8_t *ret_headers);

#endif
