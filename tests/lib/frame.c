// SPDX-License-Identifier: BSD-2-Clause
/*
 * Frame builder, see the header.
 */
#include "frame.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define ETHERNET_HEADER 14
#define UDP_HEADER 8
#define ESP_HEADER 8

void frame_put16(struct frame *frame, size_t offset, uint16_t value)
{
	frame->bytes[offset] = (uint8_t)(value >> 8);
	frame->bytes[offset + 1] = (uint8_t)value;
}

void frame_put32(struct frame *frame, size_t offset, uint32_t value)
{
	frame_put16(frame, offset, (uint16_t)(value >> 16));
	frame_put16(frame, offset + 2, (uint16_t)value);
}

uint16_t frame_get16(const struct frame *frame, size_t offset)
{
	return (uint16_t)(frame->bytes[offset] << 8 | frame->bytes[offset + 1]);
}

static uint32_t sum_bytes(uint32_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

void frame_fix_ipv4(struct frame *frame)
{
	size_t length = (frame->bytes[frame->l3] & 15) * 4u;

	if (frame->family != 4 || frame->len < frame->l3 + 20)
		return;
	if (length > frame->len - frame->l3)
		length = frame->len - frame->l3;
	frame_put16(frame, frame->l3 + 10, 0);
	frame_put16(frame, frame->l3 + 10,
		    (uint16_t)~sum_fold(sum_bytes(0, frame->bytes + frame->l3, length)));
}

void frame_fix_udp(struct frame *frame, enum frame_checksum checksum)
{
	const uint8_t *ip = frame->bytes + frame->l3;
	uint16_t length = frame_get16(frame, frame->l4 + 4), pseudo, value;
	uint32_t sum = IPPROTO_UDP;

	frame_put16(frame, frame->l4 + 6, 0);
	if (checksum == FRAME_CHECKSUM_NONE)
		return;
	assert(frame->l4 + length <= frame->len);
	sum = frame->family == 4 ? sum_bytes(sum, ip + 12, 8) : sum_bytes(sum, ip + 8, 32);
	pseudo = sum_fold(sum + length);
	value = (uint16_t)~sum_fold(sum_bytes(pseudo, frame->bytes + frame->l4, length));
	/* RFC 768: a sum of 0 is sent as all ones. */
	if (value == 0)
		value = 0xffff;
	if (checksum == FRAME_CHECKSUM_PARTIAL)
		value = pseudo;
	else if (checksum == FRAME_CHECKSUM_WRONG)
		value = value == 0x1234 ? 0x1235 : 0x1234;
	frame_put16(frame, frame->l4 + 6, value);
}

void frame_insert(struct frame *frame, uint8_t type, const void *bytes, size_t length)
{
	size_t at = frame->l3 + (frame->family == 4 ? 20 : 40);
	uint8_t *ip = frame->bytes + frame->l3;

	assert(frame->len + length <= sizeof(frame->bytes));
	memmove(frame->bytes + at + length, frame->bytes + at, frame->len - at);
	memcpy(frame->bytes + at, bytes, length);
	frame->len += length;
	frame->l4 += length;
	frame->payload += length;
	if (frame->family == 4) {
		ip[0] = (uint8_t)(ip[0] + length / 4);
		frame_put16(frame, frame->l3 + 2, (uint16_t)(frame_get16(frame, frame->l3 + 2) + length));
		frame_fix_ipv4(frame);
		return;
	}
	frame_put16(frame, frame->l3 + 4, (uint16_t)(frame_get16(frame, frame->l3 + 4) + length));
	frame->bytes[at] = ip[6];
	ip[6] = type;
}

static void put_link(struct frame *frame, const struct frame_spec *spec)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
	size_t at = sizeof(macs);

	memcpy(frame->bytes, macs, sizeof(macs));
	for (unsigned int i = 0; i < spec->tags; i++, at += 4) {
		frame_put16(frame, at, spec->tpid[i] ? spec->tpid[i] : 0x8100);
		frame_put16(frame, at + 2, (uint16_t)(100 + i));
	}
	frame_put16(frame, at, frame->family == 4 ? 0x0800 : 0x86dd);
	frame->l3 = ETHERNET_HEADER + 4 * spec->tags;
}

static void put_ip(struct frame *frame, const struct frame_spec *spec, uint8_t protocol, size_t length)
{
	uint8_t *ip = frame->bytes + frame->l3;

	if (frame->family == 4) {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		frame_put16(frame, frame->l3 + 2, (uint16_t)(20 + length));
		ip[8] = 64;
		ip[9] = protocol;
		memcpy(ip + 12, spec->src.bytes, 4);
		memcpy(ip + 16, spec->dst.bytes, 4);
		frame_fix_ipv4(frame);
		return;
	}
	memset(ip, 0, 8);
	ip[0] = 0x60;
	frame_put16(frame, frame->l3 + 4, (uint16_t)length);
	ip[6] = protocol;
	ip[7] = 64;
	memcpy(ip + 8, spec->src.bytes, 16);
	memcpy(ip + 24, spec->dst.bytes, 16);
}

/* Headers around the `length` bytes that the caller writes at `l4`. */
static void wrap(struct frame *frame, const struct frame_spec *spec, uint8_t protocol, size_t length)
{
	frame->family = spec->dst.family == AF_INET ? 4 : 6;
	put_link(frame, spec);
	frame->l4 = frame->l3 + (frame->family == 4 ? 20 : 40);
	frame->payload = frame->l4;
	frame->len = frame->l4 + length;
	assert(frame->len <= sizeof(frame->bytes));
	put_ip(frame, spec, protocol, length);
}

void frame_ip(struct frame *frame, const struct frame_spec *spec, uint8_t protocol, const void *payload,
	      size_t length)
{
	wrap(frame, spec, protocol, length);
	if (length)
		memcpy(frame->bytes + frame->l4, payload, length);
}

static void wrap_udp(struct frame *frame, const struct frame_spec *spec, size_t length)
{
	wrap(frame, spec, IPPROTO_UDP, UDP_HEADER + length);
	frame->payload = frame->l4 + UDP_HEADER;
	frame_put16(frame, frame->l4, spec->sport);
	frame_put16(frame, frame->l4 + 2, spec->dport);
	frame_put16(frame, frame->l4 + 4, (uint16_t)(UDP_HEADER + length));
}

void frame_udp(struct frame *frame, const struct frame_spec *spec, const void *payload, size_t length)
{
	wrap_udp(frame, spec, length);
	if (length)
		memcpy(frame->bytes + frame->payload, payload, length);
	frame_fix_udp(frame, spec->checksum);
}

void frame_esp(struct frame *frame, const struct frame_spec *spec, enum xesp_form form, uint32_t spi,
	       size_t length)
{
	size_t marker = form == XESP_FORM_UDP_IKE ? 8 : 0, esp;

	if (form == XESP_FORM_NATIVE)
		wrap(frame, spec, IPPROTO_ESP, ESP_HEADER + length);
	else
		wrap_udp(frame, spec, marker + ESP_HEADER + length);
	memset(frame->bytes + frame->payload, 0, marker);
	esp = frame->payload + marker;
	frame_put32(frame, esp, spi);
	frame_put32(frame, esp + 4, 1);
	for (size_t i = 0; i < length; i++)
		frame->bytes[esp + ESP_HEADER + i] = (uint8_t)(i * 7 + 1);
	if (form != XESP_FORM_NATIVE)
		frame_fix_udp(frame, spec->checksum);
}
