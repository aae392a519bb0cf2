/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors that say that a packet of ours was too long for a link on its way: what they tell, and what
 * they quote of the packet. Anybody can send such an error, so nothing in it is true before it was compared
 * with what was sent (control/icmp_match.h). Pure.
 */
#ifndef XESP_DATAPLANE_ICMP_QUOTE_H
#define XESP_DATAPLANE_ICMP_QUOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip_addr.h"

struct icmp_quote {
	uint32_t mtu;	       /* of the next hop; 0: the router does not say (RFC 1191 section 5) */
	uint32_t packet_bytes; /* length that the quoted packet says it had */
	struct ip_addr src;    /* of the quoted packet, so ours */
	struct ip_addr dst;    /* the peer */
	bool udp;
	uint16_t sport; /* host order; 0 without UDP */
	uint16_t dport;
	uint16_t id;  /* IPv4 identification */
	bool has_esp; /* the quote goes as far as the ESP header; else form, spi and seq mean nothing */
	uint8_t form; /* enum xesp_form */
	uint32_t spi; /* host order */
	uint32_t seq; /* the low half, with ESN */
};

/* Reads an error as a raw socket hands it over: with `family` AF_INET from its own IP header on, with
 * AF_INET6 from the ICMPv6 header on, whose checksum the kernel has verified. -EINVAL: malformed. -ENOENT:
 * about something else than that a packet of ESP, in UDP or not, was too long. */
int icmp_quote_parse(uint8_t family, const uint8_t *message, size_t len, struct icmp_quote *ret_quote);

#endif
