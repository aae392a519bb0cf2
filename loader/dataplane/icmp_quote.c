/* SPDX-License-Identifier: BSD-2-Clause */
/* Called by the control thread, for what the network sends. */
#include "dataplane/icmp_quote.h"

#include <errno.h>
#include <netinet/in.h>
#include <xesp/abi.h>

#include "dataplane/checksum.h"
#include "dataplane/wire.h"

#define ICMP_HEADER_BYTES 8
#define ICMP4_UNREACHABLE 3 /* type and code of "fragmentation needed" (RFC 792, RFC 1191) */
#define ICMP4_TOO_BIG 4
#define ICMP4_MTU 6	/* offset */
#define ICMP6_TOO_BIG 2 /* type of "packet too big" (RFC 4443 section 3.2) */
#define ICMP6_MTU 4	/* offset */

#define IPV4_ID 4
#define UDP_HEADER_BYTES 8
#define UDP_DPORT 2
#define ESP_HEADER_BYTES 8
#define MARKER_BYTES 8
#define EXTENSION_BYTES_MIN 8
#define IPV6_OFFSET_MASK 0xfff8

/* What is quoted, not looked at yet. */
struct rest {
	const uint8_t *at;
	size_t len;
};

static void skip(struct rest *rest, size_t bytes)
{
	rest->at += bytes;
	rest->len -= bytes;
}

static struct ip_addr addr_at(uint8_t family, const uint8_t *at)
{
	struct ip_addr addr = {.family = family};

	memcpy(addr.bytes, at, ip_addr_size(family));
	return addr;
}

/* ---- what was quoted ---------------------------------------------------------------------------------- */

static int read_esp(struct rest rest, uint8_t form, struct icmp_quote *quote)
{
	if (rest.len < ESP_HEADER_BYTES)
		return 0;
	quote->has_esp = true;
	quote->form = form;
	quote->spi = wire_get32(rest.at);
	quote->seq = wire_get32(rest.at + 4);
	return quote->spi ? 0 : -ENOENT;
}

/* Routers must quote 8 bytes behind the IP header (RFC 792), which is UDP's and nothing of ESP; many quote
 * more (RFC 1812 section 4.3.2.3). */
static int read_udp(struct rest rest, struct icmp_quote *quote)
{
	if (rest.len < UDP_HEADER_BYTES)
		return -EINVAL;
	quote->udp = true;
	quote->sport = wire_get16(rest.at);
	quote->dport = wire_get16(rest.at + UDP_DPORT);
	skip(&rest, UDP_HEADER_BYTES);
	/* An SPI is never 0, so this is a marker: of IKE, or, if there are eight bytes of it, of ESP as in
	 * old drafts. */
	if (rest.len >= MARKER_BYTES && !wire_get32(rest.at)) {
		if (wire_get32(rest.at + 4))
			return -ENOENT;
		skip(&rest, MARKER_BYTES);
		return read_esp(rest, XESP_FORM_UDP_IKE, quote);
	}
	return read_esp(rest, XESP_FORM_UDP, quote);
}

static int read_payload(uint8_t protocol, struct rest rest, struct icmp_quote *quote)
{
	if (protocol == IPPROTO_UDP)
		return read_udp(rest, quote);
	if (protocol != IPPROTO_ESP)
		return -ENOENT;
	return rest.len < ESP_HEADER_BYTES ? -EINVAL : read_esp(rest, XESP_FORM_NATIVE, quote);
}

static int read_ipv4(struct rest rest, struct icmp_quote *quote)
{
	const uint8_t *ip = rest.at;
	size_t header;

	if (rest.len < IPV4_HEADER_BYTES || ip[0] >> 4 != 4)
		return -EINVAL;
	header = (ip[0] & 0x0fu) * 4u;
	quote->packet_bytes = wire_get16(ip + IPV4_TOTAL_LENGTH);
	if (header < IPV4_HEADER_BYTES || header > rest.len || header > quote->packet_bytes)
		return -EINVAL;
	/* Behind the first fragment there are no ports, and no fragment of ours forbids fragmentation. */
	if (wire_get16(ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_OFFSET_MASK)
		return -ENOENT;
	quote->id = wire_get16(ip + IPV4_ID);
	quote->src = addr_at(AF_INET, ip + IPV4_SRC);
	quote->dst = addr_at(AF_INET, ip + IPV4_DST);
	skip(&rest, header);
	return read_payload(ip[IPV4_PROTOCOL], rest, quote);
}

/* Past what may stand in front of ESP (RFC 8200 section 4.1); each header takes some of the rest. */
static int skip_extensions(struct rest *rest, uint8_t *next_header)
{
	while (*next_header == IPPROTO_HOPOPTS || *next_header == IPPROTO_DSTOPTS ||
	       *next_header == IPPROTO_ROUTING || *next_header == IPPROTO_FRAGMENT) {
		size_t bytes = EXTENSION_BYTES_MIN;

		if (rest->len < EXTENSION_BYTES_MIN)
			return -EINVAL;
		if (*next_header != IPPROTO_FRAGMENT)
			bytes *= rest->at[1] + 1u;
		else if (wire_get16(rest->at + 2) & IPV6_OFFSET_MASK)
			return -ENOENT;
		if (bytes > rest->len)
			return -EINVAL;
		*next_header = rest->at[0];
		skip(rest, bytes);
	}
	return 0;
}

static int read_ipv6(struct rest rest, struct icmp_quote *quote)
{
	const uint8_t *ip = rest.at;
	uint8_t next_header;
	int err;

	if (rest.len < IPV6_HEADER_BYTES || ip[0] >> 4 != 6)
		return -EINVAL;
	quote->packet_bytes = IPV6_HEADER_BYTES + wire_get16(ip + IPV6_PAYLOAD_LENGTH);
	quote->src = addr_at(AF_INET6, ip + IPV6_SRC);
	quote->dst = addr_at(AF_INET6, ip + IPV6_DST);
	next_header = ip[IPV6_NEXT_HEADER];
	skip(&rest, IPV6_HEADER_BYTES);
	err = skip_extensions(&rest, &next_header);
	return err ? err : read_payload(next_header, rest, quote);
}

/* ---- what was told ------------------------------------------------------------------------------------ */

static int read_icmp4(struct rest rest, struct icmp_quote *quote)
{
	const uint8_t *ip = rest.at;
	size_t header, total;

	if (rest.len < IPV4_HEADER_BYTES || ip[0] >> 4 != 4)
		return -EINVAL;
	header = (ip[0] & 0x0fu) * 4u;
	total = wire_get16(ip + IPV4_TOTAL_LENGTH);
	if (header < IPV4_HEADER_BYTES || total < header + ICMP_HEADER_BYTES || total > rest.len)
		return -EINVAL;
	if (ip[IPV4_PROTOCOL] != IPPROTO_ICMP)
		return -ENOENT;
	rest.len = total;
	skip(&rest, header);
	if (rest.at[0] != ICMP4_UNREACHABLE || rest.at[1] != ICMP4_TOO_BIG)
		return -ENOENT;
	/* Raw sockets get their copy before the kernel verifies this. */
	if (checksum_finish(checksum_add(0, rest.at, rest.len)))
		return -EINVAL;
	quote->mtu = wire_get16(rest.at + ICMP4_MTU);
	skip(&rest, ICMP_HEADER_BYTES);
	return read_ipv4(rest, quote);
}

static int read_icmp6(struct rest rest, struct icmp_quote *quote)
{
	if (rest.len < ICMP_HEADER_BYTES)
		return -EINVAL;
	if (rest.at[0] != ICMP6_TOO_BIG)
		return -ENOENT;
	quote->mtu = wire_get32(rest.at + ICMP6_MTU);
	skip(&rest, ICMP_HEADER_BYTES);
	return read_ipv6(rest, quote);
}

int icmp_quote_parse(uint8_t family, const uint8_t *message, size_t len, struct icmp_quote *ret_quote)
{
	const struct rest rest = {.at = message, .len = len};
	struct icmp_quote quote = {0};
	int err = family == AF_INET ? read_icmp4(rest, &quote) : read_icmp6(rest, &quote);

	if (err)
		return err;
	*ret_quote = quote;
	return 0;
}
