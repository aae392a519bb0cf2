/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BEET mode: what a peer puts into a packet and can get wrong: IPv4 options in their pseudo-header, next
 * headers, what selectors ask for, checksums, traffic flow confidentiality padding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/esp_nested.h"
#include "tests/unit/beet_rig.h"

/* ---- IPv4 options ------------------------------------------------------------------------------------ */

static size_t pseudo_header(uint8_t *out, uint8_t protocol, const uint8_t *options, size_t len,
			    size_t padding)
{
	out[0] = protocol;
	out[1] = (uint8_t)((4 + padding + len) / 8 - 1);
	out[2] = (uint8_t)padding;
	out[3] = 0;
	memset(out + 4, 1, padding); /* no operation */
	memcpy(out + 4 + padding, options, len);
	return 4 + padding + len;
}

/* All lengths that an IPv4 header has room for, padded as Linux pads them, with more, and with a reserved
 * byte and padding that say something. */
static void test_options_of_each_length(void **state)
{
	uint8_t options[40], text[200];
	struct esp_rig rig;

	(void)state;
	for (size_t i = 0; i < sizeof(options); i++)
		options[i] = (uint8_t)(0x80 + i);
	beet_setup(&rig, 4);
	for (unsigned int i = 0; i < 6; i++)
		for (size_t len = 0; len <= 40; len += 4)
			for (size_t padding = len % 8 ? 0 : 4; padding < 40; padding += 8) {
				const struct esp_rig_outer outer = beet_outer(i);
				size_t bytes = pseudo_header(text, ANY, options, len, padding);
				struct beet_expected expected =
					beet_expected_of(4, outer.family, ANY, text + bytes, 30);
				struct esp_packet packet;

				memset(text + bytes, 0x77, 30);
				if (padding > 4) {
					text[3] = 0xff;
					memset(text + 4, 0, padding);
				}
				packet = esp_rig_seal_payload(&rig, 0, &outer, text, bytes + 30, BEETPH);
				expected.options = options;
				expected.options_len = len;
				esp_rig_open(&rig, &packet);
				beet_check(&packet, &expected);
			}
	esp_rig_teardown(&rig);
}

struct bad_pseudo_header {
	const char *what;
	size_t len; /* of the plaintext */
	uint8_t length;
	uint8_t padding;
};

/* The outer headers are whole, for the audit record. */
static void expect_bad(struct esp_rig *rig, const struct bad_pseudo_header *bad)
{
	static const struct esp_rig_outer native = {4, XESP_FORM_NATIVE, 0};
	uint8_t text[2100] = {ANY, bad->length, bad->padding, 0};
	uint8_t headers[42];
	struct esp_packet packet;

	packet = esp_rig_seal_payload(rig, 0, &native, text, bad->len, BEETPH);
	memcpy(headers, packet.frame, sizeof(headers));
	if (esp_rig_open(rig, &packet) != XESP_REASON_INNER_HEADER)
		fail_msg("%s: reason %d", bad->what, packet.reason);
	assert_int_equal(packet.result.crypto_status, CRYPTO_INVALID_PACKET_SYNTAX);
	assert_memory_equal(packet.frame, headers, sizeof(headers));
}

static void test_malformed_pseudo_headers(void **state)
{
	static const struct bad_pseudo_header bad[] = {
		{"longer than the packet", 15, 1, 0},	      {"much longer", 64, 255, 0},
		{"padding longer than the header", 64, 0, 5}, {"padding far longer", 64, 1, 255},
		{"options not of whole words", 64, 1, 1},     {"options not of whole words", 64, 1, 2},
		{"options not of whole words", 64, 1, 3},     {"options not of whole words", 64, 1, 11},
		{"options of 44 bytes", 128, 5, 0},	      {"options of 48 bytes", 128, 6, 4},
		{"options of 2044 bytes", 2080, 255, 0},
	};
	struct esp_rig rig;

	(void)state;
	beet_setup(&rig, 4);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_bad(&rig, &bad[i]);
	for (size_t len = 0; len < 8; len++) {
		const struct bad_pseudo_header cut = {"cut short", len, 0, 0};

		expect_bad(&rig, &cut);
	}
	assert_int_equal(ESP_RIG_COUNTER(&rig, malformed), 8 + sizeof(bad) / sizeof(bad[0]));
	esp_rig_teardown(&rig);
}

/* Nothing but the pseudo-header: a packet of an IP header with options. */
static void test_pseudo_header_alone(void **state)
{
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t text[8] = {ANY, 0, 0, 0, 1, 1, 1, 0};

	(void)state;
	beet_setup(&rig, 4);
	packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, text, sizeof(text), BEETPH);
	assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
	assert_int_equal(packet.packet_len, 24);
	esp_rig_teardown(&rig);
}

/* ---- next header ------------------------------------------------------------------------------------- */

static void test_every_next_header(void **state)
{
	static const uint8_t payload[40];
	struct esp_rig rig;

	(void)state;
	for (unsigned int i = 0; i < 512; i++) {
		uint8_t inner = i < 256 ? 4 : 6, next = (uint8_t)i;
		struct esp_packet packet;
		enum xesp_reason reason = XESP_REASON_DELIVERED;

		if (next == 59)
			reason = XESP_REASON_DUMMY;
		else if (next == BEETPH && inner == 6)
			reason = XESP_REASON_NEXT_HEADER; /* IPv6 has no options to carry */
		beet_setup(&rig, inner);
		packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, payload, sizeof(payload), next);
		assert_int_equal(esp_rig_open(&rig, &packet), reason);
		if (reason == XESP_REASON_DELIVERED && next != BEETPH)
			assert_int_equal(packet.packet[inner == 4 ? 9 : 6], next);
		/* Transport and BEET mode are one layer (esp_nested.h). */
		assert_false(esp_nested_possible(&packet));
		esp_rig_teardown(&rig);
	}
}

/* ---- selectors, checksums, padding ------------------------------------------------------------------- */

static size_t upper_build(uint8_t family, uint8_t protocol, size_t data_len, uint8_t *out)
{
	const struct packet_spec spec = {
		.family = family,
		.protocol = protocol,
		.src = packet_addr(family, INNER_SRC),
		.dst = packet_addr(family, INNER_DST),
		.sport = 1111,
		.dport = 2222,
		.data_len = data_len,
	};

	return packet_upper(&spec, out);
}

static enum xesp_reason with_selector(uint8_t inner, const struct sa_selector *upper, const uint8_t *text,
				      size_t len, uint8_t next_header)
{
	struct sa_params params = beet_params(inner);
	struct esp_rig rig;
	struct esp_packet packet;
	enum xesp_reason reason;

	params.selector.protocol = upper->protocol;
	params.selector.sport = upper->sport;
	params.selector.dport = upper->dport;
	esp_rig_setup(&rig, &params, NULL);
	packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, text, len, next_header);
	reason = esp_rig_open(&rig, &packet);
	assert_int_equal(rig.sa->replay.top, 1);
	esp_rig_teardown(&rig);
	return reason;
}

static void test_selectors(void **state)
{
	static const struct {
		struct sa_selector upper;
		enum xesp_reason reason;
	} cases[] = {
		{{.protocol = IPPROTO_UDP}, XESP_REASON_DELIVERED},
		{{.protocol = IPPROTO_TCP}, XESP_REASON_SELECTOR},
		{{.protocol = IPPROTO_UDP, .sport = 1111}, XESP_REASON_DELIVERED},
		{{.protocol = IPPROTO_UDP, .sport = 1112}, XESP_REASON_SELECTOR},
		{{.protocol = IPPROTO_UDP, .dport = 2222}, XESP_REASON_DELIVERED},
		{{.sport = 1111, .dport = 2222}, XESP_REASON_DELIVERED},
		{{.sport = 1111, .dport = 2223}, XESP_REASON_SELECTOR},
	};
	static const uint8_t options[4] = {1, 1, 1, 0};
	uint8_t text[100];
	size_t len, header;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (uint8_t inner = 4; inner <= 6; inner += 2) {
			len = upper_build(inner, IPPROTO_UDP, 24, text);
			assert_int_equal(with_selector(inner, &cases[i].upper, text, len, IPPROTO_UDP),
					 cases[i].reason);
		}
	/* Behind a pseudo-header, which is no protocol. */
	header = pseudo_header(text, IPPROTO_UDP, options, sizeof(options), 0);
	len = header + upper_build(4, IPPROTO_UDP, 24, text + header);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(with_selector(4, &cases[i].upper, text, len, BEETPH), cases[i].reason);
}

/* A later fragment shows no ports (RFC 4301 section 7). */
static void test_inner_fragment(void **state)
{
	static const struct sa_selector no_ports = {.protocol = IPPROTO_UDP};
	static const struct sa_selector ports = {.protocol = IPPROTO_UDP, .dport = 2222};
	uint8_t text[40] = {IPPROTO_UDP, 0, 0x01, 0x00, 1, 2, 3, 4, 0x04, 0x57, 0x08, 0xae};

	(void)state;
	assert_int_equal(with_selector(6, &no_ports, text, sizeof(text), IPPROTO_FRAGMENT),
			 XESP_REASON_DELIVERED);
	assert_int_equal(with_selector(6, &ports, text, sizeof(text), IPPROTO_FRAGMENT),
			 XESP_REASON_SELECTOR);
	/* The first one does. */
	text[2] = 0;
	text[3] = 1;
	assert_int_equal(with_selector(6, &ports, text, sizeof(text), IPPROTO_FRAGMENT),
			 XESP_REASON_DELIVERED);
}

/* The inner checksum is right for the inner addresses, whatever NATs did, and stays as it came, also when
 * wrong. */
static void test_checksum_is_the_peers(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6};
	uint8_t text[100];
	struct esp_rig rig;

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		uint8_t inner = i % 2 ? 6 : 4, protocol = protocols[i / 2 % 3];
		struct sa_params params = beet_params(inner);
		size_t len = upper_build(inner, protocol, 20, text);
		struct esp_packet packet;

		params.encap = (struct sa_encap){.present = true, .original_src = beet_host(4, 3).addr};
		esp_rig_setup(&rig, &params, NULL);
		text[12] ^= i < 6 ? 0 : 0x40;
		packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, text, len, protocol);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		assert_memory_equal(packet.packet + packet.packet_len - len, text, len);
		if (protocol != IPPROTO_ICMPV6 || inner == 6)
			assert_int_equal(packet_upper_checksum_good(packet.packet, packet.packet_len), i < 6);
		esp_rig_teardown(&rig);
	}
}

/* RFC 4303 section 2.7: only a length in the upper header tells what is padding; of ours UDP has one. */
static void test_tfc_padding(void **state)
{
	static const uint8_t options[4] = {1, 1, 1, 0};
	uint8_t text[300] = {0};
	struct esp_rig rig;

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		uint8_t inner = i % 2 ? 6 : 4, protocol = i & 2 ? IPPROTO_UDP : IPPROTO_TCP;
		size_t header = i == 6 ? pseudo_header(text, protocol, options, 4, 0) : 0;
		size_t len = upper_build(inner, protocol, 33, text + header);
		size_t kept = protocol == IPPROTO_UDP && i != 7 ? len : len + 100;
		struct esp_packet packet;

		memset(text + header + len, 0xfc, 100);
		/* A length that lies is left for the stack to see. */
		if (i == 7)
			packet_put16(text + 4, 500);
		beet_setup(&rig, inner);
		packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, text, header + len + 100,
					      header ? BEETPH : protocol);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		assert_int_equal(packet.packet_len, (inner == 4 ? 20 : 40) + (header ? 4 : 0) + kept);
		assert_memory_equal(packet.packet + packet.packet_len - kept, text + header, kept);
		esp_rig_teardown(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_of_each_length),
		cmocka_unit_test(test_malformed_pseudo_headers),
		cmocka_unit_test(test_pseudo_header_alone),
		cmocka_unit_test(test_every_next_header),
		cmocka_unit_test(test_selectors),
		cmocka_unit_test(test_inner_fragment),
		cmocka_unit_test(test_checksum_is_the_peers),
		cmocka_unit_test(test_tfc_padding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
