/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BEET mode: the inner header that is made, and the room for it in the frame.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/esp_beet.h"
#include "tests/unit/beet_rig.h"

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
		const struct esp_rig_outer outer = beet_outer(i);
		uint8_t inner = i < 6 ? 4 : 6;

		beet_setup(&rig, inner);
		for (size_t len = 0; len < sizeof(payload); len += len < 80 ? 1 : 111) {
			const struct beet_expected expected =
				beet_expected_of(inner, outer.family, ANY, payload, len);
			struct esp_packet packet = esp_rig_seal_payload(&rig, 0, &outer, payload, len, ANY);

			esp_rig_open(&rig, &packet);
			beet_check(&packet, &expected);
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

static void put_outer_fields(struct esp_packet *packet, const struct beet_expected *fields)
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

		beet_setup(&rig, inner);
		for (unsigned int ds = 0; ds < 256; ds++) {
			struct beet_expected expected =
				beet_expected_of(inner, outer.family, ANY, payload, 12);
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
			beet_check(&packet, &expected);
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
	beet_setup(&rig, 4);
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

/* ---- room -------------------------------------------------------------------------------------------- */

/* Without an Ethernet header in front, which all frames of the classifier have, there may be none for IPv6:
 * the frame is left as it is. The least that still has room is used to the last byte. */
static void test_no_room_is_no_packet(void **state)
{
	uint8_t before[80], payload_len = 20, ipv4[20] = {0x45, [8] = 64, [9] = 50};
	struct esp_rig rig;

	(void)state;
	beet_setup(&rig, 6);
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
		cmocka_unit_test(test_no_room_is_no_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
