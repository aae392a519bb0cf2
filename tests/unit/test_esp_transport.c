/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transport mode: the outer header in front of the payload, and the checksum repair behind a NAT.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

/* packet_addr numbers: outer headers go from 2 to 0; the original addresses are 1 and 3. */
enum { RECEIVED_DST = 0, ORIGINAL_SRC = 1, RECEIVED_SRC = 2, ORIGINAL_DST = 3 };

static struct ip_addr addr(uint8_t family, unsigned int i)
{
	struct ip_addr result = {.family = family == 4 ? AF_INET : AF_INET6};

	memcpy(result.bytes, packet_addr(family, i), family == 4 ? 4 : 16);
	return result;
}

/* Everything of the outer header but lengths, protocol and checksum is as it was received. */
static void check_header(const struct esp_packet *packet, const struct esp_rig_outer *outer, uint8_t protocol,
			 size_t payload_len)
{
	const uint8_t *ip = packet->packet;

	assert_int_equal(packet->packet_len, payload_len + (outer->family == 4 ? 20 : 40));
	assert_int_equal(ip[outer->family == 4 ? 9 : 6], protocol);
	assert_int_equal(ip[outer->family == 4 ? 8 : 7], 64);
	if (outer->family == 4) {
		assert_int_equal(ip[0], 0x45);
		assert_int_equal(ip[1], outer->ds);
		assert_int_equal(packet_get16(ip + 4), 0x1234);
		assert_true(packet_ipv4_checksum_good(ip));
		assert_memory_equal(ip + 12, packet_addr4[RECEIVED_SRC], 4);
		assert_memory_equal(ip + 16, packet_addr4[RECEIVED_DST], 4);
	} else {
		assert_int_equal(packet_get16(ip), 0x6000 | outer->ds << 4);
		assert_memory_equal(ip + 8, packet_addr6[RECEIVED_SRC], 16);
		assert_memory_equal(ip + 24, packet_addr6[RECEIVED_DST], 16);
	}
}

static void test_header_in_each_form(void **state)
{
	struct esp_rig rig;
	uint8_t payload[200];

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TRANSPORT);
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(3 * i);
	for (unsigned int i = 0; i < 6; i++) {
		const struct esp_rig_outer outer = {i % 2 ? 6 : 4, (uint8_t)(i / 2), 0xb8 | 3};

		for (size_t len = 0; len < sizeof(payload); len++) {
			/* Protocol 253 is nobody's (RFC 3692), so nothing is repaired or trimmed. */
			struct esp_packet packet = esp_rig_seal_payload(&rig, 0, &outer, payload, len, 253);

			assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
			check_header(&packet, &outer, 253, len);
			assert_memory_equal(packet.packet + packet.packet_len - len, payload, len);
		}
	}
	esp_rig_teardown(&rig);
}

static void test_every_next_header(void **state)
{
	struct esp_rig rig;
	uint8_t payload[40] = {0};

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TRANSPORT);
	for (unsigned int next = 0; next < 256; next++) {
		for (unsigned int family = 4; family <= 6; family += 2) {
			const struct esp_rig_outer outer = {(uint8_t)family, XESP_FORM_UDP, 0};
			struct esp_packet packet =
				esp_rig_seal_payload(&rig, 0, &outer, payload, 40, (uint8_t)next);

			assert_int_equal(esp_rig_open(&rig, &packet),
					 next == 59 ? XESP_REASON_DUMMY : XESP_REASON_DELIVERED);
			if (next != 59)
				check_header(&packet, &outer, (uint8_t)next, 40);
		}
	}
	esp_rig_teardown(&rig);
}

/* One row of the repair matrix. */
struct repair {
	uint8_t family;
	uint8_t form;
	uint8_t protocol;
	bool src_changed;
	bool dst_changed;
	bool told; /* the SA has the original of each changed address */
};

static void repair_one(const struct repair *row, size_t data_len)
{
	const struct esp_rig_outer outer = {row->family, row->form, 0};
	const struct packet_spec spec = {
		.family = row->family,
		.protocol = row->protocol,
		.src = packet_addr(row->family, row->src_changed ? ORIGINAL_SRC : RECEIVED_SRC),
		.dst = packet_addr(row->family, row->dst_changed ? ORIGINAL_DST : RECEIVED_DST),
		.data_len = data_len,
	};
	struct sa_params params = esp_rig_params(SA_MODE_TRANSPORT);
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t payload[300];
	size_t len = packet_upper(&spec, payload);
	bool icmp4 = row->family == 4 && row->protocol == IPPROTO_ICMPV6;

	params.encap.present = row->form != XESP_FORM_NATIVE;
	if (row->told && row->src_changed)
		params.encap.original_src = addr(row->family, ORIGINAL_SRC);
	if (row->told && row->dst_changed)
		params.encap.original_dst = addr(row->family, ORIGINAL_DST);
	esp_rig_setup(&rig, &params, NULL);
	packet = esp_rig_seal_payload(&rig, 0, &outer, payload, len, row->protocol);
	assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
	check_header(&packet, &outer, row->protocol, len);
	if (row->form == XESP_FORM_NATIVE || icmp4)
		/* Not our business: byte for byte. */
		assert_memory_equal(packet.packet + packet.packet_len - len, payload, len);
	else
		assert_true(packet_upper_checksum_good(packet.packet, packet.packet_len));
	esp_rig_teardown(&rig);
}

static void test_repair_matrix(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6};

	(void)state;
	for (unsigned int i = 0; i < 2 * 3 * 3 * 8; i++) {
		const struct repair row = {
			.family = i % 2 ? 6 : 4,
			.form = (uint8_t)(i / 2 % 3),
			.protocol = protocols[i / 6 % 3],
			.src_changed = i / 18 & 1,
			.dst_changed = i / 36 & 1,
			.told = i / 72 & 1,
		};

		repair_one(&row, 0);
		repair_one(&row, 21);
	}
}

/* With original addresses the update is incremental: a checksum that was wrong when sealed stays wrong. */
static void test_repair_shows_damage(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct esp_rig_outer outer = {6, XESP_FORM_UDP, 0};
		const struct packet_spec spec = {.family = 6,
						 .protocol = protocols[i],
						 .src = packet_addr6[ORIGINAL_SRC],
						 .dst = packet_addr6[RECEIVED_DST],
						 .data_len = 50};
		struct sa_params params = esp_rig_params(SA_MODE_TRANSPORT);
		struct esp_rig rig;
		struct esp_packet packet;
		uint8_t payload[200];
		size_t len = packet_upper(&spec, payload);

		params.encap.original_src = addr(6, ORIGINAL_SRC);
		esp_rig_setup(&rig, &params, NULL);
		payload[len - 1] ^= 1;
		packet = esp_rig_seal_payload(&rig, 0, &outer, payload, len, protocols[i]);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		assert_false(packet_upper_checksum_good(packet.packet, packet.packet_len));
		esp_rig_teardown(&rig);
	}
}

/* 0.0.0.0, which `ip xfrm` prints for no address, is none. */
static void test_repair_any_address_is_none(void **state)
{
	const struct packet_spec spec = {.family = 4,
					 .protocol = IPPROTO_TCP,
					 .src = packet_addr4[ORIGINAL_SRC],
					 .dst = packet_addr4[RECEIVED_DST],
					 .data_len = 7};
	struct sa_params params = esp_rig_params(SA_MODE_TRANSPORT);
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t payload[100];
	size_t len = packet_upper(&spec, payload);

	(void)state;
	params.encap.original_src.family = AF_INET;
	params.encap.original_dst.family = AF_INET;
	esp_rig_setup(&rig, &params, NULL);
	packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, payload, len, IPPROTO_TCP);
	assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
	assert_true(packet_upper_checksum_good(packet.packet, packet.packet_len));
	esp_rig_teardown(&rig);
}

/* UDP: 0 stays 0; a checksum that comes out as 0 is sent as ffff (RFC 768). */
static void test_repair_udp_zero(void **state)
{
	(void)state;
	for (unsigned int told = 0; told < 2; told++) {
		struct packet_spec spec = {.family = 4,
					   .protocol = IPPROTO_UDP,
					   .src = packet_addr4[ORIGINAL_SRC],
					   .dst = packet_addr4[RECEIVED_DST],
					   .data_len = 2,
					   .no_checksum = true};
		struct packet_spec received = spec;
		struct sa_params params = esp_rig_params(SA_MODE_TRANSPORT);
		struct esp_rig rig;
		struct esp_packet packet;
		uint8_t payload[20];
		size_t len = packet_upper(&spec, payload);

		if (told)
			params.encap.original_src = addr(4, ORIGINAL_SRC);
		esp_rig_setup(&rig, &params, NULL);
		packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, payload, len, IPPROTO_UDP);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		assert_memory_equal(packet.packet + 20, payload, len);

		/* Choose the source port such that the words of the received packet sum to ffff. */
		received.no_checksum = spec.no_checksum = false;
		received.src = packet_addr4[RECEIVED_SRC];
		packet_upper(&received, payload);
		spec.sport = packet_get16(payload + 6);
		packet_upper(&spec, payload);
		assert_int_not_equal(packet_get16(payload + 6), 0xffff);
		packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, payload, len, IPPROTO_UDP);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		assert_int_equal(packet_get16(packet.packet + 26), 0xffff);
		esp_rig_teardown(&rig);
	}
}

/* Shorter than its own header, or a UDP length that lies: delivered as it is. */
static void test_short_payload_is_left_alone(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6};
	static const size_t headers[] = {20, 8, 4};
	struct esp_rig rig;
	uint8_t payload[64];

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TRANSPORT);
	memset(payload, 0x77, sizeof(payload));
	for (size_t i = 0; i < 3; i++) {
		for (size_t len = 0; len < headers[i]; len++) {
			const struct esp_rig_outer outer = {6, XESP_FORM_UDP, 0};
			struct esp_packet packet =
				esp_rig_seal_payload(&rig, 0, &outer, payload, len, protocols[i]);

			assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
			check_header(&packet, &outer, protocols[i], len);
			assert_memory_equal(packet.packet + 40, payload, len);
		}
	}
	esp_rig_teardown(&rig);
}

static void test_udp_length(void **state)
{
	struct esp_rig rig;
	const struct packet_spec spec = {.family = 4,
					 .protocol = IPPROTO_UDP,
					 .src = packet_addr4[RECEIVED_SRC],
					 .dst = packet_addr4[RECEIVED_DST],
					 .data_len = 30};
	uint8_t payload[600];
	size_t len = packet_upper(&spec, payload);

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TRANSPORT);
	memset(payload + len, 0xdd, sizeof(payload) - len);
	/* Traffic flow confidentiality padding goes, and the checksum is right without it. */
	for (size_t tfc = 0; tfc < 500; tfc += 17) {
		struct esp_packet packet =
			esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, payload, len + tfc, IPPROTO_UDP);

		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		check_header(&packet, &esp_rig_udp4, IPPROTO_UDP, len);
		assert_true(packet_upper_checksum_good(packet.packet, packet.packet_len));
		assert_memory_equal(packet.packet + 20, payload, len);
	}
	for (unsigned int claim = 0; claim < 100; claim++) {
		struct esp_packet packet;

		packet_put16(payload + 4, (uint16_t)claim);
		packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, payload, len, IPPROTO_UDP);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		check_header(&packet, &esp_rig_udp4, IPPROTO_UDP, claim >= 8 && claim <= len ? claim : len);
	}
	esp_rig_teardown(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_in_each_form),
		cmocka_unit_test(test_every_next_header),
		cmocka_unit_test(test_repair_matrix),
		cmocka_unit_test(test_repair_shows_damage),
		cmocka_unit_test(test_repair_any_address_is_none),
		cmocka_unit_test(test_repair_udp_zero),
		cmocka_unit_test(test_short_payload_is_left_alone),
		cmocka_unit_test(test_udp_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
