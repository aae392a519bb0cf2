/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ESP trailer: padding, pad length, and the next header of dummy packets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

static void test_every_pad_length(void **state)
{
	struct esp_rig rig;

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	for (unsigned int pad = 0; pad <= 255; pad++) {
		uint8_t text[700];
		size_t len = packet_udp4(text, 100 + (-(28 + 100 + pad + 2) % 4));
		size_t text_len = esp_seal_trailer(text, len, (uint8_t)pad, IPPROTO_IPIP);
		struct esp_packet packet = esp_rig_seal(&rig, 0, &esp_rig_udp4, text, text_len);
		const unsigned int wrong[] = {0, pad / 2, pad - 1};

		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		assert_int_equal(packet.packet_len, len);
		assert_memory_equal(packet.packet, text, len);
		for (size_t i = 0; pad > 0 && i < 3; i++) {
			text[len + wrong[i]] ^= 0x80;
			packet = esp_rig_seal(&rig, 0, &esp_rig_udp4, text, text_len);
			assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_PAD_BYTES);
			text[len + wrong[i]] ^= 0x80;
		}
	}
	esp_rig_teardown(&rig);
}

/* M19 */
static void test_pad_length_beyond_payload(void **state)
{
	struct esp_rig rig;

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	for (unsigned int pad = 0; pad <= 255; pad++) {
		uint8_t text[40];
		struct esp_packet packet;

		for (unsigned int i = 0; i < 38; i++)
			text[i] = (uint8_t)(i + 1);
		text[38] = (uint8_t)pad;
		text[39] = IPPROTO_IPIP;
		packet = esp_rig_seal(&rig, 0, &esp_rig_udp4, text, sizeof(text));
		if (pad > 38)
			assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_PAD_LENGTH);
		else if (pad == 38)
			/* All of it is padding: no inner header is left. */
			assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_INNER_HEADER);
		else
			assert_int_equal(esp_rig_open(&rig, &packet),
					 pad ? XESP_REASON_PAD_BYTES : XESP_REASON_INNER_HEADER);
		assert_int_equal(packet.result.crypto_status, CRYPTO_INVALID_PACKET_SYNTAX);
	}
	esp_rig_teardown(&rig);
}

static void test_dummy(void **state)
{
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t text[100];

	(void)state;
	for (unsigned int mode = SA_MODE_TRANSPORT; mode <= SA_MODE_TUNNEL; mode++) {
		const struct sa_params params = esp_rig_params((enum sa_mode)mode);

		esp_rig_setup(&rig, &params, NULL);
		/* Random bytes, even where padding would be, are no error (RFC 4303 section 2.6). */
		memset(text, 0xee, sizeof(text));
		text[98] = 10;
		text[99] = IPPROTO_NONE;
		packet = esp_rig_seal(&rig, 0, &esp_rig_udp4, text, sizeof(text));
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DUMMY);
		assert_int_equal(rig.sa->replay.top, 1);
		assert_int_equal(ESP_RIG_COUNTER(&rig, packets), 1);
		assert_int_equal(ESP_RIG_COUNTER(&rig, malformed), 0);
		/* It took its number. */
		rig.seal.seq = 1;
		packet = esp_rig_seal(&rig, 0, &esp_rig_udp4, text, sizeof(text));
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_REPLAY_DUPLICATE);
		/* Forged, it is a forgery. */
		packet = esp_rig_seal(&rig, 0, &esp_rig_udp4, text, sizeof(text));
		packet.frame[packet.frame_len - 1] ^= 4;
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_AUTH_FAILED);
		esp_rig_teardown(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pad_length),
		cmocka_unit_test(test_pad_length_beyond_payload),
		cmocka_unit_test(test_dummy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
