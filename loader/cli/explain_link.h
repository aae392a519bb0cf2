/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captured link layers as Ethernet frames, the only kind that the classifier reads. Pure.
 */
#ifndef XESP_CLI_EXPLAIN_LINK_H
#define XESP_CLI_EXPLAIN_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `link` is a DLT_* of libpcap. True if explain_link_to_ethernet() knows it. */
bool explain_link_supported(int link);

/* Copies captured bytes to `frame`, which has room for `room` bytes; link layers other than Ethernet get
 * an Ethernet header with zero addresses and the packet's type. -ENODATA: the capture ends inside the
 * link-layer header. -EMSGSIZE: longer than `room`. -EPROTONOSUPPORT: unknown link type. */
int explain_link_to_ethernet(int link, const uint8_t *data, size_t bytes, uint8_t *frame, size_t room,
			     size_t *ret_len);

#endif
