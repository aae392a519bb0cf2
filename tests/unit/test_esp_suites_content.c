/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a peer with the right keys can put into a packet, with each cipher in each mode: padding as long as it
 * gets, wrong padding, next headers, dummy packets, traffic flow confidentiality padding, inner fragments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/packet.h"
#include "tests/lib/suite_rig.h"

#define BEETPH 94

typedef void check_fn(struct suite_rig *rig);

/* With one suite of each cipher: what is in the text does not know how it was authenticated. */
static void each(check_fn *check, enum sa_mode mode, const struct sa_selector *selector)
{
	enum algo_id before = ALGO_NONE;
	struct suite suite;
	struct suite_rig rig;
	unsigned int ciphers = 0;

	for (size_t i = 0; suites_at(i, &suite); i++) {
		struct sa_params params = suite_params(&suite, mode);

		if (suite.cipher->id == before)
			continue;
		if (selector)
			params.selector = *selector;
		if (before == ALGO_NONE)
			suite_rig_setup(&rig, &suite, &params, NULL);
		else
			suite_rig_change(&rig, &suite, &params);
		before = suite.cipher->id;
		check(&rig);
		ciphers++;
	}
	assert_true(ciphers >= 10);
	suite_rig_teardown(&rig);
}

static void each_mode(check_fn *check)
{
	for (size_t i = 0; i < SUITE_MODES; i++)
		each(check, suite_modes[i], NULL);
}

static enum xesp_reason open_text(struct suite_rig *rig, const uint8_t *text, size_t len,
				  struct esp_packet *ret_packet)
{
	*ret_packet = esp_rig_seal(&rig->rig, 0, &esp_rig_udp4, text, len);
	return esp_rig_open(&rig->rig, ret_packet);
}

static void expect(struct suite_rig *rig, const uint8_t *text, size_t len, enum xesp_reason reason,
		   const char *what, size_t number)
{
	struct esp_packet packet;

	if (open_text(rig, text, len, &packet) != reason)
		suite_rig_fail(rig, what, number);
}

/* ---- padding ----------------------------------------------------------------------------------------- */

/* The shortest payload with which `pad` bytes of padding make whole blocks. */
static size_t payload_for(const struct suite_rig *rig, size_t pad)
{
	return 28 + esp_seal_padding_to(28 + pad, rig->suite.cipher->align_bytes);
}

static void pad_lengths(struct suite_rig *rig)
{
	uint64_t bytes = 0;

	for (unsigned int pad = 0; pad <= 255; pad++) {
		uint8_t text[400], next_header;
		size_t len = suite_payload(rig, payload_for(rig, pad), text, &next_header);
		size_t text_len = esp_seal_trailer(text, len, (uint8_t)pad, next_header);
		const unsigned int wrong[] = {0, pad / 2, pad - 1};
		struct esp_packet packet;

		open_text(rig, text, text_len, &packet);
		if (!suite_is_plain(rig, &packet, len))
			suite_rig_fail(rig, "pad length", pad);
		bytes += len;
		for (size_t i = 0; pad > 0 && i < 3; i++) {
			text[len + wrong[i]] ^= 0x80;
			expect(rig, text, text_len, XESP_REASON_PAD_BYTES, "wrong padding of length", pad);
			text[len + wrong[i]] ^= 0x80;
			bytes += len;
		}
	}
	/* Wrong padding is the peer's, too: it is counted where its lifetime is. */
	assert_int_equal(ESP_RIG_COUNTER(&rig->rig, bytes), bytes);
	assert_int_equal(ESP_RIG_COUNTER(&rig->rig, packets), 256 + 3 * 255);
	assert_int_equal(ESP_RIG_COUNTER(&rig->rig, malformed), 3 * 255);
}

static void test_each_pad_length(void **state)
{
	(void)state;
	each_mode(pad_lengths);
}

/* All of the text is padding, or less than what it says there is. */
static void pad_beyond(struct suite_rig *rig)
{
	for (size_t blocks = 1; blocks < 5; blocks++) {
		size_t len = blocks * 16;
		uint8_t text[64];

		for (size_t i = 0; i < len; i++)
			text[i] = (uint8_t)(i + 1);
		text[len - 1] = rig->mode == SA_MODE_TUNNEL ? IPPROTO_IPIP : IPPROTO_UDP;
		for (size_t pad = len - 1; pad <= 255; pad++) {
			text[len - 2] = (uint8_t)pad;
			expect(rig, text, len, XESP_REASON_PAD_LENGTH, "pad length beyond the text", pad);
		}
		text[len - 2] = (uint8_t)(len - 2);
		expect(rig, text, len,
		       rig->mode == SA_MODE_TUNNEL ? XESP_REASON_INNER_HEADER : XESP_REASON_DELIVERED,
		       "nothing but padding", len);
	}
}

static void test_pad_length_beyond_the_text(void **state)
{
	(void)state;
	each_mode(pad_beyond);
}

/* ---- next header ------------------------------------------------------------------------------------- */

static enum xesp_reason reason_of(enum sa_mode mode, unsigned int next_header)
{
	if (next_header == IPPROTO_NONE)
		return XESP_REASON_DUMMY;
	if (mode == SA_MODE_TRANSPORT)
		return XESP_REASON_DELIVERED;
	if (mode == SA_MODE_BEET)
		return next_header == BEETPH ? XESP_REASON_INNER_HEADER : XESP_REASON_DELIVERED;
	switch (next_header) {
	case IPPROTO_IPIP: return XESP_REASON_DELIVERED;
	case IPPROTO_IPV6: return XESP_REASON_INNER_HEADER; /* which the payload is not */
	default: return XESP_REASON_NEXT_HEADER;
	}
}

static void next_headers(struct suite_rig *rig)
{
	uint8_t text[100], next_header;
	size_t len = suite_payload(rig, 40, text, &next_header);

	len = esp_seal_trailer(text, len, suite_padding(rig, len), next_header);
	for (unsigned int next = 0; next < 256; next++) {
		text[len - 1] = (uint8_t)next;
		expect(rig, text, len, reason_of(rig->mode, next), "next header", next);
	}
}

static void test_each_next_header(void **state)
{
	(void)state;
	each_mode(next_headers);
}

/* RFC 4303 section 2.6: nothing of it but the next header need be well-formed. */
static void dummies(struct suite_rig *rig)
{
	uint8_t text[96];

	for (size_t len = rig->suite.cipher->align_bytes; len <= sizeof(text);
	     len += rig->suite.cipher->align_bytes) {
		/* With a pad length that no packet has room for. */
		memset(text, 0xee, sizeof(text));
		text[len - 1] = IPPROTO_NONE;
		expect(rig, text, len, XESP_REASON_DUMMY, "dummy of length", len);
	}
	assert_int_equal(ESP_RIG_COUNTER(&rig->rig, malformed), 0);
}

static void test_dummies(void **state)
{
	(void)state;
	each_mode(dummies);
}

/* ---- traffic flow confidentiality -------------------------------------------------------------------- */

static size_t inner_build(uint8_t family, bool upper_only, uint8_t *out)
{
	const struct packet_spec spec = {
		.family = family,
		.protocol = IPPROTO_UDP,
		.src = packet_addr(family, 1),
		.dst = packet_addr(family, 3),
		.sport = 1111,
		.dport = 2222,
		.data_len = 24,
		.no_checksum = true,
	};

	return upper_only ? packet_upper(&spec, out) : packet_build(&spec, out);
}

/* RFC 4303 section 2.7: it lies behind what an IP or UDP length says, and may be anything. */
static void tfc(struct suite_rig *rig)
{
	for (unsigned int i = 0; i < 2; i++)
		for (size_t padding = 0; padding < 1000; padding += padding < 40 ? 1 : 101) {
			uint8_t text[1300], family = i ? 6 : 4;
			bool tunnel = rig->mode == SA_MODE_TUNNEL;
			uint8_t next_header = !tunnel ? IPPROTO_UDP : i ? IPPROTO_IPV6 : IPPROTO_IPIP;
			size_t len = inner_build(family, !tunnel, text), text_len;
			struct esp_packet packet;

			memset(text + len, 0xfc, padding);
			text_len = esp_seal_trailer(text, len + padding, suite_padding(rig, len + padding),
						    next_header);
			if (open_text(rig, text, text_len, &packet) != XESP_REASON_DELIVERED ||
			    packet.packet_len != len + (tunnel ? 0 : 20) ||
			    memcmp(packet.packet + packet.packet_len - len, text, len) != 0)
				suite_rig_fail(rig, "TFC padding", padding);
		}
}

static void test_tfc_padding(void **state)
{
	(void)state;
	each_mode(tfc);
}

/* ---- inner fragments --------------------------------------------------------------------------------- */

/* A fragment of a UDP packet from 1111 to 2222, or of one that is none of its selector's. */
static size_t fragment_build(uint8_t family, bool first, uint16_t dport, uint8_t *out)
{
	size_t header = family == 4 ? 20 : 48, len = header + 32;

	memset(out, 0x42, len);
	inner_build(family, false, out);
	memset(out + header, 0x42, 32);
	if (family == 4) {
		packet_put16(out + 2, (uint16_t)len);
		packet_put16(out + 6, first ? 0x2000 : 0x2004);
		packet_put16(out + 10, 0);
		packet_put16(out + 10, packet_checksum(0, out, 20));
	} else {
		packet_put16(out + 4, (uint16_t)(len - 40));
		out[6] = IPPROTO_FRAGMENT;
		memset(out + 40, 0, 8);
		out[40] = IPPROTO_UDP;
		packet_put16(out + 42, first ? 1 : 4 << 3 | 1);
	}
	if (first) {
		packet_put16(out + header, 1111);
		packet_put16(out + header + 2, dport);
	}
	return len;
}

static enum xesp_reason open_fragment(struct suite_rig *rig, uint8_t family, bool first, uint16_t dport)
{
	uint8_t text[200];
	struct esp_packet packet;
	size_t len = fragment_build(family, first, dport, text);
	enum xesp_reason reason;

	len = esp_seal_trailer(text, len, suite_padding(rig, len), family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6);
	reason = open_text(rig, text, len, &packet);
	if (reason == XESP_REASON_DELIVERED && memcmp(packet.packet, text, packet.packet_len) != 0)
		suite_rig_fail(rig, "fragment of IP version", family);
	return reason;
}

/* RFC 4301 section 7: where ports are asked for, a fragment that has none is of no SA of ours. */
static void fragments(struct suite_rig *rig)
{
	const struct sa_selector *selector = &rig->rig.sa->params.selector;
	enum xesp_reason without_ports = selector->dport ? XESP_REASON_SELECTOR : XESP_REASON_DELIVERED;
	enum xesp_reason other_ports = without_ports;

	for (uint8_t family = 4; family <= 6; family += 2)
		if (open_fragment(rig, family, true, 2222) != XESP_REASON_DELIVERED ||
		    open_fragment(rig, family, true, 2223) != other_ports ||
		    open_fragment(rig, family, false, 2222) != without_ports)
			suite_rig_fail(rig, "fragment, port asked for", selector->dport);
}

static void test_inner_fragments(void **state)
{
	static const struct sa_selector selectors[] = {
		{.protocol = 0}, {.protocol = IPPROTO_UDP}, {.protocol = IPPROTO_UDP, .dport = 2222}};

	(void)state;
	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++)
		each(fragments, SA_MODE_TUNNEL, &selectors[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_pad_length),	 cmocka_unit_test(test_pad_length_beyond_the_text),
		cmocka_unit_test(test_each_next_header), cmocka_unit_test(test_dummies),
		cmocka_unit_test(test_tfc_padding),	 cmocka_unit_test(test_inner_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
