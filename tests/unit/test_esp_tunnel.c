/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tunnel mode: next header, inner header, traffic flow confidentiality padding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

#define UDP4_BYTES 28

static size_t inner_build(uint8_t family, uint8_t *out)
{
	const struct packet_spec spec = {
		.family = family,
		.protocol = IPPROTO_TCP,
		.src = packet_addr(family, 1),
		.dst = packet_addr(family, 3),
		.data_len = 40,
	};

	return packet_build(&spec, out);
}

static enum xesp_reason send_inner(struct esp_rig *rig, const uint8_t *inner, size_t len, uint8_t next_header,
				   struct esp_packet *ret_packet)
{
	*ret_packet = esp_rig_seal_payload(rig, 0, &esp_rig_udp4, inner, len, next_header);
	return esp_rig_open(rig, ret_packet);
}

/* M20 */
static void test_every_next_header(void **state)
{
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t inner4[200], inner6[200];
	size_t len4 = inner_build(4, inner4);
	size_t len6 = inner_build(6, inner6);

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	for (unsigned int next = 0; next < 256; next++) {
		enum xesp_reason expected4 = XESP_REASON_NEXT_HEADER;
		enum xesp_reason expected6 = XESP_REASON_NEXT_HEADER;

		/* The version must agree with the next header. */
		if (next == 4)
			expected4 = XESP_REASON_DELIVERED, expected6 = XESP_REASON_INNER_HEADER;
		if (next == 41)
			expected4 = XESP_REASON_INNER_HEADER, expected6 = XESP_REASON_DELIVERED;
		if (next == 59)
			expected4 = expected6 = XESP_REASON_DUMMY;
		assert_int_equal(send_inner(&rig, inner4, len4, (uint8_t)next, &packet), expected4);
		if (expected4 == XESP_REASON_NEXT_HEADER)
			assert_int_equal(packet.result.crypto_status, CRYPTO_INVALID_PROTOCOL);
		assert_int_equal(send_inner(&rig, inner6, len6, (uint8_t)next, &packet), expected6);
	}
	esp_rig_teardown(&rig);
}

/* M19: the inner packet cut at every length: whole or nothing. */
static void test_inner_cut(void **state)
{
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t inner[200];

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	for (unsigned int family = 4; family <= 6; family += 2) {
		size_t len = inner_build((uint8_t)family, inner);

		for (size_t cut = 0; cut <= len; cut++)
			assert_int_equal(send_inner(&rig, inner, cut, family == 4 ? 4 : 41, &packet),
					 cut < len ? XESP_REASON_INNER_HEADER : XESP_REASON_DELIVERED);
	}
	esp_rig_teardown(&rig);
}

/* Every first byte (version, header length) and every small length that the header may say. */
static void test_inner_header_fields(void **state)
{
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t inner[200];
	size_t len = inner_build(4, inner);

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	for (unsigned int first = 0; first < 256; first++) {
		bool good = first >> 4 == 4 && (first & 15) >= 5 && (first & 15) * 4 <= len;

		inner[0] = (uint8_t)first;
		assert_int_equal(send_inner(&rig, inner, len, IPPROTO_IPIP, &packet),
				 good ? XESP_REASON_DELIVERED : XESP_REASON_INNER_HEADER);
	}
	inner[0] = 0x46;
	for (unsigned int total = 0; total < 300; total++) {
		packet_put16(inner + 2, (uint16_t)total);
		assert_int_equal(send_inner(&rig, inner, len, IPPROTO_IPIP, &packet),
				 total >= 24 && total <= len ? XESP_REASON_DELIVERED
							     : XESP_REASON_INNER_HEADER);
	}
	packet_put16(inner + 2, 0xffff);
	assert_int_equal(send_inner(&rig, inner, len, IPPROTO_IPIP, &packet), XESP_REASON_INNER_HEADER);
	len = inner_build(6, inner);
	for (unsigned int first = 0; first < 256; first++) {
		inner[0] = (uint8_t)first;
		assert_int_equal(send_inner(&rig, inner, len, IPPROTO_IPV6, &packet),
				 first >> 4 == 6 ? XESP_REASON_DELIVERED : XESP_REASON_INNER_HEADER);
	}
	inner[0] = 0x60;
	for (unsigned int payload = 0; payload < 300; payload++) {
		packet_put16(inner + 4, (uint16_t)payload);
		assert_int_equal(send_inner(&rig, inner, len, IPPROTO_IPV6, &packet),
				 payload + 40 <= len ? XESP_REASON_DELIVERED : XESP_REASON_INNER_HEADER);
	}
	packet_put16(inner + 4, 0xffff);
	assert_int_equal(send_inner(&rig, inner, len, IPPROTO_IPV6, &packet), XESP_REASON_INNER_HEADER);
	esp_rig_teardown(&rig);
}

/* RFC 4303 section 2.7: what lies behind the inner packet is cut off. */
static void test_tfc_padding(void **state)
{
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t inner[2000];

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	memset(inner, 0x99, sizeof(inner));
	for (unsigned int family = 4; family <= 6; family += 2) {
		size_t len = inner_build((uint8_t)family, inner);

		for (size_t tfc = 0; tfc < 1400; tfc += tfc < 20 ? 1 : 111) {
			assert_int_equal(send_inner(&rig, inner, len + tfc, family == 4 ? 4 : 41, &packet),
					 XESP_REASON_DELIVERED);
			assert_int_equal(packet.packet_len, len);
			assert_memory_equal(packet.packet, inner, len);
		}
	}
	esp_rig_teardown(&rig);
}

/* RFC 3948 section 3.1.2: the inner checksum of a tunnel is the stack's to verify, also behind a NAT. */
static void test_inner_checksum_is_not_touched(void **state)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t inner[200];
	size_t len = inner_build(4, inner);

	(void)state;
	params.encap = (struct sa_encap){.present = true, .type = XESP_ENCAP_RFC3948, .dport = 4500};
	params.encap.original_src = (struct ip_addr){AF_INET, {10, 9, 8, 7}};
	esp_rig_setup(&rig, &params, NULL);
	inner[20 + 16] ^= 0x5a;
	assert_int_equal(send_inner(&rig, inner, len, IPPROTO_IPIP, &packet), XESP_REASON_DELIVERED);
	assert_memory_equal(packet.packet, inner, len);
	assert_false(packet_upper_checksum_good(packet.packet, packet.packet_len));
	esp_rig_teardown(&rig);
}

static void test_counters(void **state)
{
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t inner[100];
	size_t len = packet_udp4(inner, 12);

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	send_inner(&rig, inner, len, IPPROTO_IPIP, &packet);
	send_inner(&rig, inner, len - 1, IPPROTO_IPIP, &packet);
	send_inner(&rig, inner, len, IPPROTO_ICMP, &packet);
	/* All three were opened: the ICV was good and the number new. */
	assert_int_equal(ESP_RIG_COUNTER(&rig, packets), 3);
	assert_int_equal(ESP_RIG_COUNTER(&rig, bytes), 3 * (UDP4_BYTES + 12) - 1);
	assert_int_equal(ESP_RIG_COUNTER(&rig, malformed), 2);
	assert_int_equal(rig.sa->replay.top, 3);
	esp_rig_teardown(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_next_header),
		cmocka_unit_test(test_inner_cut),
		cmocka_unit_test(test_inner_header_fields),
		cmocka_unit_test(test_tfc_padding),
		cmocka_unit_test(test_inner_checksum_is_not_touched),
		cmocka_unit_test(test_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
