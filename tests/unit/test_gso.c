/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments against what they were made of: payloads in a row are the payload, headers are the header but for
 * what has to differ, checksums are good by a sum of this file's helpers. Memory ends where the packet does.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/gso.h"
#include "tests/lib/guard.h"
#include "tests/lib/packet.h"

#define FIN_PSH_CWR 0x89
#define TCP_FLAGS 13
#define PACKET_MAX 65535

/* A flow's piece as the host hands it over. */
struct flow {
	uint8_t family;
	bool tcp;
	uint8_t ip_options;  /* bytes: IPv4 options, or an IPv6 destination header */
	uint8_t tcp_options; /* bytes */
	uint32_t payload;
	uint16_t segment;
};

static struct guard in, out;
static uint32_t random_state = 1;

static uint32_t next_random(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 8;
}

static uint32_t ip_bytes(const struct flow *flow)
{
	return (flow->family == 4 ? 20u : 40u) + flow->ip_options;
}

static uint32_t l4_bytes(const struct flow *flow)
{
	return flow->tcp ? 20u + flow->tcp_options : 8u;
}

static uint32_t sum_words(uint32_t sum, const uint8_t *at, size_t bytes)
{
	return (uint16_t)~packet_checksum(sum, at, bytes);
}

/* Pseudo-header, folded: what the kernel leaves in the checksum's place. */
static uint16_t pseudo(const uint8_t *ip, uint8_t family, uint8_t protocol, uint32_t len)
{
	uint32_t sum = family == 4 ? sum_words(0, ip + 12, 8) : sum_words(0, ip + 8, 32);

	sum += protocol + (len >> 16) + (len & 0xffff);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void write_ip(const struct flow *flow, uint8_t *ip, uint32_t len)
{
	uint8_t protocol = flow->tcp ? IPPROTO_TCP : IPPROTO_UDP;

	for (uint32_t i = 0; i < ip_bytes(flow); i++)
		ip[i] = (uint8_t)next_random();
	if (flow->family == 4) {
		ip[0] = (uint8_t)(0x40 | ip_bytes(flow) / 4);
		packet_put16(ip + 2, (uint16_t)len);
		packet_put16(ip + 4, 0xfffe); /* wraps */
		packet_put16(ip + 6, 0x4000);
		ip[9] = protocol;
		return;
	}
	ip[0] = 0x60 | (ip[0] & 0x0f);
	packet_put16(ip + 4, (uint16_t)(len - 40));
	ip[6] = flow->ip_options ? IPPROTO_DSTOPTS : protocol;
	if (flow->ip_options) {
		ip[40] = protocol;
		ip[41] = (uint8_t)(flow->ip_options / 8 - 1);
	}
}

/* At the end of the guarded memory; returns its length. */
static uint8_t *make(const struct flow *flow, struct virtio_net_hdr *ret_header, uint32_t *ret_len)
{
	uint32_t l3 = ip_bytes(flow), l4 = l4_bytes(flow), len = l3 + l4 + flow->payload;
	uint8_t *ip = in.end - len, *at = ip + l3;

	write_ip(flow, ip, len);
	for (uint32_t i = 0; i < l4 + flow->payload; i++)
		at[i] = (uint8_t)next_random();
	if (flow->tcp) {
		at[12] = (uint8_t)(l4 / 4 << 4);
		at[TCP_FLAGS] = FIN_PSH_CWR | 0x10;
		packet_put16(at + 4, 0xffff); /* sequence numbers wrap */
		packet_put16(at + 6, 0xff00);
	} else {
		packet_put16(at + 4, (uint16_t)(l4 + flow->payload));
	}
	packet_put16(at + (flow->tcp ? 16 : 6),
		     pseudo(ip, flow->family, flow->tcp ? IPPROTO_TCP : IPPROTO_UDP, len - l3));
	*ret_header = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					      .csum_start = (uint16_t)l3,
					      .csum_offset = flow->tcp ? 16 : 6,
					      .gso_size = flow->segment};
	ret_header->gso_type = !flow->tcp	   ? VIRTIO_NET_HDR_GSO_UDP_L4
			       : flow->family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN
						   : VIRTIO_NET_HDR_GSO_TCPV6;
	*ret_len = len;
	return ip;
}

static bool l4_checksum_good(const struct flow *flow, const uint8_t *ip, uint32_t len)
{
	uint32_t l3 = ip_bytes(flow);
	uint8_t protocol = flow->tcp ? IPPROTO_TCP : IPPROTO_UDP;

	return packet_checksum(pseudo(ip, flow->family, protocol, len - l3), ip + l3, len - l3) == 0;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

/* One segment: everything in it is told by the whole. */
static void expect_segment(const struct flow *flow, const uint8_t *whole, uint32_t i, uint32_t count,
			   const uint8_t *got, uint32_t len)
{
	uint32_t l3 = ip_bytes(flow), head = l3 + l4_bytes(flow), data = len - head;
	uint8_t want[GSO_HEADER_MAX], *l4 = want + l3;

	memcpy(want, whole, head);
	if (flow->family == 4) {
		packet_put16(want + 2, (uint16_t)len);
		packet_put16(want + 4, (uint16_t)(0xfffe + i));
		memcpy(want + 10, got + 10, 2);
		assert_int_equal(packet_checksum(0, got, l3), 0);
	} else {
		packet_put16(want + 4, (uint16_t)(len - 40));
	}
	if (flow->tcp) {
		uint32_t seq = get32(l4 + 4) + i * flow->segment;

		packet_put16(l4 + 4, (uint16_t)(seq >> 16));
		packet_put16(l4 + 6, (uint16_t)seq);
		l4[TCP_FLAGS] = (uint8_t)(0x10 | (i == 0 ? 0x80 : 0) | (i == count - 1 ? 0x09 : 0));
		memcpy(l4 + 16, got + l3 + 16, 2);
	} else {
		packet_put16(l4 + 4, (uint16_t)(len - l3));
		memcpy(l4 + 6, got + l3 + 6, 2);
		assert_int_not_equal(packet_get16(got + l3 + 6), 0);
	}
	assert_memory_equal(got, want, head);
	assert_memory_equal(got + head, whole + head + (size_t)i * flow->segment, data);
	assert_true(l4_checksum_good(flow, got, len));
}

static void check_flow(const struct flow *flow)
{
	struct virtio_net_hdr header;
	struct gso gso;
	uint32_t len, payload = 0;
	uint8_t *whole = make(flow, &header, &len);

	assert_int_equal(gso_parse(&header, whole, len, &gso), 0);
	assert_int_equal(gso.count, flow->payload ? (flow->payload + flow->segment - 1) / flow->segment : 1);
	for (uint32_t i = 0; i < gso.count; i++) {
		uint32_t bytes = gso_segment_bytes(&gso, i);
		uint8_t *got = out.end - bytes;

		assert_int_equal(gso_segment(&gso, i, 0, got), bytes);
		expect_segment(flow, whole, i, gso.count, got, bytes);
		payload += bytes - gso.header_bytes;
		/* Without the IP header it is the same, and nothing is written in front. */
		if (i < 3) {
			uint8_t copy[2048];

			if (bytes > sizeof(copy))
				continue;
			memcpy(copy, got, bytes);
			memset(got, 0xee, bytes);
			assert_int_equal(gso_segment(&gso, i, ip_bytes(flow), got + ip_bytes(flow)),
					 bytes - ip_bytes(flow));
			assert_memory_equal(got + ip_bytes(flow), copy + ip_bytes(flow),
					    bytes - ip_bytes(flow));
			assert_int_equal(got[ip_bytes(flow) - 1], 0xee);
		}
	}
	assert_int_equal(payload, flow->payload);
}

static void test_segments(void **state)
{
	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2)
		for (int tcp = 0; tcp < 2; tcp++)
			for (uint8_t options = 0; options <= 8; options += 8)
				for (uint32_t payload = 0; payload < 5000;
				     payload += 1 + next_random() % 700) {
					struct flow flow = {.family = family,
							    .tcp = tcp,
							    .ip_options = options,
							    .tcp_options = tcp ? options / 2 * 3 : 0,
							    .payload = payload,
							    .segment = (uint16_t)(8 + next_random() % 1500)};
					check_flow(&flow);
				}
}

static void test_longest(void **state)
{
	const struct flow flows[] = {
		{.family = 4, .tcp = true, .tcp_options = 40, .payload = 65535 - 80, .segment = 1348},
		{.family = 6, .tcp = true, .tcp_options = 12, .payload = 65535 - 72, .segment = 8},
		{.family = 6, .payload = 128 * 500, .segment = 500},
		{.family = 4, .payload = 128, .segment = 1},
		{.family = 4, .payload = 65535 - 28, .segment = 65535 - 28},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++)
		check_flow(&flows[i]);
}

/* A packet that is one, with and without its checksum. */
static void test_one(void **state)
{
	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2)
		for (uint32_t payload = 0; payload < 200; payload++) {
			struct flow flow = {.family = family, .payload = payload};
			struct virtio_net_hdr header;
			struct gso gso;
			uint32_t len, l3 = ip_bytes(&flow);
			uint8_t *whole = make(&flow, &header, &len), *got = out.end - len;

			header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
			assert_int_equal(gso_parse(&header, whole, len, &gso), 0);
			assert_int_equal(gso.count, 1);
			assert_int_equal(gso_segment(&gso, 0, 0, got), len);
			assert_true(l4_checksum_good(&flow, got, len));
			assert_memory_equal(got, whole, l3 + 6);
			assert_memory_equal(got + l3 + 8, whole + l3 + 8, payload);
			assert_int_equal(gso_segment(&gso, 0, l3, out.end - (len - l3)), len - l3);
			assert_true(packet_checksum(pseudo(whole, family, IPPROTO_UDP, len - l3),
						    out.end - (len - l3), len - l3) == 0);
			header.flags = 0;
			assert_int_equal(gso_parse(&header, whole, len, &gso), 0);
			gso_segment(&gso, 0, 0, got);
			assert_memory_equal(got, whole, len);
		}
}

/* What lies behind the packet is no part of it. */
static void test_trailing_bytes(void **state)
{
	const struct flow flow = {.family = 4, .tcp = true, .payload = 3000, .segment = 1000};
	struct virtio_net_hdr header;
	struct gso gso;
	uint32_t len;
	uint8_t *whole = make(&flow, &header, &len), *moved = in.end - len - 7;

	(void)state;
	memmove(moved, whole, len);
	assert_int_equal(gso_parse(&header, moved, len + 7, &gso), 0);
	assert_int_equal(gso.len, len);
}

static void expect_refused(const struct virtio_net_hdr *header, const uint8_t *packet, uint32_t len, int err)
{
	struct gso gso = {.len = 77};

	assert_int_equal(gso_parse(header, packet, len, &gso), err);
	assert_int_equal(gso.len, 77);
}

static void test_refused(void **state)
{
	const struct flow flow = {.family = 4, .tcp = true, .payload = 3000, .segment = 1000};
	const struct flow datagrams = {.family = 4, .payload = 2000, .segment = 1};
	struct virtio_net_hdr good, bad;
	uint32_t len;
	uint8_t *whole = make(&flow, &good, &len);

	(void)state;
#define EXPECT_REFUSED(field, value, err) \
	do { \
		bad = good; \
		bad.field = (value); \
		expect_refused(&bad, whole, len, (err)); \
	} while (0)
	EXPECT_REFUSED(gso_size, 0, -EINVAL);
	EXPECT_REFUSED(gso_size, 7, -EINVAL);
	EXPECT_REFUSED(flags, 0, -EINVAL);
	EXPECT_REFUSED(gso_type, VIRTIO_NET_HDR_GSO_TCPV6, -EINVAL);
	EXPECT_REFUSED(gso_type, VIRTIO_NET_HDR_GSO_UDP_L4, -EINVAL);
	EXPECT_REFUSED(gso_type, VIRTIO_NET_HDR_GSO_UDP, -EPROTONOSUPPORT);
	EXPECT_REFUSED(gso_type, 0x7f, -EPROTONOSUPPORT);
	EXPECT_REFUSED(csum_start, 24, -EINVAL);
	EXPECT_REFUSED(csum_start, 0xffff, -EINVAL);
	EXPECT_REFUSED(csum_offset, 6, -EINVAL);
	good.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	EXPECT_REFUSED(csum_start, 19, -EINVAL);
	EXPECT_REFUSED(csum_start, (uint16_t)(len - 17), -EINVAL);
	EXPECT_REFUSED(csum_offset, 0xffff, -EINVAL);
#undef EXPECT_REFUSED
	expect_refused(&good, whole, len - 1, -EINVAL);
	expect_refused(&good, whole, 19, -EINVAL);
	whole[0] = 0x44;
	expect_refused(&good, whole, len, -EINVAL);
	whole[0] = 0x55;
	expect_refused(&good, whole, len, -EINVAL);
	whole = make(&flow, &good, &len);
	packet_put16(whole + 6, 0x2000); /* a fragment is not cut */
	expect_refused(&good, whole, len, -EINVAL);
	whole = make(&flow, &good, &len);
	whole[20 + 12] = 0x40;
	expect_refused(&good, whole, len, -EINVAL);
	whole = make(&datagrams, &good, &len);
	expect_refused(&good, whole, len, -EINVAL);
}

/* Whatever header and packet say, nothing is read or written outside of them. */
static void test_hostile(void **state)
{
	(void)state;
	for (int round = 0; round < 200000; round++) {
		struct flow flow = {.family = next_random() % 2 ? 4 : 6,
				    .tcp = next_random() % 2,
				    .ip_options = next_random() % 2 ? 8 : 0,
				    .payload = next_random() % 300,
				    .segment = (uint16_t)(8 + next_random() % 100)};
		struct virtio_net_hdr header;
		struct gso gso;
		uint32_t len;
		uint8_t *whole = make(&flow, &header, &len);

		for (uint32_t n = next_random() % 4; n > 0; n--)
			whole[next_random() % (ip_bytes(&flow) + l4_bytes(&flow))] = (uint8_t)next_random();
		if (next_random() % 3 == 0)
			((uint8_t *)&header)[next_random() % sizeof(header)] = (uint8_t)next_random();
		if (gso_parse(&header, whole, len, &gso))
			continue;
		for (uint32_t i = 0; i < gso.count; i++)
			gso_segment(&gso, i, 0, out.end - gso_segment_bytes(&gso, i));
	}
}

static int set_up(void **state)
{
	(void)state;
	in = guard_new(PACKET_MAX);
	out = guard_new(PACKET_MAX);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_free(&in);
	guard_free(&out);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments), cmocka_unit_test(test_longest),
		cmocka_unit_test(test_one),	 cmocka_unit_test(test_trailing_bytes),
		cmocka_unit_test(test_refused),	 cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
