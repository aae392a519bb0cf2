/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Best-effort reading of the outer headers, to describe a packet in a listing. Pure.
 */
#include "cli/explain_outer.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <xesp/limits.h>

#include "cli/explain_bytes.h"

struct cursor {
	const uint8_t *at;
	size_t left;
};

static bool take(struct cursor *cursor, size_t bytes)
{
	if (bytes > cursor->left)
		return false;
	cursor->at += bytes;
	cursor->left -= bytes;
	return true;
}

/* The EtherType behind the VLAN tags; leaves the cursor behind it. 0: cut off. */
static uint16_t skip_ethernet(struct cursor *cursor)
{
	uint16_t type;

	if (!take(cursor, ETH_HLEN))
		return 0;
	type = bytes_be16(cursor->at - 2);
	for (int tags = 0; tags < XESP_VLAN_TAGS_MAX && (type == ETH_P_8021Q || type == ETH_P_8021AD);
	     tags++) {
		if (!take(cursor, 4))
			return 0;
		type = bytes_be16(cursor->at - 2);
	}
	return type;
}

static void set_address(struct ip_addr *addr, uint8_t family, const uint8_t *bytes)
{
	addr->family = family;
	memcpy(addr->bytes, bytes, ip_addr_size(family));
}

/* Steps over the IPv6 options headers in front of anything else; returns what they lead to. 0: cut off. */
static uint8_t skip_extensions(struct cursor *cursor, uint8_t next_header)
{
	while (next_header == IPPROTO_HOPOPTS || next_header == IPPROTO_DSTOPTS) {
		const uint8_t *header = cursor->at;

		if (cursor->left < 8 || !take(cursor, (header[1] + 1u) * 8))
			return 0;
		next_header = header[0];
	}
	return next_header;
}

/* Sets the addresses; returns the protocol and leaves the cursor behind the header. 0: not IP, cut off, or
 * a later fragment, which has no header of its own behind the IP header. */
static uint8_t skip_ip(struct cursor *cursor, uint16_t type, struct explain_outer *outer)
{
	const uint8_t *ip = cursor->at;

	if (type == ETH_P_IP && cursor->left >= 20 && ip[0] >> 4 == 4) {
		set_address(&outer->src, AF_INET, ip + 12);
		set_address(&outer->dst, AF_INET, ip + 16);
		if (ip[0] % 16 < 5 || bytes_be16(ip + 6) & 0x1fff)
			return 0;
		return take(cursor, (size_t)(ip[0] % 16) * 4) ? ip[9] : 0;
	}
	if (type == ETH_P_IPV6 && cursor->left >= 40 && ip[0] >> 4 == 6) {
		set_address(&outer->src, AF_INET6, ip + 8);
		set_address(&outer->dst, AF_INET6, ip + 24);
		return take(cursor, 40) ? skip_extensions(cursor, ip[6]) : 0;
	}
	return 0;
}

/* Leaves the cursor at the SPI. */
static bool skip_to_esp(struct cursor *cursor, uint8_t protocol)
{
	static const uint8_t non_ike_marker[8];

	if (protocol == IPPROTO_ESP)
		return true;
	if (protocol != IPPROTO_UDP || !take(cursor, 8))
		return false;
	/* 8 zero bytes in front of ESP are the old drafts' marker: no SPI is 0 (RFC 4303 section 2.1). */
	if (cursor->left >= sizeof(non_ike_marker) && memcmp(cursor->at, non_ike_marker, 8) == 0)
		return take(cursor, sizeof(non_ike_marker));
	return true;
}

static void read_ip(struct cursor *cursor, uint16_t type, struct explain_outer *ret_outer)
{
	struct explain_outer outer = {.src = {.family = AF_UNSPEC}, .dst = {.family = AF_UNSPEC}};
	uint8_t protocol = skip_ip(cursor, type, &outer);

	if (protocol && skip_to_esp(cursor, protocol) && cursor->left >= 8) {
		outer.has_esp = true;
		outer.spi = bytes_be32(cursor->at);
		outer.seq = bytes_be32(cursor->at + 4);
	}
	*ret_outer = outer;
}

void explain_outer_read(const uint8_t *frame, size_t frame_len, struct explain_outer *ret_outer)
{
	struct cursor cursor = {.at = frame, .left = frame_len};
	uint16_t type = skip_ethernet(&cursor);

	read_ip(&cursor, type, ret_outer);
}

void explain_outer_read_ip(const uint8_t *packet, size_t len, struct explain_outer *ret_outer)
{
	struct cursor cursor = {.at = packet, .left = len};

	read_ip(&cursor, len && packet[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP, ret_outer);
}
