/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sealing: whatever is sealed passes the classifier and is opened to what it was, byte for byte, by either
 * provider; lengths, padding, numbers and IVs are as they have to be.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/packet.h"
#include "tests/lib/seal_rig.h"
#include "tests/lib/suite_rig.h"

#define INNER_MAX 16000
#define WRAP (1ull << 32)
#define ANY 253 /* nobody's protocol (RFC 3692) */

static struct sa_params with_suite(struct sa_params params, const struct suite *suite)
{
	esp_rig_suite(&params, suite->cipher->id, suite->cipher_key_bytes,
		      suite->auth ? suite->auth->id : ALGO_NONE, suite->icv_bytes);
	return params;
}

/* Opens what was sealed of `inner`; false if anything else comes out. */
static bool comes_out(struct seal_rig *rig, const struct seal_packet *packet, uint8_t *inner, size_t len)
{
	struct esp_packet arrived = seal_rig_arrive(rig, packet);

	esp_rig_open(&rig->peer, &arrived);
	seal_rig_expect(&rig->sa->params, inner);
	return arrived.reason == XESP_REASON_DELIVERED && arrived.seq == packet->out.seq &&
	       arrived.packet_len == len && memcmp(arrived.packet, inner, len) == 0;
}

static void must_come_out(struct seal_rig *rig, uint8_t *inner, size_t len, uint32_t pad_to, const char *what)
{
	struct seal_packet packet;

	assert_int_equal(seal_rig_prepare(rig, 0, inner, len, pad_to, &packet), 0);
	seal_rig_seal(rig, &packet, 1);
	if (!comes_out(rig, &packet, inner, len))
		fail_msg("%s, mode %d, form %d, IPv%d of %zu bytes: something else comes out", what,
			 rig->sa->mode, rig->sa->form, inner[0] >> 4, len);
}

/* ---- each suite ---------------------------------------------------------------------------------------- */

/* A burst of different lengths in each mode, across 2^32 with ESN. */
static void seal_suite(struct seal_rig *rig, const struct suite *suite)
{
	static uint8_t inner[XESP_BURST_MAX][1600];
	struct seal_packet packets[XESP_BURST_MAX];
	size_t lens[XESP_BURST_MAX];
	char name[SUITE_NAME_MAX];

	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		lens[i] = seal_rig_inner(&rig->sa->params, 4, ANY, i < 48 ? i : 17 * i, inner[i]);
		assert_int_equal(seal_rig_prepare(rig, i, inner[i], lens[i], 0, &packets[i]), 0);
	}
	seal_rig_seal(rig, packets, XESP_BURST_MAX);
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		if (!comes_out(rig, &packets[i], inner[i], lens[i]))
			fail_msg("%s, %s, mode %d: packet %zu", suites_name(suite, name),
				 rig->peer.provider->name, rig->sa->mode, i);
}

static void seal_suites(const struct crypto_provider *provider, unsigned int variants)
{
	struct seal_rig rig;
	struct suite suite;

	for (size_t i = 0; suites_at(i, &suite); i++)
		for (unsigned int j = 0; j < variants; j++) {
			uint8_t outer = (i + j) % 4 < 2 || (i + j) % 3 == 0 ? 4 : 6;
			struct sa_params params =
				with_suite(seal_rig_params(suite_modes[(i + j) % 3], 4, outer,
							   (enum xesp_form)((i + j / 3) % 3)),
					   &suite);

			params.flags = (i + j) % 2 ? SA_FLAG_ESN : 0;
			params.replay_seq = (i + j) % 2 ? 3 * WRAP - 30 : 1000;
			if (i + j == 0)
				seal_rig_setup(&rig, &params, provider);
			else
				seal_rig_change(&rig, &params);
			seal_suite(&rig, &suite);
		}
	seal_rig_teardown(&rig);
}

static void test_each_suite(void **state)
{
	(void)state;
	seal_suites(NULL, 6);
	seal_suites(&crypto_openssl, 3);
}

/* Sealed by one provider, opened by the other: with the same IVs, the same bytes. */
static void test_both_providers_agree(void **state)
{
	static uint8_t inner[1500];
	struct suite suite;

	(void)state;
	for (size_t i = 0; suites_at(i, &suite); i++) {
		struct sa_params params =
			with_suite(seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP), &suite);
		struct seal_rig rigs[2];
		struct seal_packet packets[2];

		params.flags = i % 2 ? SA_FLAG_ESN : 0;
		seal_rig_setup(&rigs[0], &params, NULL);
		seal_rig_setup(&rigs[1], &params, &crypto_openssl);
		rigs[1].sa->iv_base = rigs[0].sa->iv_base;
		for (size_t len = 28; len < 1500; len += 97) {
			seal_rig_inner(&params, 4, ANY, len - 20, inner);
			for (size_t j = 0; j < 2; j++)
				assert_int_equal(seal_rig_prepare(&rigs[j], 0, inner, len, 0, &packets[j]),
						 0);
			if (rigs[0].sa->iv_random)
				packets[1].out.iv = packets[0].out.iv;
			for (size_t j = 0; j < 2; j++)
				seal_rig_seal(&rigs[j], &packets[j], 1);
			assert_int_equal(packets[0].frame_len, packets[1].frame_len);
			assert_memory_equal(packets[0].frame + 14, packets[1].frame + 14,
					    packets[0].frame_len - 14);
			assert_true(comes_out(&rigs[1], &packets[0], inner, len));
		}
		seal_rig_teardown(&rigs[0]);
		seal_rig_teardown(&rigs[1]);
	}
}

/* ---- each shape ---------------------------------------------------------------------------------------- */

typedef void shape_fn(struct seal_rig *rig, const struct sa_params *params, uint8_t family);

/* Modes, families and forms. */
static void each_shape(shape_fn *check)
{
	static const uint8_t families[] = {4, 6};
	struct seal_rig rig;
	bool first = true;

	for (unsigned int i = 0; i < 3 * 3 * 2 * 2; i++) {
		enum sa_mode mode = suite_modes[i % 3];
		uint8_t inner = families[i / 9 % 2], outer = families[i / 18 % 2];
		struct sa_params params = seal_rig_params(mode, inner, outer, (enum xesp_form)(i / 3 % 3));

		if (mode == SA_MODE_TRANSPORT && inner != outer)
			continue;
		if (first)
			seal_rig_setup(&rig, &params, NULL);
		else
			seal_rig_change(&rig, &params);
		first = false;
		check(&rig, &params, inner);
	}
	seal_rig_teardown(&rig);
}

static void seal_lengths(struct seal_rig *rig, const struct sa_params *params, uint8_t family)
{
	static const uint8_t protocols[] = {IPPROTO_UDP, IPPROTO_TCP, ANY};
	static uint8_t inner[INNER_MAX];

	for (size_t data = 0; data < 9000; data += data < 70 ? 1 : 997) {
		uint8_t protocol = protocols[data % 3];
		size_t len = seal_rig_inner(params, family, protocol, data, inner);

		must_come_out(rig, inner, len, 0, "plain");
	}
}

static void test_each_shape(void **state)
{
	(void)state;
	each_shape(seal_lengths);
}

/* IPv4 options of all lengths; router alerts. */
static void seal_options4(struct seal_rig *rig, const struct sa_params *params)
{
	static const uint8_t options[40] = {0x94, 4, 0, 0, 1, 1, 1, 1, 0x88, 4, 0, 7, 1, 1};
	static uint8_t inner[INNER_MAX];

	for (size_t count = 4; count <= 40; count += 4) {
		size_t len = seal_rig_inner(params, 4, IPPROTO_UDP, count, inner);

		len = packet_insert(inner, len, 0, options, count);
		must_come_out(rig, inner, len, 0, "options");
	}
}

/* Destination options behind ESP, hop-by-hop options in front of it or behind, both. */
static void seal_options6(struct seal_rig *rig, const struct sa_params *params)
{
	static const uint8_t padn[64] = {0, 7, 1, 60};
	static uint8_t inner[INNER_MAX];

	for (unsigned int which = 1; which < 4; which++)
		for (size_t count = 8; count <= 64; count += 8) {
			size_t len = seal_rig_inner(params, 6, IPPROTO_UDP, count, inner);
			uint8_t header[64];

			memcpy(header, padn, sizeof(header));
			header[1] = (uint8_t)(count / 8 - 1);
			header[3] = (uint8_t)(count - 4);
			if (which & 1)
				len = packet_insert(inner, len, IPPROTO_DSTOPTS, header, count);
			if (which & 2)
				len = packet_insert(inner, len, IPPROTO_HOPOPTS, header, count);
			must_come_out(rig, inner, len, 0, "extension headers");
		}
}

static void seal_options(struct seal_rig *rig, const struct sa_params *params, uint8_t family)
{
	if (family == 4)
		seal_options4(rig, params);
	else
		seal_options6(rig, params);
}

static void test_options_and_extension_headers(void **state)
{
	(void)state;
	each_shape(seal_options);
}

/* Protocols that mean something else in ESP: IPv4's pseudo-header of BEET mode, which packets then need as
 * well. */
static void seal_odd_protocols(struct seal_rig *rig, const struct sa_params *params, uint8_t family)
{
	static const uint8_t protocols[] = {IPPROTO_BEETPH, IPPROTO_NONE, IPPROTO_IPIP, IPPROTO_ESP,
					    IPPROTO_RAW};
	uint8_t inner[200];

	if (params->mode == SA_MODE_TRANSPORT || family == 6)
		return;
	for (size_t i = 0; i < sizeof(protocols); i++) {
		size_t len = seal_rig_inner(params, family, protocols[i], 33, inner);

		must_come_out(rig, inner, len, 0, "odd protocol");
	}
}

static void test_odd_protocols(void **state)
{
	(void)state;
	each_shape(seal_odd_protocols);
}

/* A fragment that the host made: in tunnel mode a packet as any other. */
static void seal_fragment(struct seal_rig *rig, const struct sa_params *params, uint8_t family)
{
	static const uint8_t header[8] = {0, 0, 0, 0xb9, 1, 2, 3, 4};
	uint8_t inner[200];
	size_t len = seal_rig_inner(params, family, IPPROTO_UDP, 100, inner);
	struct seal_packet packet;

	if (family == 6) {
		len = packet_insert(inner, len, IPPROTO_FRAGMENT, header, sizeof(header));
	} else {
		packet_put16(inner + 6, 0x2017);
		packet_put16(inner + 10, 0);
		packet_put16(inner + 10, packet_checksum(0, inner, 20));
	}
	if (params->mode == SA_MODE_TUNNEL)
		must_come_out(rig, inner, len, 0, "fragment");
	else
		assert_int_equal(seal_rig_prepare(rig, 0, inner, len, 0, &packet), -EPROTONOSUPPORT);
}

static void test_fragments(void **state)
{
	(void)state;
	each_shape(seal_fragment);
}

/* ---- lengths and padding ------------------------------------------------------------------------------- */

/* By trying: what esp_out_inner_max() says fits, one byte more does not. */
static void find_inner_max(struct seal_rig *rig, const struct sa_params *params, uint8_t family)
{
	uint32_t skip = params->mode == SA_MODE_TUNNEL ? 0 : family == 4 ? 20 : 40;

	for (uint32_t mtu = 60; mtu < 1600; mtu += mtu < 200 ? 1 : 61) {
		uint32_t most = esp_out_inner_max(rig->sa, mtu), longest = 0;

		for (uint32_t len = skip + 1; len < mtu; len++)
			if (rig->sa->outer_bytes + esp_out_bytes(rig->sa, len - skip, 0) <= mtu)
				longest = len;
		if (most != longest)
			fail_msg("mode %d, form %d, MTU %u: %u instead of %u", params->mode, rig->sa->form,
				 mtu, most, longest);
	}
	assert_int_equal(esp_out_inner_max(rig->sa, 0), 0);
	assert_int_equal(esp_out_inner_max(rig->sa, UINT32_MAX), esp_out_inner_max(rig->sa, 65535));
}

static void test_inner_max(void **state)
{
	(void)state;
	each_shape(find_inner_max);
}

static void test_inner_max_of_each_suite(void **state)
{
	struct seal_rig rig;
	struct suite suite;

	(void)state;
	for (size_t i = 0; suites_at(i, &suite); i++) {
		const struct sa_params params =
			with_suite(seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP), &suite);

		if (i == 0)
			seal_rig_setup(&rig, &params, &crypto_openssl);
		else
			seal_rig_change(&rig, &params);
		find_inner_max(&rig, &params, 4);
	}
	seal_rig_teardown(&rig);
}

/* What the peer decrypts, of a suite that does not encrypt: filling, 1, 2, 3, ..., pad length, next header.
 */
static void check_text(const struct seal_packet *packet, const uint8_t *inner, uint32_t len, uint32_t pad_to)
{
	const uint8_t *text = packet->out.esp + 8;
	uint32_t filled = len < pad_to ? pad_to : len;
	uint32_t text_len = packet->out.esp_len - 8 - 16;
	uint32_t padding = text_len - filled - 2;

	assert_memory_equal(text, inner, len);
	assert_true(padding < 4 && text_len % 4 == 0);
	for (uint32_t i = len; i < filled; i++)
		assert_int_equal(text[i], 0);
	for (uint32_t i = 0; i < padding; i++)
		assert_int_equal(text[filled + i], i + 1);
	assert_int_equal(text[text_len - 2], padding);
	assert_int_equal(text[text_len - 1], 4);
}

static void test_padding(void **state)
{
	struct sa_params params = seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
	uint8_t inner[400];
	struct seal_rig rig;

	(void)state;
	esp_rig_suite(&params, ALGO_NULL, 0, ALGO_HMAC_SHA256, 0);
	seal_rig_setup(&rig, &params, NULL);
	for (uint32_t pad_to = 0; pad_to < 300; pad_to += 7)
		for (uint32_t data = 0; data < 200; data += 3) {
			uint32_t len = (uint32_t)seal_rig_inner(&params, 4, IPPROTO_UDP, data, inner);
			struct seal_packet packet;

			assert_int_equal(seal_rig_prepare(&rig, 0, inner, len, pad_to, &packet), 0);
			seal_rig_seal(&rig, &packet, 1);
			check_text(&packet, inner, len, pad_to);
			assert_true(comes_out(&rig, &packet, inner, len));
		}
	seal_rig_teardown(&rig);
}

/* RFC 4303 section 2.7, within what the path takes. */
static void test_pad_to(void **state)
{
	struct sa_params params = seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
	struct seal_rig rig;

	(void)state;
	seal_rig_setup(&rig, &params, NULL);
	assert_int_equal(esp_out_pad_to(rig.sa, 1500), 0);
	params.tfc_pad = 1400;
	seal_rig_change(&rig, &params);
	assert_int_equal(esp_out_pad_to(rig.sa, 1500), 1400);
	for (uint32_t mtu = 60; mtu < 1500; mtu++) {
		uint32_t pad_to = esp_out_pad_to(rig.sa, mtu);
		uint32_t most = esp_out_inner_max(rig.sa, mtu);

		assert_int_equal(pad_to, most < 1400 ? most : 1400);
		assert_true(pad_to == 0 || rig.sa->outer_bytes + esp_out_bytes(rig.sa, 0, pad_to) <= mtu);
	}
	/* Linux has it in tunnel mode alone. */
	params.mode = SA_MODE_TRANSPORT;
	seal_rig_change(&rig, &params);
	assert_int_equal(esp_out_pad_to(rig.sa, 1500), 0);
	seal_rig_teardown(&rig);
}

/* RFC 4303 section 2.6: counted by the peer, delivered to nobody. */
static void test_dummy_packets(void **state)
{
	const struct sa_params params = seal_rig_params(SA_MODE_TUNNEL, 4, 6, XESP_FORM_UDP);
	struct seal_packet packet = {.split = {.next_header = IPPROTO_NONE}};
	struct esp_packet arrived;
	struct seal_rig rig;

	(void)state;
	seal_rig_setup(&rig, &params, NULL);
	packet.out = (struct esp_out){.sa = rig.sa,
				      .esp = esp_rig_frame_end(&rig.peer, 0) - esp_out_bytes(rig.sa, 0, 77),
				      .pad_to = 77,
				      .next_header = IPPROTO_NONE,
				      .seq = sa_out_take(rig.sa, 1)};
	memset(packet.out.esp - 14 - ESP_OUT_HEADER_MAX, 0xc5, 14 + ESP_OUT_HEADER_MAX);
	seal_rig_seal(&rig, &packet, 1);
	arrived = seal_rig_arrive(&rig, &packet);
	assert_int_equal(esp_rig_open(&rig.peer, &arrived), XESP_REASON_DUMMY);
	seal_rig_teardown(&rig);
}

/* ---- IVs ----------------------------------------------------------------------------------------------- */

static void test_ivs_count_on(void **state)
{
	const struct sa_params params = seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
	struct seal_packet packet;
	uint8_t inner[100];
	size_t len = seal_rig_inner(&params, 4, IPPROTO_UDP, 50, inner);
	struct seal_rig rig;

	(void)state;
	seal_rig_setup(&rig, &params, NULL);
	rig.sa->iv_base = UINT64_MAX - 3;
	for (uint64_t seq = 1; seq < 8; seq++) {
		uint64_t iv = 0;

		assert_int_equal(seal_rig_prepare(&rig, 0, inner, len, 0, &packet), 0);
		seal_rig_seal(&rig, &packet, 1);
		for (size_t i = 0; i < 8; i++)
			iv = iv << 8 | packet.out.esp[8 + i];
		assert_true(iv == (uint64_t)(UINT64_MAX - 3 + seq));
		assert_true(comes_out(&rig, &packet, inner, len));
	}
	seal_rig_teardown(&rig);
}

/* Without a random IV where there has to be one, a packet is not sealed; those around it are. */
static void test_no_iv(void **state)
{
	struct sa_params params = seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
	struct seal_packet packets[3];
	struct esp_out outs[3];
	uint8_t inner[100];
	size_t len = seal_rig_inner(&params, 4, IPPROTO_UDP, 50, inner);
	struct seal_rig rig;

	(void)state;
	esp_rig_suite(&params, ALGO_AES_CBC, 16, ALGO_HMAC_SHA1, 0);
	seal_rig_setup(&rig, &params, NULL);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(seal_rig_prepare(&rig, i, inner, len, 0, &packets[i]), 0);
		outs[i] = packets[i].out;
	}
	outs[1].iv = NULL;
	esp_out_burst(rig.peer.crypto, outs, 3);
	assert_int_equal(outs[1].status, -EIO);
	assert_int_equal(outs[1].esp_len, 0);
	assert_int_equal(outs[0].status, 0);
	assert_int_equal(outs[2].status, 0);
	esp_out_burst(rig.peer.crypto, &outs[1], 1);
	assert_int_equal(outs[1].status, -EIO);
	seal_rig_teardown(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_suite),    cmocka_unit_test(test_both_providers_agree),
		cmocka_unit_test(test_each_shape),    cmocka_unit_test(test_options_and_extension_headers),
		cmocka_unit_test(test_odd_protocols), cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_inner_max),     cmocka_unit_test(test_inner_max_of_each_suite),
		cmocka_unit_test(test_padding),	      cmocka_unit_test(test_pad_to),
		cmocka_unit_test(test_dummy_packets), cmocka_unit_test(test_ivs_count_on),
		cmocka_unit_test(test_no_iv),
	};

	return cmocka_run_group_tests_name("esp_out", tests, NULL, NULL);
}
