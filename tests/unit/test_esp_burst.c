/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bursts: packets that fail do not stop the others, order counts, and SAs mix.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

/* Twins, failures and good packets of one burst; the out fields of each are its own. */
static void test_burst(void **state)
{
	struct esp_packet packets[XESP_BURST_MAX];
	struct esp_rig rig;
	uint8_t inner[1500];

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		size_t len = packet_udp4(inner, 13 * i);

		rig.seal.seq = i % 4 == 1 ? i : i + 1;
		packets[i] = esp_rig_seal_payload(&rig, i, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
		if (i % 4 == 2)
			packets[i].frame[packets[i].frame_len - 16] ^= 1;
		if (i % 4 == 3)
			packets[i].meta.magic = 0;
	}
	esp_open_burst(rig.crypto, packets, XESP_BURST_MAX, ESP_RIG_NOW);
	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		static const enum xesp_reason reasons[] = {XESP_REASON_DELIVERED,
							   XESP_REASON_REPLAY_DUPLICATE,
							   XESP_REASON_AUTH_FAILED, XESP_REASON_BAD_META};
		size_t len = packet_udp4(inner, 13 * i);

		esp_rig_check(&packets[i]);
		assert_int_equal(packets[i].reason, reasons[i % 4]);
		if (i % 4)
			continue;
		assert_int_equal(packets[i].packet_len, len);
		assert_memory_equal(packets[i].packet, inner, len);
	}
	assert_int_equal(ESP_RIG_COUNTER(&rig, packets), XESP_BURST_MAX / 4);
	assert_int_equal(ESP_RIG_COUNTER(&rig, replayed), XESP_BURST_MAX / 4);
	assert_int_equal(ESP_RIG_COUNTER(&rig, auth_failed), XESP_BURST_MAX / 4);
	assert_int_equal(ESP_RIG_COUNTER(&rig, malformed), XESP_BURST_MAX / 4);
	esp_open_burst(rig.crypto, packets, 0, ESP_RIG_NOW);
	esp_rig_teardown(&rig);
}

/* A packet that its own burst pushes out of the window. */
static void test_burst_moves_the_window(void **state)
{
	static const uint32_t seqs[] = {10, 200, 11, 137, 136, 200};
	static const enum xesp_reason reasons[] = {XESP_REASON_DELIVERED,  XESP_REASON_DELIVERED,
						   XESP_REASON_REPLAY_OLD, XESP_REASON_DELIVERED,
						   XESP_REASON_REPLAY_OLD, XESP_REASON_REPLAY_DUPLICATE};
	struct esp_packet packets[6];
	struct esp_rig rig;
	uint8_t inner[100];
	size_t len = packet_udp4(inner, 20);

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	for (size_t i = 0; i < 6; i++) {
		rig.seal.seq = seqs[i];
		packets[i] = esp_rig_seal_payload(&rig, i, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
	}
	esp_open_burst(rig.crypto, packets, 6, ESP_RIG_NOW);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(packets[i].reason, reasons[i]);
	assert_int_equal(rig.sa->replay.top, 200);
	esp_rig_teardown(&rig);
}

/* SAs of different key lengths, ESN and modes, interleaved. */
static void test_burst_of_mixed_sas(void **state)
{
	static const uint8_t key_bytes[] = {20, 28, 36};
	struct esp_packet packets[36];
	struct esp_rig rigs[3];
	uint8_t inner[400];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct sa_params params = esp_rig_params(i == 1 ? SA_MODE_TRANSPORT : SA_MODE_TUNNEL);

		params.key_bytes = key_bytes[i];
		memset(params.key, (int)(0x11 * (i + 1)), key_bytes[i]);
		params.flags = i == 2 ? SA_FLAG_ESN : 0;
		params.replay_seq = i == 2 ? 0x7fffffff0ull : 0;
		esp_rig_setup(&rigs[i], &params, NULL);
	}
	for (size_t i = 0; i < 36; i++) {
		size_t len = packet_udp4(inner, i * 8);

		packets[i] = esp_rig_seal_payload(&rigs[i % 3], i, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
		/* Addressed to the SA next door, it is a forgery. */
		if (i >= 33)
			packets[i].sa = rigs[(i + 1) % 3].sa;
	}
	esp_open_burst(rigs[0].crypto, packets, 36, ESP_RIG_NOW);
	for (size_t i = 0; i < 36; i++) {
		size_t header = i % 3 == 1 ? 20 : 0;
		size_t len = packet_udp4(inner, i * 8);

		esp_rig_check(&packets[i]);
		if (i >= 33) {
			assert_int_not_equal(packets[i].reason, XESP_REASON_DELIVERED);
			continue;
		}
		assert_int_equal(packets[i].reason, XESP_REASON_DELIVERED);
		assert_int_equal(packets[i].packet_len, header + len);
		assert_memory_equal(packets[i].packet + header, inner, len);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(ESP_RIG_COUNTER(&rigs[i], packets), 11);
		esp_rig_teardown(&rigs[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_burst_moves_the_window),
		cmocka_unit_test(test_burst_of_mixed_sas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
