/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/nat_keepalive.h"

#include <string.h>

#include "dataplane/checksum.h"
#include "dataplane/wire.h"

#define UDP_BYTES (8 + 1)
#define HOPS 64

static void write_udp(const struct sa_out_ends *ends, uint8_t *udp)
{
	memset(udp, 0, UDP_BYTES);
	wire_put16(udp, ends->sport);
	wire_put16(udp + 2, ends->dport);
	wire_put16(udp + 4, UDP_BYTES);
	udp[8] = 0xff;
}

static uint32_t write_ipv4(const struct sa_out_ends *ends, uint8_t *ip)
{
	memset(ip, 0, IPV4_HEADER_BYTES);
	ip[0] = 0x45;
	wire_put16(ip + IPV4_TOTAL_LENGTH, IPV4_HEADER_BYTES + UDP_BYTES);
	wire_put16(ip + IPV4_FRAGMENT, 0x4000); /* DF: no identification is needed (RFC 6864) */
	ip[8] = HOPS;
	ip[IPV4_PROTOCOL] = IPPROTO_UDP;
	memcpy(ip + IPV4_SRC, ends->src.bytes, 4);
	memcpy(ip + IPV4_DST, ends->dst.bytes, 4);
	wire_store_checksum(ip + IPV4_CHECKSUM, checksum_finish(checksum_add(0, ip, IPV4_HEADER_BYTES)));
	/* No UDP checksum, as of ESP (RFC 3948 section 2.3). */
	write_udp(ends, ip + IPV4_HEADER_BYTES);
	return IPV4_HEADER_BYTES + UDP_BYTES;
}

static uint32_t write_ipv6(const struct sa_out_ends *ends, uint8_t *ip)
{
	uint8_t *udp = ip + IPV6_HEADER_BYTES;
	uint16_t checksum;
	uint64_t sum;

	memset(ip, 0, IPV6_HEADER_BYTES);
	ip[0] = 0x60;
	wire_put16(ip + IPV6_PAYLOAD_LENGTH, UDP_BYTES);
	ip[IPV6_NEXT_HEADER] = IPPROTO_UDP;
	ip[7] = HOPS;
	memcpy(ip + IPV6_SRC, ends->src.bytes, 16);
	memcpy(ip + IPV6_DST, ends->dst.bytes, 16);
	write_udp(ends, udp);
	sum = checksum_pseudo(6, ends->src.bytes, ends->dst.bytes, UDP_BYTES, IPPROTO_UDP);
	checksum = checksum_finish(checksum_add(sum, udp, UDP_BYTES));
	wire_store_checksum(udp + 6, checksum ? checksum : 0xffff);
	return IPV6_HEADER_BYTES + UDP_BYTES;
}

uint32_t nat_keepalive_write(const struct sa_out_ends *ends, const uint8_t *link, uint8_t *out)
{
	uint8_t *ip = out + NEXTHOP_LINK_BYTES;

	memcpy(out, link, NEXTHOP_LINK_BYTES);
	return NEXTHOP_LINK_BYTES +
	       (ends->dst.family == AF_INET ? write_ipv4(ends, ip) : write_ipv6(ends, ip));
}
