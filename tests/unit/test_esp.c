/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps that every packet takes, whatever the mode: metadata, syntax, window, ICV; and
 * that nothing hostile reads beyond the frame (each frame ends at an inaccessible page).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

/* M17 */
static void test_good_packet_in_each_form(void **state)
{
	static const struct esp_rig_outer outers[] = {
		{4, XESP_FORM_NATIVE, 0}, {4, XESP_FORM_UDP, 0}, {4, XESP_FORM_UDP_IKE, 0},
		{6, XESP_FORM_NATIVE, 0}, {6, XESP_FORM_UDP, 0}, {6, XESP_FORM_UDP_IKE, 0},
	};
	struct esp_rig rig;
	uint8_t inner[200];
	size_t len = packet_udp4(inner, 100);

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	for (size_t i = 0; i < sizeof(outers) / sizeof(outers[0]); i++) {
		struct esp_packet packet =
			esp_rig_seal_payload(&rig, 0, &outers[i], inner, len, IPPROTO_IPIP);

		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		assert_int_equal(packet.packet_len, len);
		assert_memory_equal(packet.packet, inner, len);
		assert_int_equal(packet.spi, ESP_RIG_SPI);
		assert_int_equal(packet.seq, i + 1);
		assert_true(packet.result.crypto_done && !packet.result.next_crypto_done);
		assert_int_equal(packet.result.crypto_status, CRYPTO_SUCCESS);
	}
	assert_int_equal(ESP_RIG_COUNTER(&rig, packets), 6);
	assert_int_equal(ESP_RIG_COUNTER(&rig, bytes), 6 * len);
	assert_int_equal(ESP_RIG_COUNTER(&rig, last_used), ESP_RIG_NOW);
	assert_int_equal(ESP_RIG_COUNTER(&rig, malformed) + ESP_RIG_COUNTER(&rig, replayed) +
				 ESP_RIG_COUNTER(&rig, auth_failed),
			 0);
	esp_rig_teardown(&rig);
}

typedef void spoil_fn(struct esp_packet *packet);

static void spoil_magic(struct esp_packet *packet)
{
	packet->meta.magic ^= 1;
}
static void spoil_family(struct esp_packet *packet)
{
	packet->meta.family = 5;
}
static void spoil_family6(struct esp_packet *packet)
{
	packet->meta.family = 6;
}
static void spoil_form(struct esp_packet *packet)
{
	packet->meta.form = 3;
}
static void spoil_native(struct esp_packet *packet)
{
	packet->meta.form = XESP_FORM_NATIVE;
}
static void spoil_l3(struct esp_packet *packet)
{
	packet->meta.l3_offset++;
}
static void spoil_l3_far(struct esp_packet *packet)
{
	packet->meta.l3_offset = 0xffff;
}
static void spoil_esp_offset(struct esp_packet *packet)
{
	packet->meta.esp_offset = 0xffff;
}
static void spoil_esp_length(struct esp_packet *packet)
{
	packet->meta.esp_length++;
}
static void spoil_esp_length_far(struct esp_packet *packet)
{
	packet->meta.esp_length = 0xffff;
}
static void spoil_frame_empty(struct esp_packet *packet)
{
	packet->frame += packet->frame_len;
	packet->frame_len = 0;
}
static void spoil_frame_short(struct esp_packet *packet)
{
	packet->frame_len--;
}
static void spoil_options(struct esp_packet *packet)
{
	packet->frame[packet->meta.l3_offset] = 0x46;
}

static void test_bad_metadata(void **state)
{
	static spoil_fn *const spoils[] = {
		spoil_magic,   spoil_family,	  spoil_family6,     spoil_form,       spoil_native,
		spoil_l3,      spoil_l3_far,	  spoil_esp_offset,  spoil_esp_length, spoil_esp_length_far,
		spoil_options, spoil_frame_empty, spoil_frame_short,
	};
	struct esp_rig rig;
	uint8_t inner[200];
	size_t len = packet_udp4(inner, 50);
	size_t count = sizeof(spoils) / sizeof(spoils[0]);

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	for (size_t i = 0; i < count; i++) {
		struct esp_packet packet =
			esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, inner, len, IPPROTO_IPIP);

		spoils[i](&packet);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_BAD_META);
		assert_int_equal(packet.spi, 0);
	}
	assert_int_equal(rig.sa->replay.top, 0);
	assert_int_equal(ESP_RIG_COUNTER(&rig, malformed), count);
	assert_int_equal(ESP_RIG_COUNTER(&rig, packets), 0);
	esp_rig_teardown(&rig);
}

/* M19: cut at every length, with metadata that agrees with the cut frame. */
static void test_every_truncation(void **state)
{
	struct esp_rig rig;
	uint8_t inner[200];
	uint8_t text[256];
	uint8_t esp[512];
	size_t len = packet_udp4(inner, 61);
	size_t esp_len;

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	memcpy(text, inner, len);
	esp_len = esp_seal(&rig.seal, text, esp_seal_trailer(text, len, esp_seal_padding(len), 4), esp);
	for (size_t cut = 0; cut < esp_len; cut++) {
		struct esp_packet packet = esp_rig_wrap(&rig, 0, &esp_rig_udp4, esp, cut);
		bool whole = cut >= ESP_SEAL_OVERHEAD + 2 && (cut - ESP_SEAL_OVERHEAD) % 4 == 0;

		assert_int_equal(esp_rig_open(&rig, &packet),
				 whole ? XESP_REASON_AUTH_FAILED : XESP_REASON_SYNTAX);
		assert_int_equal(packet.spi, cut < 8 ? 0 : ESP_RIG_SPI);
		assert_true(packet.result.crypto_done);
		assert_int_equal(packet.result.crypto_status,
				 whole ? CRYPTO_TUNNEL_ESP_AUTH_FAILED : CRYPTO_INVALID_PACKET_SYNTAX);
	}
	assert_int_equal(rig.sa->replay.top, 0);
	struct esp_packet packet = esp_rig_wrap(&rig, 0, &esp_rig_udp4, esp, esp_len);
	assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
	esp_rig_teardown(&rig);
}

/* What a packet must become whose only fault is the sequence number `low`; top is the SA's. */
static enum xesp_reason reason_for_seq(const struct sa *sa, uint32_t low)
{
	uint64_t top = sa->replay.top;
	uint64_t seq = low;

	if (sa->replay.esn) {
		seq |= top & ~0xffffffffull;
		if (seq + 64 <= top)
			seq += 1ull << 32;
	}
	if (seq == 0)
		return XESP_REASON_SEQ_ZERO;
	if (seq > top)
		return XESP_REASON_AUTH_FAILED;
	return top - seq >= 64 ? XESP_REASON_REPLAY_OLD : XESP_REASON_REPLAY_DUPLICATE;
}

/* Every bit of ESP header, IV, ciphertext and ICV: never opened, and the window stays as it is. */
static void flip_every_bit(uint32_t flags, uint64_t replay_seq, const struct crypto_provider *provider)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct esp_rig rig;
	uint8_t text[256];
	uint8_t esp[512];
	uint8_t window[128];
	size_t len = packet_udp4(text, 40);
	size_t esp_len;

	params.flags = flags;
	params.replay_seq = replay_seq;
	esp_rig_setup(&rig, &params, provider);
	assert_true(replay_bytes(64) <= sizeof(window));
	memcpy(window, &rig.sa->replay, replay_bytes(64));
	esp_len = esp_seal(&rig.seal, text, esp_seal_trailer(text, len, esp_seal_padding(len), 4), esp);
	for (size_t bit = 0; bit < esp_len * 8; bit++) {
		struct esp_packet packet;
		enum xesp_reason expected = XESP_REASON_AUTH_FAILED;

		esp[bit / 8] ^= (uint8_t)(1u << bit % 8);
		packet = esp_rig_wrap(&rig, 0, &esp_rig_udp4, esp, esp_len);
		if (bit / 8 < 4)
			expected = XESP_REASON_SA_GONE;
		else if (bit / 8 < 8)
			expected = reason_for_seq(rig.sa, (uint32_t)esp[4] << 24 | (uint32_t)esp[5] << 16 |
								  (uint32_t)esp[6] << 8 | esp[7]);
		assert_int_equal(esp_rig_open(&rig, &packet), expected);
		assert_int_equal(packet.result.crypto_done,
				 expected == XESP_REASON_AUTH_FAILED || expected == XESP_REASON_SEQ_ZERO);
		if (expected == XESP_REASON_AUTH_FAILED)
			assert_int_equal(packet.result.crypto_status, CRYPTO_TUNNEL_ESP_AUTH_FAILED);
		assert_memory_equal(window, &rig.sa->replay, replay_bytes(64));
		esp[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(ESP_RIG_COUNTER(&rig, packets), 0);
	assert_int_equal(ESP_RIG_COUNTER(&rig, auth_failed) + ESP_RIG_COUNTER(&rig, replayed) +
				 ESP_RIG_COUNTER(&rig, malformed),
			 (esp_len - 4) * 8);
	struct esp_packet packet = esp_rig_wrap(&rig, 0, &esp_rig_udp4, esp, esp_len);
	assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
	esp_rig_teardown(&rig);
}

/* M18, M21: a replay is nothing that was processed. */
static void test_every_bit_flip(void **state)
{
	(void)state;
	flip_every_bit(0, 0, NULL);
	flip_every_bit(0, 0x1233, NULL);
	flip_every_bit(SA_FLAG_ESN, 0x500001233, NULL);
	flip_every_bit(0, 0x1233, &crypto_openssl);
}

/* RFC 4303 section 3.4.4.2: not even keystream remains in a packet whose ICV was wrong. */
static void test_failed_text_is_wiped(void **state)
{
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t inner[200];
	uint8_t zero[200] = {0};
	size_t len = packet_udp4(inner, 60);

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
	packet.frame[packet.frame_len - 1] ^= 1;
	assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_AUTH_FAILED);
	assert_memory_equal(packet.frame + esp_rig_headers(&esp_rig_udp4) + 16, zero, len);
	esp_rig_teardown(&rig);
}

static void test_replay(void **state)
{
	static const struct {
		uint64_t seq;
		enum xesp_reason reason;
	} steps[] = {
		{0, XESP_REASON_SEQ_ZERO},	    {1, XESP_REASON_DELIVERED},
		{1, XESP_REASON_REPLAY_DUPLICATE},  {100, XESP_REASON_DELIVERED},
		{37, XESP_REASON_DELIVERED},	    {36, XESP_REASON_REPLAY_OLD},
		{37, XESP_REASON_REPLAY_DUPLICATE}, {0xffffffff, XESP_REASON_DELIVERED},
		{1, XESP_REASON_REPLAY_OLD},	    {0, XESP_REASON_SEQ_ZERO},
	};
	struct esp_rig rig;
	uint8_t inner[200];
	size_t len = packet_udp4(inner, 30);

	(void)state;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct esp_packet packet;

		rig.seal.seq = steps[i].seq;
		packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
		assert_int_equal(esp_rig_open(&rig, &packet), steps[i].reason);
		assert_int_equal(packet.seq, steps[i].seq);
	}
	assert_int_equal(ESP_RIG_COUNTER(&rig, packets), 4);
	assert_int_equal(ESP_RIG_COUNTER(&rig, replayed), 4);
	assert_int_equal(ESP_RIG_COUNTER(&rig, malformed), 2);
	esp_rig_teardown(&rig);
}

static void test_esn_across_the_wrap(void **state)
{
	const uint64_t wrap = 1ull << 32;
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t inner[200];
	size_t len = packet_udp4(inner, 30);

	(void)state;
	params.flags = SA_FLAG_ESN;
	params.replay_seq = wrap - 20;
	esp_rig_setup(&rig, &params, NULL);
	for (uint64_t i = 0; i < 60; i++) {
		/* Pairs arrive swapped: the window spans both halves. */
		rig.seal.seq = wrap - 19 + (i ^ 1);
		packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
		assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
		assert_int_equal(packet.seq, wrap - 19 + (i ^ 1));
	}
	/* A peer that counts another high half has another AAD. */
	rig.seal.seq = 5 * wrap + 100;
	packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
	assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_AUTH_FAILED);
	assert_int_equal(rig.sa->replay.top, wrap + 40);
	esp_rig_teardown(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_packet_in_each_form), cmocka_unit_test(test_bad_metadata),
		cmocka_unit_test(test_every_truncation),	 cmocka_unit_test(test_every_bit_flip),
		cmocka_unit_test(test_failed_text_is_wiped),	 cmocka_unit_test(test_replay),
		cmocka_unit_test(test_esn_across_the_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
