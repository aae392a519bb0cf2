/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers. */
#include "dataplane/forward.h"

#include <netinet/in.h>

#include "dataplane/checksum.h"
#include "dataplane/wire.h"

#define IPV4_TTL 8
#define IPV6_HOP_LIMIT 7
#define IPV4_PLAIN_HEADER 0x45 /* version 4, five words */
#define IPV4_FRAGMENTED 0x3fff
#define TCP_HEADER_BYTES 20
#define TCP_CHECKSUM 16
#define UDP_HEADER_BYTES 8
#define UDP_CHECKSUM 6

/* RFC 1812 sections 4.2.2.11 and 5.3.7, RFC 3927 section 2.7: not "this" network, loopback, link-local,
 * multicast and what is reserved. */
static bool is_ipv4_host(const uint8_t *addr)
{
	return addr[0] != 0 && addr[0] != 127 && addr[0] < 224 && !(addr[0] == 169 && addr[1] == 254);
}

/* RFC 4291 sections 2.5.2, 2.5.3, 2.5.6 and 2.7. */
static bool is_ipv6_host(const uint8_t *addr)
{
	static const uint8_t zero[15];

	if (addr[0] == 0xff || (addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80))
		return false;
	return memcmp(addr, zero, sizeof(zero)) != 0 || addr[15] > 1;
}

static bool may_ipv4(const uint8_t *ip, uint32_t len)
{
	return len >= IPV4_HEADER_BYTES && ip[0] == IPV4_PLAIN_HEADER && ip[IPV4_TTL] > 1 &&
	       wire_get16(ip + IPV4_TOTAL_LENGTH) == len && is_ipv4_host(ip + IPV4_SRC) &&
	       is_ipv4_host(ip + IPV4_DST) && checksum_finish(checksum_add(0, ip, IPV4_HEADER_BYTES)) == 0;
}

/* Hop-by-hop options are for routers (RFC 8200 section 4.3), the other extension headers are not. */
static bool may_ipv6(const uint8_t *ip, uint32_t len)
{
	return len >= IPV6_HEADER_BYTES && ip[IPV6_HOP_LIMIT] > 1 &&
	       ip[IPV6_NEXT_HEADER] != IPPROTO_HOPOPTS &&
	       wire_get16(ip + IPV6_PAYLOAD_LENGTH) == len - IPV6_HEADER_BYTES &&
	       is_ipv6_host(ip + IPV6_SRC) && is_ipv6_host(ip + IPV6_DST);
}

bool forward_may(const uint8_t *packet, uint32_t len)
{
	if (!len)
		return false;
	switch (packet[0] >> 4) {
	case 4: return may_ipv4(packet, len);
	case 6: return may_ipv6(packet, len);
	default: return false;
	}
}

void forward_age(uint8_t *packet)
{
	uint16_t before, after;

	if (packet[0] >> 4 == 6) {
		packet[IPV6_HOP_LIMIT]--;
		return;
	}
	memcpy(&before, packet + IPV4_TTL, sizeof(before));
	packet[IPV4_TTL]--;
	memcpy(&after, packet + IPV4_TTL, sizeof(after));
	wire_store_checksum(packet + IPV4_CHECKSUM,
			    checksum_replace16(wire_load_checksum(packet + IPV4_CHECKSUM), before, after));
}

void forward_unfinished(const uint8_t *packet, uint32_t len, struct virtio_net_hdr *ret_header)
{
	bool ipv4 = packet[0] >> 4 == 4;
	uint32_t header = ipv4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES, left = len - header;
	uint8_t protocol = packet[ipv4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER];
	uint16_t offset = protocol == IPPROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
	uint16_t pseudo;

	if ((protocol != IPPROTO_TCP || left < TCP_HEADER_BYTES) &&
	    (protocol != IPPROTO_UDP || left < UDP_HEADER_BYTES))
		return;
	if (ipv4 && (wire_get16(packet + IPV4_FRAGMENT) & IPV4_FRAGMENTED))
		return;
	pseudo = checksum_finish(checksum_pseudo(ipv4 ? 4 : 6, packet + (ipv4 ? IPV4_SRC : IPV6_SRC),
						 packet + (ipv4 ? IPV4_DST : IPV6_DST), left, protocol));
	if ((wire_load_checksum(packet + header + offset) ^ pseudo) != 0xffff)
		return;
	ret_header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	ret_header->csum_start = (uint16_t)header;
	ret_header->csum_offset = offset;
}
