/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of packet headers, at any alignment. Pure.
 */
#ifndef XESP_CLI_EXPLAIN_BYTES_H
#define XESP_CLI_EXPLAIN_BYTES_H

#include <stdint.h>

static inline uint16_t bytes_be16(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

static inline uint32_t bytes_be32(const uint8_t *data)
{
	return (uint32_t)bytes_be16(data) << 16 | bytes_be16(data + 2);
}

#endif
