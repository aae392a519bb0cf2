/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP packets for tests.
 */
#include "tests/lib/packet.h"

#include <netinet/in.h>
#include <string.h>

const uint8_t packet_addr4[4][4] = {{192, 0, 2, 1}, {192, 0, 2, 2}, {198, 51, 100, 77}, {203, 0, 113, 254}};
const uint8_t packet_addr6[4][16] = {
	{0x20, 0x01, 0x0d, 0xb8, [15] = 1},
	{0x20, 0x01, 0x0d, 0xb8, [15] = 2},
	{0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, [14] = 0xab, 0xcd},
	{0xfd, 0x00, 0x12, 0x34, [12] = 0x80, 0x01, 0xfe, 0xff},
};

const uint8_t *packet_addr(uint8_t family, unsigned int i)
{
	return family == 4 ? packet_addr4[i] : packet_addr6[i];
}

uint16_t packet_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

void packet_put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t sum_words(uint32_t sum, const uint8_t *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

uint16_t packet_checksum(uint32_t sum, const uint8_t *data, size_t bytes)
{
	return (uint16_t)~sum_words(sum, data, bytes);
}

static uint32_t sum_pseudo(uint8_t family, const uint8_t *src, const uint8_t *dst, size_t len,
			   uint8_t protocol)
{
	size_t address = family == 4 ? 4 : 16;
	uint32_t sum = sum_words(sum_words(0, src, address), dst, address);

	return sum + (uint32_t)len + protocol;
}

/* Offset of the checksum in the upper-layer header, and that header's length; 0 for a protocol without. */
static size_t checksum_offset(uint8_t protocol, size_t *ret_header)
{
	switch (protocol) {
	case IPPROTO_TCP: *ret_header = 20; return 16;
	case IPPROTO_UDP: *ret_header = 8; return 6;
	case IPPROTO_ICMPV6: *ret_header = 8; return 2;
	default: *ret_header = 0; return 0;
	}
}

size_t packet_upper(const struct packet_spec *spec, uint8_t *out)
{
	size_t header;
	size_t at = checksum_offset(spec->protocol, &header);
	size_t len = header + spec->data_len;
	uint16_t checksum;

	memset(out, 0, header);
	for (size_t i = header; i < len; i++)
		out[i] = (uint8_t)(i * 31 + 7);
	if (spec->protocol == IPPROTO_TCP || spec->protocol == IPPROTO_UDP) {
		packet_put16(out, spec->sport);
		packet_put16(out + 2, spec->dport);
	}
	if (spec->protocol == IPPROTO_TCP) {
		packet_put16(out + 4, (uint16_t)(spec->seq >> 16));
		packet_put16(out + 6, (uint16_t)spec->seq);
		out[12] = 5 << 4;
		out[13] = spec->flags;
	}
	if (spec->protocol == IPPROTO_UDP)
		packet_put16(out + 4, (uint16_t)len);
	if (spec->protocol == IPPROTO_ICMPV6)
		out[0] = 128;
	if (at == 0 || spec->no_checksum)
		return len;
	checksum = packet_checksum(sum_pseudo(spec->family, spec->src, spec->dst, len, spec->protocol), out,
				   len);
	if (spec->protocol == IPPROTO_UDP && checksum == 0)
		checksum = 0xffff;
	packet_put16(out + at, checksum);
	return len;
}

size_t packet_build(const struct packet_spec *spec, uint8_t *out)
{
	size_t header = spec->family == 4 ? 20 : 40;
	size_t address = spec->family == 4 ? 4 : 16;
	size_t len = header + packet_upper(spec, out + header);

	memset(out, 0, header);
	memcpy(out + header - 2 * address, spec->src, address);
	memcpy(out + header - address, spec->dst, address);
	if (spec->family == 6) {
		packet_put16(out, (uint16_t)(0x6000 | spec->ds << 4));
		packet_put16(out + 4, (uint16_t)(len - header));
		out[6] = spec->protocol;
		out[7] = 64;
		return len;
	}
	out[0] = 0x45;
	out[1] = spec->ds;
	packet_put16(out + 2, (uint16_t)len);
	packet_put16(out + 4, 0x1234);
	out[8] = 64;
	out[9] = spec->protocol;
	packet_put16(out + 10, packet_checksum(0, out, 20));
	return len;
}

void packet_ipv4_set16(uint8_t *ip, size_t offset, uint16_t value)
{
	packet_put16(ip + offset, value);
	packet_put16(ip + 10, 0);
	packet_put16(ip + 10, packet_checksum(0, ip, 20));
}

size_t packet_insert(uint8_t *ip, size_t len, uint8_t type, const uint8_t *bytes, size_t count)
{
	bool v4 = ip[0] >> 4 == 4;
	size_t fixed = v4 ? 20 : 40, length = v4 ? 2 : 4;

	memmove(ip + fixed + count, ip + fixed, len - fixed);
	memcpy(ip + fixed, bytes, count);
	packet_put16(ip + length, (uint16_t)(packet_get16(ip + length) + count));
	if (v4) {
		ip[0] = (uint8_t)(ip[0] + count / 4);
		packet_put16(ip + 10, 0);
		packet_put16(ip + 10, packet_checksum(0, ip, (ip[0] & 15) * 4u));
	} else {
		ip[fixed] = ip[6];
		ip[6] = type;
	}
	return len + count;
}

size_t packet_udp4(uint8_t *out, size_t data_len)
{
	const struct packet_spec spec = {
		.family = 4,
		.protocol = IPPROTO_UDP,
		.src = packet_addr4[1],
		.dst = packet_addr4[3],
		.sport = 1000,
		.dport = 2000,
		.data_len = data_len,
	};

	return packet_build(&spec, out);
}

bool packet_ipv4_checksum_good(const uint8_t *ip)
{
	return packet_checksum(0, ip, 20) == 0;
}

bool packet_upper_checksum_good(const uint8_t *ip, size_t len)
{
	uint8_t family = ip[0] >> 4;
	size_t header = family == 4 ? 20 : 40;
	size_t address = family == 4 ? 4 : 16;
	uint8_t protocol = family == 4 ? ip[9] : ip[6];
	const uint8_t *src = ip + header - 2 * address;
	uint32_t sum = sum_pseudo(family, src, src + address, len - header, protocol);

	if (protocol == IPPROTO_UDP && packet_get16(ip + header + 6) == 0)
		return true;
	return packet_checksum(sum, ip + header, len - header) == 0;
}
