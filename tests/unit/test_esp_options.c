/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Outer IPv4 options and IPv6 extension headers in the data plane: which headers it takes for what the
 * metadata say, what becomes of them in both modes, and where ports and addresses are read behind them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "dataplane/esp_meta.h"
#include "dataplane/esp_nested.h"
#include "dataplane/esp_watch.h"
#include "tests/lib/esp_options.h"
#include "tests/lib/esp_rig.h"
#include "tests/lib/nest.h"
#include "tests/lib/packet.h"

#define ETHERNET_BYTES 14
#define SPORT 31337 /* of the rig's packets */

/* One way to make an outer header longer: IPv4 options, or IPv6 extension headers in order, each 8 bytes
 * times a number. */
struct longer {
	uint8_t family;
	size_t bytes; /* all together */
	struct {
		uint8_t type;
		uint8_t eights;
	} headers[4];
};

static const struct longer longer[] = {
	{4, 4, {{0, 0}}},
	{4, 12, {{0, 0}}},
	{4, 40, {{0, 0}}},
	{6, 8, {{IPPROTO_HOPOPTS, 1}}},
	{6, 8, {{IPPROTO_DSTOPTS, 1}}},
	{6, 24, {{IPPROTO_HOPOPTS, 1}, {IPPROTO_DSTOPTS, 2}}},
	{6, 64, {{IPPROTO_HOPOPTS, 2}, {IPPROTO_DSTOPTS, 1}, {IPPROTO_DSTOPTS, 5}}},
	{6, 64, {{IPPROTO_DSTOPTS, 8}}},
};
#define LONGER (sizeof(longer) / sizeof(longer[0]))

/* Bytes that nothing else in the tests has; the length of an extension header stands in its second. */
static void fill(uint8_t *bytes, size_t len, uint8_t family)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(0xa0 + i);
	if (family == 6)
		bytes[1] = (uint8_t)(len / 8 - 1);
}

static void make_longer(struct esp_packet *packet, const struct longer *how)
{
	uint8_t bytes[2048];

	if (how->family == 4) {
		fill(bytes, how->bytes, 4);
		esp_options_insert(packet, 0, bytes, how->bytes);
		return;
	}
	/* Each comes in front of those that are there. */
	for (size_t i = 4; i-- > 0;) {
		if (!how->headers[i].eights)
			continue;
		fill(bytes, how->headers[i].eights * 8u, 6);
		esp_options_insert(packet, how->headers[i].type, bytes, how->headers[i].eights * 8u);
	}
}

static size_t fixed_bytes(uint8_t family)
{
	return family == 4 ? 20 : 40;
}

static size_t address_bytes(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

/* The header as it was received, but for length, checksum and the last next header. */
static void check_header(const struct esp_packet *packet, const uint8_t *received, size_t header,
			 uint8_t protocol, size_t payload_len)
{
	const uint8_t *ip = packet->packet;
	uint8_t expected[40 + 64];
	size_t field = 6;

	memcpy(expected, received, header);
	if (packet->meta.family == 4) {
		packet_put16(expected + 2, (uint16_t)(header + payload_len));
		expected[9] = protocol;
		packet_put16(expected + 10, 0);
		packet_put16(expected + 10, packet_checksum(0, expected, header));
	} else {
		packet_put16(expected + 4, (uint16_t)(header - 40 + payload_len));
		for (size_t at = 40; at < header; at += (expected[at + 1] + 1u) * 8)
			field = at;
		expected[field] = protocol;
	}
	assert_int_equal(packet->packet_len, header + payload_len);
	assert_memory_equal(ip, expected, header);
}

/* ---- what fits ---------------------------------------------------------------------------------------- */

#define ESP_BYTES 40

/* A native packet of `ip_bytes` of header, zeros so far, and as much ESP, at the end of readable memory. */
static struct esp_packet blank(const struct guard *memory, uint8_t family, size_t ip_bytes)
{
	struct esp_packet packet = {
		.frame = memory->end - ETHERNET_BYTES - ip_bytes - ESP_BYTES,
		.frame_len = (uint32_t)(ETHERNET_BYTES + ip_bytes + ESP_BYTES),
		.meta = {.magic = XESP_META_MAGIC,
			 .l3_offset = ETHERNET_BYTES,
			 .esp_offset = (uint16_t)(ETHERNET_BYTES + ip_bytes),
			 .esp_length = ESP_BYTES,
			 .family = family},
	};

	memset(packet.frame, 0, packet.frame_len);
	packet.frame[ETHERNET_BYTES] = family == 4 ? 0x45 : 0x60;
	packet.frame[ETHERNET_BYTES + (family == 4 ? 9 : 6)] = IPPROTO_ESP;
	return packet;
}

/* Every first byte with every length: only that of the right version that says this length. */
static void test_ipv4_header_fits(void **state)
{
	struct guard memory = guard_new(4096);

	(void)state;
	for (size_t ip_bytes = 10; ip_bytes <= 80; ip_bytes++) {
		struct esp_packet packet = blank(&memory, 4, ip_bytes);

		for (unsigned int first = 0; first < 256; first++) {
			packet.frame[ETHERNET_BYTES] = (uint8_t)first;
			assert_int_equal(esp_meta_fits(&packet), first >> 4 == 4 && (first & 15) >= 5 &&
									 (first & 15) * 4 == ip_bytes);
		}
	}
	guard_free(&memory);
}

static struct esp_packet chain(const struct guard *memory, const struct longer *how)
{
	struct esp_packet packet = blank(memory, 6, 40);

	make_longer(&packet, how);
	return packet;
}

static void test_ipv6_headers_fit(void **state)
{
	static const struct longer too_long[] = {
		{6, 72, {{IPPROTO_DSTOPTS, 9}}},
		{6, 72, {{IPPROTO_HOPOPTS, 3}, {IPPROTO_DSTOPTS, 3}, {IPPROTO_DSTOPTS, 3}}},
		{6, 2048, {{IPPROTO_DSTOPTS, 255}, {IPPROTO_DSTOPTS, 1}}},
	};
	struct guard memory = guard_new(4096);
	struct esp_packet packet;

	(void)state;
	for (size_t i = 0; i < LONGER; i++) {
		if (longer[i].family == 4)
			continue;
		packet = chain(&memory, &longer[i]);
		assert_true(esp_meta_fits(&packet));
		/* Any other end of the chain, and any other length of a header in it. */
		for (int off = -64; off <= 64; off++) {
			packet.meta.esp_offset += (uint16_t)off;
			packet.meta.esp_length -= (uint16_t)off;
			assert_int_equal(esp_meta_fits(&packet), !off);
			packet.meta.esp_offset -= (uint16_t)off;
			packet.meta.esp_length += (uint16_t)off;
		}
		for (unsigned int eights = 0; eights < 256; eights++) {
			bool right = eights == longer[i].headers[0].eights - 1u;

			packet.frame[ETHERNET_BYTES + 41] = (uint8_t)eights;
			/* Or one that leads, by way of the filling, to the same end. */
			if (!right && eights < longer[i].bytes / 8)
				continue;
			assert_int_equal(esp_meta_fits(&packet), right);
		}
	}
	for (size_t i = 0; i < sizeof(too_long) / sizeof(too_long[0]); i++) {
		packet = chain(&memory, &too_long[i]);
		assert_false(esp_meta_fits(&packet));
	}
	guard_free(&memory);
}

/* Of all types only the two with options; a routing header would say another destination than the SA's. */
static void test_ipv6_types(void **state)
{
	const struct longer one = {6, 16, {{IPPROTO_DSTOPTS, 2}}};
	struct guard memory = guard_new(4096);
	struct esp_packet packet = chain(&memory, &one);

	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		packet.frame[ETHERNET_BYTES + 6] = (uint8_t)type;
		assert_int_equal(esp_meta_fits(&packet), type == IPPROTO_HOPOPTS || type == IPPROTO_DSTOPTS);
	}
	guard_free(&memory);
}

/* Cut anywhere, the headers are not looked for behind the end of the frame. */
static void test_cut_frame(void **state)
{
	struct guard memory = guard_new(4096);

	(void)state;
	for (size_t i = 0; i < LONGER; i++) {
		struct esp_packet whole = blank(&memory, longer[i].family, fixed_bytes(longer[i].family));
		size_t len;

		make_longer(&whole, &longer[i]);
		assert_true(esp_meta_fits(&whole));
		len = whole.frame_len;
		for (size_t cut = 1; cut <= len; cut++) {
			struct esp_packet packet = whole;

			packet.frame += cut;
			packet.frame_len -= (uint32_t)cut;
			memmove(packet.frame, whole.frame, packet.frame_len);
			assert_false(esp_meta_fits(&packet));
			memmove(whole.frame, packet.frame, packet.frame_len);
		}
	}
	guard_free(&memory);
}

/* ---- what becomes of them ------------------------------------------------------------------------------ */

static void open_transport(struct esp_rig *rig, const struct longer *how, uint8_t form, size_t len)
{
	const struct esp_rig_outer outer = {how->family, form, 3};
	size_t header = fixed_bytes(how->family) + how->bytes;
	uint8_t payload[100], received[40 + 64];
	struct esp_packet packet;

	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(3 * i);
	packet = esp_rig_seal_payload(rig, 0, &outer, payload, len, 253);
	make_longer(&packet, how);
	assert_int_equal(packet.meta.esp_offset, ETHERNET_BYTES + header + (form == 2 ? 16 : form * 8u));
	memcpy(received, packet.frame + ETHERNET_BYTES, header);
	assert_int_equal(esp_rig_open(rig, &packet), XESP_REASON_DELIVERED);
	check_header(&packet, received, header, 253, len);
	assert_memory_equal(packet.packet + header, payload, len);
}

static void test_transport(void **state)
{
	struct esp_rig rig;

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TRANSPORT);
	for (size_t i = 0; i < LONGER; i++)
		for (unsigned int form = 0; form <= XESP_FORM_UDP_IKE; form++)
			for (size_t len = 0; len <= 100; len += 20)
				open_transport(&rig, &longer[i], (uint8_t)form, len);
	esp_rig_teardown(&rig);
}

/* The checksum behind a NAT is repaired with the addresses of the longer header. */
static void test_repair(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	struct esp_rig rig;

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TRANSPORT);
	for (size_t i = 0; i < 2 * LONGER; i++) {
		const struct longer *how = &longer[i / 2];
		const struct esp_rig_outer outer = {how->family, XESP_FORM_UDP, 0};
		const struct packet_spec spec = {.family = how->family,
						 .protocol = protocols[i % 2],
						 .src = packet_addr(how->family, 1),
						 .dst = packet_addr(how->family, 3),
						 .data_len = 33};
		/* What the NAT made of it, which knows no other way to be right. */
		struct packet_spec as_received = spec;
		uint8_t payload[100], expected[100];
		size_t len = packet_upper(&spec, payload);
		struct esp_packet packet =
			esp_rig_seal_payload(&rig, 0, &outer, payload, len, protocols[i % 2]);

		as_received.src = packet_addr(how->family, 2);
		as_received.dst = packet_addr(how->family, 0);
		packet_upper(&as_received, expected);
		make_longer(&packet, how);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		assert_int_equal(packet.packet_len, fixed_bytes(how->family) + how->bytes + len);
		assert_memory_equal(packet.packet + packet.packet_len - len, expected, len);
	}
	esp_rig_teardown(&rig);
}

/* In tunnel mode the outer header goes, but its congestion mark. */
static void test_tunnel(void **state)
{
	const struct packet_spec spec = {.family = 4,
					 .ds = 2,
					 .protocol = IPPROTO_TCP,
					 .src = packet_addr4[1],
					 .dst = packet_addr4[3],
					 .data_len = 40};
	struct packet_spec marked = spec;
	uint8_t inner[100], expected[100];
	size_t len = packet_build(&spec, inner);
	struct esp_rig rig;

	(void)state;
	marked.ds = 3;
	packet_build(&marked, expected);
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	for (size_t i = 0; i < LONGER; i++) {
		for (unsigned int form = 0; form <= XESP_FORM_UDP_IKE; form++) {
			const struct esp_rig_outer outer = {longer[i].family, (uint8_t)form, 3};
			struct esp_packet packet =
				esp_rig_seal_payload(&rig, 0, &outer, inner, len, IPPROTO_IPIP);

			make_longer(&packet, &longer[i]);
			assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
			assert_int_equal(packet.packet_len, len);
			assert_memory_equal(packet.packet, expected, len);
		}
	}
	esp_rig_teardown(&rig);
}

/* The peer's port is learned, and told, from behind the longer header. */
static void test_ports(void **state)
{
	(void)state;
	for (size_t i = 0; i < LONGER; i++) {
		const struct esp_rig_outer outer = {longer[i].family, XESP_FORM_UDP, 0};
		struct sa_params params = esp_rig_params(SA_MODE_TRANSPORT);
		struct event_ring *ring = aligned_alloc(64, sizeof(*ring));
		struct esp_packet packet;
		struct sa_peer peer;
		struct event event;
		struct esp_rig rig;

		assert_non_null(ring);
		memset(ring, 0, sizeof(*ring));
		params.dst.family = longer[i].family == 4 ? AF_INET : AF_INET6;
		memcpy(params.dst.bytes, packet_addr(longer[i].family, 0), address_bytes(longer[i].family));
		esp_rig_setup(&rig, &params, NULL);
		packet = esp_rig_seal_payload(&rig, 0, &outer, (const uint8_t *)"abcd", 4, 253);
		packet.events = ring;
		make_longer(&packet, &longer[i]);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		esp_watch_read_peer(rig.sa, &peer);
		assert_int_equal(ntohs(peer.port), SPORT);
		assert_memory_equal(peer.addr, packet_addr(longer[i].family, 2),
				    address_bytes(longer[i].family));
		assert_true(event_pop(ring, &event));
		assert_int_equal(event.type, EVENT_FIRST_USE);
		assert_int_equal(event.sport, SPORT);
		assert_int_equal(event.dport, 4500);
		assert_memory_equal(event.src, packet_addr(longer[i].family, 2),
				    address_bytes(longer[i].family));
		esp_rig_teardown(&rig);
		free(ring);
	}
}

/* ---- the inner layer ----------------------------------------------------------------------------------- */

/* Options that can be ignored, and a hop-by-hop header that can be skipped. */
static size_t insert_good(uint8_t *ip, size_t len)
{
	static const uint8_t options[2][8] = {{0x94, 4, 0, 0, 1, 1, 1, 0}, {0, 0, 5, 2, 0, 0, 1, 0}};
	bool v4 = ip[0] >> 4 == 4;

	return packet_insert(ip, len, IPPROTO_HOPOPTS, options[v4 ? 0 : 1], 8);
}

/* ESP inside of a tunnel is found and opened behind options as it is without them. */
static void test_nested(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < NEST_KINDS; kind++) {
		uint8_t bytes[NEST_PACKET_MAX], payload[60];
		struct esp_packet outer, inner = {0};
		struct nest nest;
		size_t len, header;

		memset(payload, 0x5c, sizeof(payload));
		nest_setup_kind(&nest, &nest_kinds[kind]);
		len = nest_inner(&nest, payload, sizeof(payload), 253, bytes);
		len = insert_good(bytes, len);
		outer = nest_wrap(&nest, 0, bytes, len);
		esp_open_burst(nest.tunnel.crypto, &outer, 1, ESP_RIG_NOW);
		assert_int_equal(outer.reason, XESP_REASON_DELIVERED);
		assert_int_equal(esp_nested_find(nest.db, &outer, &inner), XESP_REASON_TO_ENGINE);
		esp_open_burst(nest.tunnel.crypto, &inner, 1, ESP_RIG_NOW);
		assert_int_equal(inner.reason, XESP_REASON_DELIVERED);
		header = fixed_bytes(nest.kind.transport.family) + 8;
		assert_int_equal(inner.packet_len, header + sizeof(payload));
		assert_memory_equal(inner.packet + header, payload, sizeof(payload));
		assert_memory_equal(inner.packet + header - 6, bytes + header - 6, 6);
		nest_teardown(&nest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4_header_fits), cmocka_unit_test(test_ipv6_headers_fit),
		cmocka_unit_test(test_ipv6_types),	 cmocka_unit_test(test_cut_frame),
		cmocka_unit_test(test_transport),	 cmocka_unit_test(test_repair),
		cmocka_unit_test(test_tunnel),		 cmocka_unit_test(test_ports),
		cmocka_unit_test(test_nested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
