/* SPDX-License-Identifier: BSD-2-Clause */
/* Called by workers, for packets that the host routes into the TUN device. */
#include "dataplane/icmp_refuse.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "dataplane/checksum.h"
#include "dataplane/wire.h"

#define ICMP_HEADER_BYTES 8
#define ICMP_CHECKSUM 2	    /* offset */
#define ICMP_WORD 4	    /* offset of the second word: the MTU of a packet that is too long */
#define ICMP6_ERROR_END 128 /* types below are errors (RFC 4443 section 2.1) */
/* Of the packet in an ICMPv4 error: RFC 1812 section 4.3.2.3 wants as much as fits 576 bytes. */
#define QUOTED4_MAX (576 - IPV4_HEADER_BYTES - ICMP_HEADER_BYTES)
#define QUOTED6_MAX (ICMP_REFUSE_MAX - IPV6_HEADER_BYTES - ICMP_HEADER_BYTES)
#define TTL 64

/* Type, code and second word of an error, in both families. */
struct error {
	uint8_t type4;
	uint8_t code4;
	uint8_t type6;
	uint8_t code6;
	uint32_t word;
};

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Unspecified, multicast, broadcast or loopback addresses get and cause no error. */
static bool is_host4(const uint8_t *addr)
{
	return addr[0] != 0 && addr[0] != 127 && addr[0] < 224;
}

static bool is_host6(const uint8_t *addr)
{
	static const uint8_t zero[15];

	/* :: and ::1 begin with 15 zero bytes. */
	return addr[0] != 0xff && (memcmp(addr, zero, sizeof(zero)) != 0 || addr[15] > 1);
}

/* Echo, timestamp and the like are no errors; unknown types are taken for some. */
static bool is_icmp4_query(uint8_t type)
{
	return type == 0 || type == 8 || type == 13 || type == 14;
}

static bool may_answer4(const uint8_t *packet, size_t len)
{
	size_t header = (packet[0] & 0x0fu) * 4u;

	if (header < IPV4_HEADER_BYTES || len < header + 8)
		return false;
	if (wire_get16(packet + IPV4_FRAGMENT) & IPV4_FRAGMENT_OFFSET_MASK)
		return false;
	if (!is_host4(packet + IPV4_SRC) || !is_host4(packet + IPV4_DST))
		return false;
	return packet[IPV4_PROTOCOL] != IPPROTO_ICMP || is_icmp4_query(packet[header]);
}

static size_t answer4(const struct error *error, const uint8_t *packet, size_t len, uint8_t *answer)
{
	size_t quoted = min_size(len, QUOTED4_MAX);
	size_t total = IPV4_HEADER_BYTES + ICMP_HEADER_BYTES + quoted;
	uint8_t *icmp = answer + IPV4_HEADER_BYTES;

	if (!may_answer4(packet, len))
		return 0;
	memset(answer, 0, IPV4_HEADER_BYTES + ICMP_HEADER_BYTES);
	answer[0] = 0x45;
	wire_put16(answer + IPV4_TOTAL_LENGTH, (uint16_t)total);
	answer[8] = TTL;
	answer[IPV4_PROTOCOL] = IPPROTO_ICMP;
	memcpy(answer + IPV4_SRC, packet + IPV4_DST, 4);
	memcpy(answer + IPV4_DST, packet + IPV4_SRC, 4);
	wire_store_checksum(answer + IPV4_CHECKSUM,
			    checksum_finish(checksum_add(0, answer, IPV4_HEADER_BYTES)));
	icmp[0] = error->type4;
	icmp[1] = error->code4;
	wire_put32(icmp + ICMP_WORD, error->word);
	memcpy(icmp + ICMP_HEADER_BYTES, packet, quoted);
	wire_store_checksum(icmp + ICMP_CHECKSUM,
			    checksum_finish(checksum_add(0, icmp, ICMP_HEADER_BYTES + quoted)));
	return total;
}

static bool may_answer6(const uint8_t *packet, size_t len)
{
	if (len < IPV6_HEADER_BYTES + 1)
		return false;
	if (!is_host6(packet + IPV6_SRC) || !is_host6(packet + IPV6_DST))
		return false;
	return packet[IPV6_NEXT_HEADER] != IPPROTO_ICMPV6 || packet[IPV6_HEADER_BYTES] >= ICMP6_ERROR_END;
}

static size_t answer6(const struct error *error, const uint8_t *packet, size_t len, uint8_t *answer)
{
	size_t quoted = min_size(len, QUOTED6_MAX);
	size_t icmp_len = ICMP_HEADER_BYTES + quoted;
	uint8_t *icmp = answer + IPV6_HEADER_BYTES;
	uint64_t sum;

	if (!may_answer6(packet, len))
		return 0;
	memset(answer, 0, IPV6_HEADER_BYTES + ICMP_HEADER_BYTES);
	answer[0] = 0x60;
	wire_put16(answer + IPV6_PAYLOAD_LENGTH, (uint16_t)icmp_len);
	answer[IPV6_NEXT_HEADER] = IPPROTO_ICMPV6;
	answer[7] = TTL;
	memcpy(answer + IPV6_SRC, packet + IPV6_DST, 16);
	memcpy(answer + IPV6_DST, packet + IPV6_SRC, 16);
	icmp[0] = error->type6;
	icmp[1] = error->code6;
	wire_put32(icmp + ICMP_WORD, error->word);
	memcpy(icmp + ICMP_HEADER_BYTES, packet, quoted);
	sum = checksum_pseudo(6, answer + IPV6_SRC, answer + IPV6_DST, (uint32_t)icmp_len, IPPROTO_ICMPV6);
	wire_store_checksum(icmp + ICMP_CHECKSUM, checksum_finish(checksum_add(sum, icmp, icmp_len)));
	return IPV6_HEADER_BYTES + icmp_len;
}

static size_t answer_with(const struct error *error, const uint8_t *packet, size_t len, uint8_t *answer)
{
	if (len < IPV4_HEADER_BYTES)
		return 0;
	switch (packet[0] >> 4) {
	case 4: return answer4(error, packet, len, answer);
	case 6: return answer6(error, packet, len, answer);
	default: return 0;
	}
}

size_t icmp_refuse(const uint8_t *packet, size_t len, uint8_t *answer)
{
	static const struct error prohibited = {.type4 = 3, .code4 = 13, .type6 = 1, .code6 = 1};

	return answer_with(&prohibited, packet, len, answer);
}

size_t icmp_unreachable(const uint8_t *packet, size_t len, uint8_t *answer)
{
	static const struct error unreachable = {.type4 = 3, .code4 = 1, .type6 = 1, .code6 = 3};

	return answer_with(&unreachable, packet, len, answer);
}

size_t icmp_too_big(const uint8_t *packet, size_t len, uint32_t mtu, uint8_t *answer)
{
	const struct error too_big = {.type4 = 3, .code4 = 4, .type6 = 2, .code6 = 0, .word = mtu};

	return answer_with(&too_big, packet, len, answer);
}
