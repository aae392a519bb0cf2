/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP addresses and prefixes of either family as values. Pure.
 */
#ifndef XESP_BASE_IP_ADDR_H
#define XESP_BASE_IP_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address. `family` is AF_INET, AF_INET6 or AF_UNSPEC (no address). Bytes are in network order; an
 * IPv4 address takes the first four, the others are 0, so that memcmp of whole structs compares. */
struct ip_addr {
	uint8_t family;
	uint8_t bytes[16];
};

/* `addr` with AF_UNSPEC matches every address of both families; `length` counts bits. */
struct ip_prefix {
	struct ip_addr addr;
	uint8_t length;
};

#define IP_ADDR_TEXT_MAX INET6_ADDRSTRLEN
#define IP_PREFIX_TEXT_MAX (INET6_ADDRSTRLEN + 4)

/* Bytes of an address of this family: 4, 16, or 0. */
size_t ip_addr_size(uint8_t family);
/* True for AF_UNSPEC and for 0.0.0.0 and ::, which `ip xfrm` uses for "none". */
bool ip_addr_is_any(const struct ip_addr *addr);
bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b);
/* -EINVAL if `text` is no numeric address of either family. */
int ip_addr_parse(const char *text, struct ip_addr *ret_addr);
/* Writes at most IP_ADDR_TEXT_MAX bytes with the final NUL and returns `buffer`; "none" for AF_UNSPEC. */
const char *ip_addr_format(const struct ip_addr *addr, char *buffer);

/* "ADDR" or "ADDR/LEN"; 0.0.0.0 and :: alone are all addresses of their family. -EINVAL if malformed, or if
 * bits behind the prefix length are set. */
int ip_prefix_parse(const char *text, struct ip_prefix *ret_prefix);
/* Writes at most IP_PREFIX_TEXT_MAX bytes and returns `buffer`; "any" for AF_UNSPEC. */
const char *ip_prefix_format(const struct ip_prefix *prefix, char *buffer);
/* True if the prefix covers the address (`bytes` as in struct ip_addr); never across families. */
bool ip_prefix_match(const struct ip_prefix *prefix, uint8_t family, const uint8_t *bytes);

#endif
