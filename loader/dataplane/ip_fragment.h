/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fragments of an IP packet that is whole (RFC 791 section 3.2, RFC 8200 section 4.5): of an inner IPv4
 * packet before it is sealed, and of an outer packet behind that where the inner one must not be cut. Pure.
 */
#ifndef XESP_DATAPLANE_IP_FRAGMENT_H
#define XESP_DATAPLANE_IP_FRAGMENT_H

#include <stdint.h>

struct ip_fragments {
	const uint8_t *packet;
	uint32_t len;
	uint32_t header;  /* bytes that each has, in the first one; IPv6: without the fragment header */
	uint32_t payload; /* bytes of each but the last, a multiple of 8 */
	uint32_t count;
	uint32_t id; /* IPv6 */
};

/* Most bytes that a fragment has beside its share of the payload. */
#define IP_FRAGMENT_HEADER_MAX (60 + 64 + 8)

/* For fragments of at most `mtu` bytes; DF is not looked at. `id` is the identification where the packet has
 * none (IPv6). Its per-fragment headers are the fixed one and hop-by-hop options. -EINVAL: malformed.
 * -EMSGSIZE: not even 8 bytes of payload fit. `packet` must stay. */
int ip_fragment(const uint8_t *packet, uint32_t len, uint32_t mtu, uint32_t id,
		struct ip_fragments *ret_fragments);
uint32_t ip_fragment_bytes(const struct ip_fragments *fragments, uint32_t i);
/* Writes fragment `i`; returns its bytes. */
uint32_t ip_fragment_write(const struct ip_fragments *fragments, uint32_t i, uint8_t *out);

#endif
