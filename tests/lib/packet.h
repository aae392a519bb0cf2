/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP packets for tests, and their checksums by a plain sum of big-endian words: nothing here comes from the
 * code under test.
 */
#ifndef XESP_TESTS_PACKET_H
#define XESP_TESTS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packet_spec {
	uint8_t family; /* 4 or 6 */
	uint8_t ds;
	uint8_t protocol;
	const uint8_t *src; /* network order */
	const uint8_t *dst;
	uint16_t sport; /* TCP, UDP */
	uint16_t dport;
	uint32_t seq;	  /* TCP */
	uint8_t flags;	  /* TCP */
	size_t data_len;  /* behind the upper-layer header */
	bool no_checksum; /* UDP: 0 */
};

/* Addresses that the tests use: 192.0.2.x and 2001:db8::x. */
extern const uint8_t packet_addr4[4][4];
extern const uint8_t packet_addr6[4][16];
/* The `i`-th address of a family. */
const uint8_t *packet_addr(uint8_t family, unsigned int i);

uint16_t packet_get16(const uint8_t *at);
void packet_put16(uint8_t *at, uint16_t value);

/* RFC 1071 over big-endian words, starting with `sum`; the value, not its bytes in memory. */
uint16_t packet_checksum(uint32_t sum, const uint8_t *data, size_t bytes);

/* Writes the upper-layer header and data with the checksum of the spec's addresses; returns its length. */
size_t packet_upper(const struct packet_spec *spec, uint8_t *out);
/* Writes IP header, upper-layer header and data; returns the length. */
size_t packet_build(const struct packet_spec *spec, uint8_t *out);

/* Another value at an offset of an IPv4 header without options; its checksum follows. */
void packet_ipv4_set16(uint8_t *ip, size_t offset, uint16_t value);

/* Puts `bytes` behind the fixed header of the IP packet of `len` bytes, which may grow: IPv4 options, whose
 * number is a multiple of 4, or an IPv6 extension header `type`, of 8, whose first byte is set here. Lengths,
 * header checksum and next headers follow. Returns the new length. */
size_t packet_insert(uint8_t *ip, size_t len, uint8_t type, const uint8_t *bytes, size_t count);

/* An IPv4 UDP packet where any packet does, of 28 + data_len bytes. */
size_t packet_udp4(uint8_t *out, size_t data_len);

bool packet_ipv4_checksum_good(const uint8_t *ip);
/* The TCP, UDP or ICMPv6 checksum of a packet without IP options and extension headers. UDP without a
 * checksum counts as good. */
bool packet_upper_checksum_good(const uint8_t *ip, size_t len);

#endif
