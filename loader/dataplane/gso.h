/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host hands to the TUN device is one packet, or up to 64 KB of one TCP or UDP flow that wants to be
 * cut (TSO, USO), with checksums left out. This makes whole packets of it, as the kernel's own segmentation
 * would. Pure.
 */
#ifndef XESP_DATAPLANE_GSO_H
#define XESP_DATAPLANE_GSO_H

#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdint.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* Linux 6.2 */
#endif

/* Longest IP and transport header that is repeated. */
#define GSO_HEADER_MAX 256

enum gso_kind { GSO_NONE, GSO_TCP, GSO_UDP };

struct gso {
	const uint8_t *packet; /* IP header */
	uint32_t len;	       /* as the IP header says */
	uint8_t family;	       /* 4 or 6 */
	uint8_t kind;	       /* enum gso_kind */
	/* Not with GSO_NONE: */
	uint16_t l4_offset;
	uint16_t header_bytes;	/* IP and transport header: repeated in each segment */
	uint16_t segment_bytes; /* payload of all segments but the last */
	uint32_t count;		/* segments, at least 1 */
	/* GSO_NONE: bytes from here on are to be summed, 0: none; and where in them the checksum lies. */
	uint16_t csum_start;
	uint16_t csum_offset;
};

/* Reads header and packet as they came from the TUN device. -EINVAL: they do not fit each other, or are no
 * IP; -EPROTONOSUPPORT: a kind that was not offered to the host. `packet` must stay. */
int gso_parse(const struct virtio_net_hdr *header, const uint8_t *packet, size_t len, struct gso *ret_gso);
/* Bytes of segment `i`, IP header included. */
uint32_t gso_segment_bytes(const struct gso *gso, uint32_t i);
/* Writes segment `i` without its first `skip` bytes, which are IP header: lengths, IPv4 identification and
 * checksum, TCP sequence number and flags, UDP length, and the transport checksum, computed while the payload
 * is copied. Returns the bytes written. */
uint32_t gso_segment(const struct gso *gso, uint32_t i, uint32_t skip, uint8_t *out);

#endif
