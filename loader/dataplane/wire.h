/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unaligned big-endian numbers in packets, and the header fields that the data plane reads. Pure.
 */
#ifndef XESP_DATAPLANE_WIRE_H
#define XESP_DATAPLANE_WIRE_H

#include <arpa/inet.h>
#include <endian.h>
#include <stdint.h>
#include <string.h>

#define IPV4_HEADER_BYTES 20 /* without options */
#define IPV6_HEADER_BYTES 40

#define IPV4_TOTAL_LENGTH 2 /* offsets of fields */
#define IPV4_FRAGMENT 6
#define IPV4_PROTOCOL 9
#define IPV4_CHECKSUM 10
#define IPV4_SRC 12
#define IPV4_DST 16
#define IPV6_PAYLOAD_LENGTH 4
#define IPV6_NEXT_HEADER 6
#define IPV6_SRC 8
#define IPV6_DST 24

#define IPV4_FRAGMENT_OFFSET_MASK 0x1fff

static inline uint16_t wire_get16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return ntohs(value);
}

static inline uint32_t wire_get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return ntohl(value);
}

static inline void wire_put16(uint8_t *at, uint16_t value)
{
	value = htons(value);
	memcpy(at, &value, sizeof(value));
}

static inline void wire_put32(uint8_t *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, sizeof(value));
}

static inline void wire_put64(uint8_t *at, uint64_t value)
{
	value = htobe64(value);
	memcpy(at, &value, sizeof(value));
}

/* A checksum as checksum.h handles it: in memory order. */
static inline uint16_t wire_load_checksum(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline void wire_store_checksum(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

#endif
