/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BEET mode: the inner header that is made, IPv4 options in their pseudo-header, room in the frame, and what
 * a peer can get wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/esp_beet.h"
#include "dataplane/esp_nested.h"
#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

#define BEETPH 94 /* IANA: ESP's next header of a pseudo-header */
#define ANY 253	  /* nobody's protocol (RFC 3692) */

/* packet_addr numbers; outer headers go from 2 to 0. */
enum { INNER_SRC = 1, INNER_DST = 3 };

static struct ip_prefix host(uint8_t family, unsigned int i)
{
	struct ip_prefix result = {.addr.family = family == 4 ? AF_INET : AF_INET6,
				   .length = family == 4 ? 32 : 128};

	memcpy(result.addr.bytes, packet_addr(family, i), family == 4 ? 4 : 16);
	return result;
}

static struct sa_params beet_params(uint8_t inner)
{
	struct sa_params params = esp_rig_params(SA_MODE_BEET);

	params.selector.src = host(inner, INNER_SRC);
	params.selector.dst = host(inner, INNER_DST);
	return params;
}

static void setup(struct esp_rig *rig, uint8_t inner)
{
	const struct sa_params params = beet_params(inner);

	esp_rig_setup(rig, &params, NULL);
}

static struct esp_rig_outer outer_of(unsigned int i)
{
	return (struct esp_rig_outer){i % 2 ? 6 : 4, (uint8_t)(i / 2 % 3), 0};
}

/* What the made header has to be, field by field; `ds` to `flow` are as the outer header has them. */
struct expected {
	uint8_t family;
	uint8_t protocol;
	uint8_t ds;
	uint8_t ttl;
	uint16_t id;
	uint16_t fragment;
	uint32_t flow;
	const uint8_t *options;
	size_t options_len;
	const uint8_t *payload;
	size_t payload_len;
};

static void check_ipv4(const struct esp_packet *packet, const struct expected *expected)
{
	const uint8_t *ip = packet->packet;
	size_t header = 20 + expected->options_len;

	assert_int_equal(packet->packet_len, header + expected->payload_len);
	assert_int_equal(ip[0], 0x40 | header / 4);
	assert_int_equal(ip[1], expected->ds);
	assert_int_equal(packet_get16(ip + 2), packet->packet_len);
	assert_int_equal(packet_get16(ip + 4), expected->id);
	assert_int_equal(packet_get16(ip + 6), expected->fragment);
	assert_int_equal(ip[8], expected->ttl);
	assert_int_equal(ip[9], expected->protocol);
	assert_int_equal(packet_checksum(0, ip, header), 0);
	assert_memory_equal(ip + 12, packet_addr4[INNER_SRC], 4);
	assert_memory_equal(ip + 16, packet_addr4[INNER_DST], 4);
	if (expected->options_len)
		assert_memory_equal(ip + 20, expected->options, expected->options_len);
	assert_memory_equal(ip + header, expected->payload, expected->payload_len);
}

static void check_ipv6(const struct esp_packet *packet, const struct expected *expected)
{
	const uint8_t *ip = packet->packet;

	assert_int_equal(packet->packet_len, 40 + expected->payload_len);
	assert_int_equal(packet_get16(ip), 0x6000 | expected->ds << 4 | expected->flow >> 16);
	assert_int_equal(packet_get16(ip + 2), expected->flow & 0xffff);
	assert_int_equal(packet_get16(ip + 4), expected->payload_len);
	assert_int_equal(ip[6], expected->protocol);
	assert_int_equal(ip[7], expected->ttl);
	assert_memory_equal(ip + 8, packet_addr6[INNER_SRC], 16);
	assert_memory_equal(ip + 24, packet_addr6[INNER_DST], 16);
	assert_memory_equal(ip + 40, expected->payload, expected->payload_len);
}

static void check(const struct esp_packet *packet, const struct expected *expected)
{
	assert_int_equal(packet->reason, XESP_REASON_DELIVERED);
	if (expected->family == 4)
		check_ipv4(packet, expected);
	else
		check_ipv6(packet, expected);
}

/* The fields that packet_build() gives the outer header. */
static struct expected expected_of(uint8_t inner, uint8_t outer, uint8_t protocol, const uint8_t *payload,
				   size_t len)
{
	return (struct expected){
		.family = inner,
		.protocol = protocol,
		.ttl = 64,
		.id = outer == 4 ? 0x1234 : 0,
		.fragment = outer == 4 ? 0 : 0x4000,
		.payload = payload,
		.payload_len = len,
	};
}

/* Each family in each, in each form, at lengths that need padding and not: the frame has room for the header
 * (esp_rig_check(); behind the frame is an inaccessible page), also where the payload has to move for it. */
static void test_each_family_form_and_length(void **state)
{
	uint8_t payload[1400];
	struct esp_rig rig;

	(void)state;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(3 * i + 1);
	for (unsigned int i = 0; i < 12; i++) {
		const struct esp_rig_outer outer = outer_of(i);
		uint8_t inner = i < 6 ? 4 : 6;

		setup(&rig, inner);
		for (size_t len = 0; len < sizeof(payload); len += len < 80 ? 1 : 111) {
			const struct expected expected = expected_of(inner, outer.family, ANY, payload, len);
			struct esp_packet packet = esp_rig_seal_payload(&rig, 0, &outer, payload, len, ANY);

			esp_rig_open(&rig, &packet);
			check(&packet, &expected);
			assert_int_equal(packet.result.crypto_status, CRYPTO_SUCCESS);
		}
		assert_int_equal(ESP_RIG_COUNTER(&rig, malformed), 0);
		esp_rig_teardown(&rig);
	}
}

/* The 8 bytes that make_room() counts on, of each suite that can be asked for. */
static void test_each_suite_has_room(void **state)
{
	const struct algo *cipher, *auth;

	(void)state;
	for (size_t i = 0; (cipher = algo_at(i)); i++)
		for (size_t j = 0; (auth = algo_at(j)); j++) {
			if (cipher->class == ALGO_CLASS_AEAD && cipher == auth)
				assert_true(cipher->iv_bytes + auth->icv_bytes[0] >= 8);
			if (cipher->class == ALGO_CLASS_ENC && auth->class == ALGO_CLASS_AUTH)
				assert_true(cipher->iv_bytes + auth->icv_bytes[0] >= 8);
		}
}

static void put_outer_fields(struct esp_packet *packet, const struct expected *fields)
{
	uint8_t *ip = packet->frame + packet->meta.l3_offset;

	if (packet->meta.family == 4) {
		ip[1] = fields->ds;
		packet_put16(ip + 4, fields->id);
		packet_put16(ip + 6, fields->fragment);
		ip[8] = fields->ttl;
		return;
	}
	packet_put16(ip, (uint16_t)(0x6000 | fields->ds << 4 | fields->flow >> 16));
	packet_put16(ip + 2, (uint16_t)fields->flow);
	ip[7] = fields->ttl;
}

/* Every DS field, with ECN; everything else that both headers have. What the outer header's family lacks is
 * not copied: no flow label from IPv4, no identification from IPv6. */
static void test_fields_come_from_the_outer_header(void **state)
{
	static const uint8_t payload[12];
	struct esp_rig rig;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		const struct esp_rig_outer outer = {i % 2 ? 6 : 4, XESP_FORM_UDP, 0};
		uint8_t inner = i < 2 ? 4 : 6;

		setup(&rig, inner);
		for (unsigned int ds = 0; ds < 256; ds++) {
			struct expected expected = expected_of(inner, outer.family, ANY, payload, 12);
			struct esp_packet packet = esp_rig_seal_payload(&rig, 0, &outer, payload, 12, ANY);

			expected.ds = (uint8_t)ds;
			expected.ttl = (uint8_t)~ds;
			if (outer.family == 4) {
				expected.id = (uint16_t)(0xa500 | ds);
				expected.fragment = ds % 2 ? 0x4000 : 0;
			} else {
				expected.flow = 0xfffff ^ ds;
			}
			put_outer_fields(&packet, &expected);
			esp_rig_open(&rig, &packet);
			check(&packet, &expected);
		}
		esp_rig_teardown(&rig);
	}
}

/* Fragments do not get here; their bits would not be the inner packet's. */
static void test_only_df_is_copied(void **state)
{
	static const struct esp_rig_outer native = {4, XESP_FORM_NATIVE, 0};
	static const uint8_t payload[12];
	struct esp_rig rig;
	struct esp_packet packet;

	(void)state;
	setup(&rig, 4);
	packet = esp_rig_seal_payload(&rig, 0, &native, payload, 12, ANY);
	packet_put16(packet.frame + 14 + 6, 0xffff);
	assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
	assert_int_equal(packet_get16(packet.packet + 6), 0x4000);
	esp_rig_teardown(&rig);
}

static void test_flags_of_tunnel_mode_say_nothing(void **state)
{
	struct sa_params params = beet_params(4);
	static const uint8_t payload[12];
	const struct esp_rig_outer marked = {4, XESP_FORM_UDP, 0xb8 | 3};
	struct esp_rig rig;
	struct esp_packet packet;

	(void)state;
	for (int i = 0; i < 2; i++) {
		params.flags = i ? SA_FLAG_NO_ECN : SA_FLAG_DECAP_DSCP;
		esp_rig_setup(&rig, &params, NULL);
		packet = esp_rig_seal_payload(&rig, 0, &marked, payload, 12, ANY);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		assert_int_equal(packet.packet[1], 0xb8 | 3);
		esp_rig_teardown(&rig);
	}
}

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
	setup(&rig, 4);
	for (unsigned int i = 0; i < 6; i++)
		for (size_t len = 0; len <= 40; len += 4)
			for (size_t padding = len % 8 ? 0 : 4; padding < 40; padding += 8) {
				const struct esp_rig_outer outer = outer_of(i);
				size_t bytes = pseudo_header(text, ANY, options, len, padding);
				struct expected expected =
					expected_of(4, outer.family, ANY, text + bytes, 30);
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
				check(&packet, &expected);
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
	setup(&rig, 4);
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
	setup(&rig, 4);
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
		setup(&rig, inner);
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

		params.encap = (struct sa_encap){.present = true, .original_src = host(4, 3).addr};
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
		setup(&rig, inner);
		packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, text, header + len + 100,
					      header ? BEETPH : protocol);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		assert_int_equal(packet.packet_len, (inner == 4 ? 20 : 40) + (header ? 4 : 0) + kept);
		assert_memory_equal(packet.packet + packet.packet_len - kept, text + header, kept);
		esp_rig_teardown(&rig);
	}
}

/* ---- room -------------------------------------------------------------------------------------------- */

/* Without an Ethernet header in front, which all frames of the classifier have, there may be none for IPv6:
 * the frame is left as it is. The least that still has room is used to the last byte. */
static void test_no_room_is_no_packet(void **state)
{
	uint8_t before[80], payload_len = 20, ipv4[20] = {0x45, [8] = 64, [9] = 50};
	struct esp_rig rig;

	(void)state;
	setup(&rig, 6);
	for (uint8_t spare = 0; spare <= 24; spare++) {
		struct guard memory = guard_new(sizeof(before));
		uint32_t len = 20 + 8 + payload_len + spare;
		struct esp_packet packet = {.frame = memory.end - len, .frame_len = len, .sa = rig.sa};
		enum xesp_reason reason;

		packet.meta = (struct xesp_meta){.magic = XESP_META_MAGIC,
						 .esp_offset = 20,
						 .esp_length = (uint16_t)(len - 20),
						 .family = 4};
		memset(packet.frame, 0x5a, len);
		memcpy(packet.frame, ipv4, sizeof(ipv4));
		memcpy(before, packet.frame, len);
		reason = esp_beet_open(&packet, ANY, packet.frame + 28, payload_len);
		if (20 + 8 + spare < 40 + ESP_HEADROOM) {
			assert_int_equal(reason, XESP_REASON_BAD_META);
			assert_memory_equal(packet.frame, before, len);
		} else {
			assert_int_equal(reason, XESP_REASON_DELIVERED);
			assert_ptr_equal(packet.packet, packet.frame + ESP_HEADROOM);
			assert_memory_equal(packet.packet + 40, before + 28, payload_len);
		}
		guard_free(&memory);
	}
	esp_rig_teardown(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_family_form_and_length),
		cmocka_unit_test(test_each_suite_has_room),
		cmocka_unit_test(test_fields_come_from_the_outer_header),
		cmocka_unit_test(test_only_df_is_copied),
		cmocka_unit_test(test_flags_of_tunnel_mode_say_nothing),
		cmocka_unit_test(test_options_of_each_length),
		cmocka_unit_test(test_malformed_pseudo_headers),
		cmocka_unit_test(test_pseudo_header_alone),
		cmocka_unit_test(test_every_next_header),
		cmocka_unit_test(test_selectors),
		cmocka_unit_test(test_inner_fragment),
		cmocka_unit_test(test_checksum_is_the_peers),
		cmocka_unit_test(test_tfc_padding),
		cmocka_unit_test(test_no_room_is_no_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
