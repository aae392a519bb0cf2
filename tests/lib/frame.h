/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ethernet frames for tests of the classifier: ESP in its three forms, IKE, keepalives, with right lengths
 * and checksums. A test takes a good frame and breaks one thing. Nothing here comes from the code under test.
 */
#ifndef XESP_TESTS_FRAME_H
#define XESP_TESTS_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <xesp/abi.h>

#include "base/ip_addr.h"

#define FRAME_TAGS_MAX 4
#define FRAME_ROOM (65536 + 4096)

enum frame_checksum {
	FRAME_CHECKSUM_NONE, /* 0 */
	FRAME_CHECKSUM_RIGHT,
	FRAME_CHECKSUM_WRONG,
	FRAME_CHECKSUM_PARTIAL, /* the pseudo-header's sum alone, as left for hardware */
};

struct frame_spec {
	unsigned int tags;	       /* VLAN tags in front of IP, */
	uint16_t tpid[FRAME_TAGS_MAX]; /* with these EtherTypes; 0 stands for 0x8100 */
	struct ip_addr src;	       /* both of one family */
	struct ip_addr dst;
	uint16_t sport;
	uint16_t dport;
	enum frame_checksum checksum; /* of UDP */
};

struct frame {
	size_t len;
	size_t l3; /* offsets of the headers */
	size_t l4;
	size_t payload; /* behind the UDP header */
	uint8_t family; /* 4 or 6 */
	uint8_t bytes[FRAME_ROOM];
};

/* IP with any protocol and payload. */
void frame_ip(struct frame *frame, const struct frame_spec *spec, uint8_t protocol, const void *payload,
	      size_t length);
void frame_udp(struct frame *frame, const struct frame_spec *spec, const void *payload, size_t length);
/* ESP with sequence number 1 and `length` bytes behind its header. */
void frame_esp(struct frame *frame, const struct frame_spec *spec, enum xesp_form form, uint32_t spi,
	       size_t length);

/* Puts `length` bytes behind the fixed IP header: IPv4 options, whose length is a multiple of 4, or an IPv6
 * extension header `type`, of 8, whose first byte is set here. Lengths, header checksum and next headers
 * follow. */
void frame_insert(struct frame *frame, uint8_t type, const void *bytes, size_t length);

/* After a change: the IPv4 header checksum, over as many words as the header claims and the frame has. */
void frame_fix_ipv4(struct frame *frame);
/* The UDP checksum, over as many bytes as UDP claims; they have to be there. */
void frame_fix_udp(struct frame *frame, enum frame_checksum checksum);

void frame_put16(struct frame *frame, size_t offset, uint16_t value);
void frame_put32(struct frame *frame, size_t offset, uint32_t value);
uint16_t frame_get16(const struct frame *frame, size_t offset);

#endif
