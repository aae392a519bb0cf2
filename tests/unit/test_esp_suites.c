/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every suite in every mode: packets open to their plaintext; and whatever of a packet is changed, cut off or
 * sealed with something else than the SA's keys is refused with its reason, delivers nothing and moves
 * nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/packet.h"
#include "tests/lib/suite_rig.h"

#define ESP_HEADER_BYTES 8
#define TOP 0x1233
#define TOP_ESN 0x500001233

typedef void check_fn(struct suite_rig *rig);

/* With each suite in each mode, with and without ESN, from TOP on. */
static void each_with(check_fn *check, const struct crypto_provider *provider, unsigned int variants)
{
	struct suite suite;
	struct suite_rig rig;

	assert_true(suites_at(0, &suite));
	for (size_t i = 0; suites_at(i, &suite); i++)
		for (unsigned int j = 0; j < variants; j++) {
			struct sa_params params = suite_params(&suite, suite_modes[(i + j) % SUITE_MODES]);
			bool esn = (i + j) % 2;

			params.flags = esn ? SA_FLAG_ESN : 0;
			params.replay_seq = esn ? TOP_ESN : TOP;
			if (i + j == 0)
				suite_rig_setup(&rig, &suite, &params, provider);
			else
				suite_rig_change(&rig, &suite, &params);
			check(&rig);
		}
	suite_rig_teardown(&rig);
}

/* Both providers; with the second, which is slower, one variant of each suite. */
static void each(check_fn *check)
{
	each_with(check, NULL, 2 * SUITE_MODES);
	each_with(check, &crypto_openssl, 1);
	assert_true(suites_count() > 60);
}

/* ---- what is good ------------------------------------------------------------------------------------ */

static void open_lengths(struct suite_rig *rig)
{
	size_t len = 28;

	while (len < 1600) {
		struct esp_packet packets[XESP_BURST_MAX];
		size_t first = len, count;

		for (count = 0; count < XESP_BURST_MAX && len < 1600; count++) {
			packets[count] = suite_seal(rig, count, len);
			len += len < 100 ? 1 : 37;
		}
		esp_open_burst(rig->rig.crypto, packets, count, ESP_RIG_NOW);
		len = first;
		for (size_t i = 0; i < count; i++) {
			esp_rig_check(&packets[i]);
			if (!suite_is_plain(rig, &packets[i], len))
				suite_rig_fail(rig, "length", len);
			len += len < 100 ? 1 : 37;
		}
	}
}

static void test_each_length_opens(void **state)
{
	(void)state;
	each(open_lengths);
}

static void open_jumbo(struct suite_rig *rig)
{
	struct esp_packet packet = suite_seal(rig, 0, 8950);

	esp_rig_open(&rig->rig, &packet);
	if (!suite_is_plain(rig, &packet, 8950))
		suite_rig_fail(rig, "length", 8950);
}

static void test_jumbo_opens(void **state)
{
	(void)state;
	each(open_jumbo);
}

/* ---- what is not ------------------------------------------------------------------------------------- */

struct before {
	uint64_t auth_failed;
	uint64_t malformed;
	uint64_t replayed;
	uint64_t top;
};

static struct before note(const struct suite_rig *rig)
{
	return (struct before){ESP_RIG_COUNTER(&rig->rig, auth_failed), ESP_RIG_COUNTER(&rig->rig, malformed),
			       ESP_RIG_COUNTER(&rig->rig, replayed), rig->rig.sa->replay.top};
}

/* RFC 4303 section 3.4.4.2: nothing of it is to be seen, also of text that was never encrypted. */
static bool is_wiped(const struct suite_rig *rig, const struct esp_packet *packet)
{
	const uint8_t *text =
		packet->frame + packet->meta.esp_offset + ESP_HEADER_BYTES + rig->rig.sa->iv_bytes;
	uint32_t len =
		packet->meta.esp_length - ESP_HEADER_BYTES - rig->rig.sa->iv_bytes - rig->rig.sa->icv_bytes;
	uint8_t rest = 0;

	for (uint32_t i = 0; i < len; i++)
		rest |= text[i];
	return !rest;
}

/* Opens a packet that has to be refused for one of two reasons; false if anything else came of it. */
static bool refused(struct suite_rig *rig, struct esp_packet *packet, enum xesp_reason reason,
		    enum xesp_reason other)
{
	struct before before = note(rig), after;
	enum xesp_reason got = esp_rig_open(&rig->rig, packet);

	after = note(rig);
	if ((got != reason && got != other) || after.top != before.top)
		return false;
	if (got == XESP_REASON_AUTH_FAILED && !is_wiped(rig, packet))
		return false;
	return after.auth_failed == before.auth_failed + (got == XESP_REASON_AUTH_FAILED) &&
	       after.malformed == before.malformed + (got == XESP_REASON_SYNTAX) &&
	       after.replayed == before.replayed + (got == XESP_REASON_REPLAY_OLD);
}

/* SPI: of another SA. Sequence number: of another packet; without ESN, 2^31 behind the top is an old one. */
static void flip_bytes(struct suite_rig *rig)
{
	struct esp_packet good = suite_seal(rig, 0, 40);
	uint8_t esp[200];

	assert_in_range(good.meta.esp_length, 1, sizeof(esp));
	memcpy(esp, good.frame + good.meta.esp_offset, good.meta.esp_length);
	for (size_t at = 0; at < good.meta.esp_length; at++) {
		enum xesp_reason reason = at < 4 ? XESP_REASON_SA_GONE : XESP_REASON_AUTH_FAILED;
		enum xesp_reason other = at >= 4 && at < 8 ? XESP_REASON_REPLAY_OLD : reason;
		struct esp_packet packet;

		esp[at] ^= (uint8_t)(1u << at % 8);
		packet = esp_rig_wrap(&rig->rig, 0, &esp_rig_udp4, esp, good.meta.esp_length);
		if (!refused(rig, &packet, reason, other))
			suite_rig_fail(rig, "byte flipped", at);
		esp[at] ^= (uint8_t)(1u << at % 8);
	}
	good = esp_rig_wrap(&rig->rig, 0, &esp_rig_udp4, esp, good.meta.esp_length);
	esp_rig_open(&rig->rig, &good);
	if (!suite_is_plain(rig, &good, 40))
		suite_rig_fail(rig, "byte flipped back", 0);
}

static void test_each_byte_flipped(void **state)
{
	(void)state;
	each(flip_bytes);
}

static enum xesp_reason reason_of_length(const struct suite_rig *rig, size_t len)
{
	const struct sa *sa = rig->rig.sa;
	size_t overhead = ESP_HEADER_BYTES + sa->iv_bytes + sa->icv_bytes;

	/* RFC 4303 section 2.4: whole blocks, or whole words; pad length and next header at the least. */
	if (len < overhead + 2 || (len - overhead) % rig->suite.cipher->align_bytes)
		return XESP_REASON_SYNTAX;
	return XESP_REASON_AUTH_FAILED;
}

static void cut(struct suite_rig *rig)
{
	struct esp_packet good = suite_seal(rig, 0, 61);
	unsigned int failed = 0;
	uint8_t esp[200];

	assert_in_range(good.meta.esp_length, 1, sizeof(esp));
	memcpy(esp, good.frame + good.meta.esp_offset, good.meta.esp_length);
	for (size_t len = 0; len < good.meta.esp_length; len++) {
		enum xesp_reason reason = reason_of_length(rig, len);
		struct esp_packet packet = esp_rig_wrap(&rig->rig, 0, &esp_rig_udp4, esp, len);

		failed += reason == XESP_REASON_AUTH_FAILED;
		if (!refused(rig, &packet, reason, reason))
			suite_rig_fail(rig, "cut to length", len);
	}
	assert_true(failed >= 3);
}

static void test_each_truncation(void **state)
{
	(void)state;
	each(cut);
}

/* A cipher and an integrity algorithm have a key each, and only the latter says whether a packet is the
 * peer's. One whose cipher key is another is the peer's, and rubbish comes out: in tunnel mode no IP packet;
 * in the others it may pass for one if its pad length happens to be 0. */
static bool opens_to_rubbish(struct suite_rig *rig, struct esp_packet *packet)
{
	enum xesp_reason reason = esp_rig_open(&rig->rig, packet);

	if (reason == XESP_REASON_AUTH_FAILED)
		return false;
	return rig->mode == SA_MODE_TUNNEL ? reason != XESP_REASON_DELIVERED
					   : !suite_is_plain(rig, packet, 40);
}

/* Of a DES key the lowest bit of each byte is nothing but parity. */
static void change_keys(struct suite_rig *rig)
{
	struct esp_seal *seal = &rig->rig.seal;
	uint8_t padded[300], next_header;
	size_t len = suite_payload(rig, 40, padded, &next_header);

	len = esp_seal_trailer(padded, len, suite_padding(rig, len), next_header);
	for (size_t i = 0; i < seal->key_bytes; i++) {
		struct esp_packet packet;

		rig->rig.key[i] ^= 0x40;
		packet = esp_rig_seal(&rig->rig, 0, &esp_rig_udp4, padded, len);
		if (rig->suite.auth
			    ? !opens_to_rubbish(rig, &packet)
			    : !refused(rig, &packet, XESP_REASON_AUTH_FAILED, XESP_REASON_AUTH_FAILED))
			suite_rig_fail(rig, "byte of key and salt", i);
		rig->rig.key[i] ^= 0x40;
	}
	for (size_t i = 0; i < seal->auth_key_bytes; i++) {
		struct esp_packet packet;

		rig->rig.auth_key[i] ^= 0x01;
		packet = esp_rig_seal(&rig->rig, 0, &esp_rig_udp4, padded, len);
		if (!refused(rig, &packet, XESP_REASON_AUTH_FAILED, XESP_REASON_AUTH_FAILED))
			suite_rig_fail(rig, "byte of integrity key", i);
		rig->rig.auth_key[i] ^= 0x01;
	}
}

static void test_wrong_keys(void **state)
{
	(void)state;
	each(change_keys);
}

/* Another high half than the one that is guessed; and ESN at one end only. */
static void change_esn(struct suite_rig *rig)
{
	struct esp_seal *seal = &rig->rig.seal;
	uint64_t next = seal->seq;
	struct esp_packet packet;

	for (unsigned int bit = 0; seal->esn && bit < 32; bit++) {
		seal->seq = next ^ 1ull << (32 + bit);
		packet = suite_seal(rig, 0, 40);
		if (!refused(rig, &packet, XESP_REASON_AUTH_FAILED, XESP_REASON_AUTH_FAILED))
			suite_rig_fail(rig, "bit of the high half", bit);
	}
	seal->esn = !seal->esn;
	seal->seq = next;
	packet = suite_seal(rig, 0, 40);
	if (!refused(rig, &packet, XESP_REASON_AUTH_FAILED, XESP_REASON_AUTH_FAILED))
		suite_rig_fail(rig, "ESN at one end only", 0);
}

static void test_wrong_esn(void **state)
{
	(void)state;
	each(change_esn);
}

/* ---- the wrap ---------------------------------------------------------------------------------------- */

#define WRAP (1ull << 32)

/* A burst of `seqs` to an SA that stands at `top`; all of them new. */
static void open_at(struct suite_rig *rig, uint64_t top, const uint64_t *seqs, size_t count)
{
	struct sa_params params = suite_params(&rig->suite, rig->mode);
	const struct suite suite = rig->suite;
	struct esp_packet packets[XESP_BURST_MAX];

	params.flags = SA_FLAG_ESN;
	params.replay_seq = top;
	suite_rig_change(rig, &suite, &params);
	for (size_t i = 0; i < count; i++) {
		rig->rig.seal.seq = seqs[i];
		packets[i] = suite_seal(rig, i, 28 + 3 * i);
	}
	esp_open_burst(rig->rig.crypto, packets, count, ESP_RIG_NOW);
	for (size_t i = 0; i < count; i++) {
		esp_rig_check(&packets[i]);
		if (!suite_is_plain(rig, &packets[i], 28 + 3 * i) || packets[i].seq != seqs[i])
			suite_rig_fail(rig, "packet of a burst across the wrap", i);
	}
}

/* Authenticated in each suite's way: in the AAD, behind the packet, or in the nonce of an implicit IV, too.
 */
static void cross_wrap(struct suite_rig *rig)
{
	static const uint64_t jump[] = {WRAP - 5, WRAP + 1, WRAP - 4, WRAP, WRAP + 30};
	uint64_t seqs[XESP_BURST_MAX];

	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		seqs[i] = 3 * WRAP - 30 + (i ^ 5);
	open_at(rig, 3 * WRAP - 31, seqs, XESP_BURST_MAX);
	open_at(rig, 40, jump, sizeof(jump) / sizeof(jump[0]));
}

static void test_wrap_of_each_suite(void **state)
{
	(void)state;
	each(cross_wrap);
}

/* ---- bursts ------------------------------------------------------------------------------------------ */

/* All suites and modes side by side in bursts, a forged packet among four. */
static void test_bursts_of_all_suites(void **state)
{
	static struct suite_rig rigs[XESP_BURST_MAX];
	struct esp_packet packets[XESP_BURST_MAX];
	struct suite suite;
	size_t number = 0;

	(void)state;
	while (suites_at(number, &suite)) {
		size_t count = 0;

		for (; count < XESP_BURST_MAX && suites_at(number, &suite); count++) {
			struct sa_params params = suite_params(&suite, suite_modes[number % SUITE_MODES]);

			params.flags = number % 5 == 0 ? SA_FLAG_ESN : 0;
			suite_rig_setup(&rigs[count], &suite, &params, NULL);
			packets[count] = suite_seal(&rigs[count], 0, 28 + 13 * count);
			packets[count].frame[packets[count].frame_len - 1] ^= count % 4 == 3;
			number++;
		}
		esp_open_burst(rigs[0].rig.crypto, packets, count, ESP_RIG_NOW);
		for (size_t i = 0; i < count; i++) {
			esp_rig_check(&packets[i]);
			if (i % 4 == 3 ? packets[i].reason != XESP_REASON_AUTH_FAILED ||
						 !is_wiped(&rigs[i], &packets[i])
				       : !suite_is_plain(&rigs[i], &packets[i], 28 + 13 * i))
				suite_rig_fail(&rigs[i], "place in the burst", i);
		}
		for (size_t i = 0; i < count; i++)
			suite_rig_teardown(&rigs[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_length_opens),  cmocka_unit_test(test_jumbo_opens),
		cmocka_unit_test(test_each_byte_flipped),  cmocka_unit_test(test_each_truncation),
		cmocka_unit_test(test_wrong_keys),	   cmocka_unit_test(test_wrong_esn),
		cmocka_unit_test(test_wrap_of_each_suite), cmocka_unit_test(test_bursts_of_all_suites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
