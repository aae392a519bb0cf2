/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended sequence numbers to the edge: the wrap of the low half one by one and within a burst, windows
 * across it, loss of nearly 2^32 packets, wrong guesses; and that a burst comes out as its packets would one
 * by one. What depends on the suite is in test_esp_suites.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

#define WRAP (1ull << 32)

static void setup(struct esp_rig *rig, uint32_t window, uint64_t top)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);

	params.flags = SA_FLAG_ESN;
	params.replay_window = window;
	params.replay_seq = top;
	esp_rig_setup(rig, &params, NULL);
}

static struct esp_packet seal(struct esp_rig *rig, size_t slot, uint64_t seq)
{
	uint8_t inner[100];
	size_t len = packet_udp4(inner, 30);

	rig->seal.seq = seq;
	return esp_rig_seal_payload(rig, slot, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
}

static enum xesp_reason open_one(struct esp_rig *rig, uint64_t seq)
{
	struct esp_packet packet = seal(rig, 0, seq);
	enum xesp_reason reason = esp_rig_open(rig, &packet);

	if (reason == XESP_REASON_DELIVERED)
		assert_int_equal(packet.seq, seq);
	return reason;
}

/* All of them new, in the given order; `top` is where the window ends. */
static void open_burst(struct esp_rig *rig, const uint64_t *seqs, size_t count, uint64_t top)
{
	struct esp_packet packets[XESP_BURST_MAX];

	for (size_t i = 0; i < count; i++)
		packets[i] = seal(rig, i, seqs[i]);
	esp_open_burst(rig->crypto, packets, count, ESP_RIG_NOW);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(packets[i].reason, XESP_REASON_DELIVERED);
		assert_int_equal(packets[i].seq, seqs[i]);
	}
	assert_int_equal(rig->sa->replay.top, top);
}

static const uint32_t windows[] = {0, 32, 64, 100, 4096, 65536};

#define WINDOWS (sizeof(windows) / sizeof(windows[0]))

/* Pairs arrive swapped, so that the window spans both halves for as long as it is wide. */
static void test_across_the_wrap(void **state)
{
	(void)state;
	for (size_t i = 0; i < WINDOWS; i++) {
		struct esp_rig rig;

		setup(&rig, windows[i], 3 * WRAP - 100);
		for (uint64_t n = 0; n < 200; n++)
			assert_int_equal(open_one(&rig, 3 * WRAP - 99 + (n ^ 1)), XESP_REASON_DELIVERED);
		if (windows[i] > 200)
			for (uint64_t n = 0; n < 200; n++)
				assert_int_equal(open_one(&rig, 3 * WRAP - 99 + n),
						 XESP_REASON_REPLAY_DUPLICATE);
		esp_rig_teardown(&rig);
	}
}

/* Old half, new half, and back, in one burst. */
static void test_wrap_within_a_burst(void **state)
{
	uint64_t seqs[XESP_BURST_MAX];

	(void)state;
	for (size_t i = 0; i < WINDOWS; i++)
		for (uint64_t before = 0; before <= XESP_BURST_MAX; before++) {
			struct esp_rig rig;

			setup(&rig, windows[i], 3 * WRAP - before - 1);
			for (uint64_t n = 0; n < XESP_BURST_MAX; n++)
				seqs[n] = 3 * WRAP - before + (n ^ 7);
			open_burst(&rig, seqs, XESP_BURST_MAX, 3 * WRAP - before + XESP_BURST_MAX - 1);
			esp_rig_teardown(&rig);
		}
}

/* The farthest packet that is told right is the one before 2^32 behind the window's left edge (RFC 4303
 * appendix A2.2); what comes next needs the resynchronization of appendix A3, which nobody has. */
static void test_loss_near_the_limit(void **state)
{
	(void)state;
	for (size_t i = 1; i < WINDOWS; i++) {
		struct esp_rig rig;
		uint64_t top = 2 * WRAP + 100000, bottom = top - (windows[i] - 1);

		setup(&rig, windows[i], top);
		/* Its low half is the one of a number in the window. */
		assert_int_equal(open_one(&rig, bottom + WRAP), XESP_REASON_REPLAY_DUPLICATE);
		assert_int_equal(rig.sa->replay.top, top);
		assert_int_equal(open_one(&rig, bottom + WRAP - 1), XESP_REASON_DELIVERED);
		assert_int_equal(rig.sa->replay.top, bottom + WRAP - 1);
		esp_rig_teardown(&rig);
	}
}

/* A peer that is in another high half than the guess: authentication fails, and nothing moves. */
static void test_wrong_guess(void **state)
{
	static const uint64_t seqs[] = {1001, 2 * WRAP + 1001, 7 * WRAP + 1001, (1ull << 63) + 1001,
					4 * WRAP + 50000};

	(void)state;
	for (size_t i = 0; i < WINDOWS; i++) {
		struct esp_rig rig;

		setup(&rig, windows[i], WRAP + 1000);
		for (size_t j = 0; j < sizeof(seqs) / sizeof(seqs[0]); j++) {
			assert_int_equal(open_one(&rig, seqs[j]), XESP_REASON_AUTH_FAILED);
			assert_int_equal(rig.sa->replay.top, WRAP + 1000);
		}
		assert_int_equal(ESP_RIG_COUNTER(&rig, auth_failed), sizeof(seqs) / sizeof(seqs[0]));
		assert_int_equal(ESP_RIG_COUNTER(&rig, packets), 0);
		/* The number that was guessed is still to be had. */
		assert_int_equal(open_one(&rig, WRAP + 1001), XESP_REASON_DELIVERED);
		esp_rig_teardown(&rig);
	}
}

/* An SA that starts at 0 although its peer is about to wrap; and one that lost nearly 2^32 packets. Those
 * behind the first packet of the burst have another high half than the window says when the burst begins. */
static void test_jump_within_a_burst(void **state)
{
	(void)state;
	for (size_t i = 0; i < WINDOWS; i++)
		for (uint64_t top = 0; top <= 40; top += 40) {
			const uint64_t seqs[] = {WRAP - 5, WRAP + 1, WRAP - 4, WRAP,
						 WRAP + 2, WRAP - 3, WRAP + 20};
			struct esp_rig rig;

			/* Without a window a guess reaches 2^31 to each side of the top. */
			if (windows[i] == 0)
				continue;
			setup(&rig, windows[i], top);
			open_burst(&rig, seqs, sizeof(seqs) / sizeof(seqs[0]), WRAP + 20);
			esp_rig_teardown(&rig);
		}
}

/* Somebody without the key sends numbers far ahead between all packets. It makes the burst many; it harms
 * none of the peer's packets, and those of other SAs neither. */
static void test_forged_jumps_within_a_burst(void **state)
{
	struct esp_packet packets[XESP_BURST_MAX];
	struct esp_rig rig, other;

	(void)state;
	setup(&rig, 64, 9 * WRAP + 5);
	setup(&other, 64, 0);
	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		if (i % 3 == 2) {
			packets[i] = seal(&other, i, i);
			continue;
		}
		packets[i] = seal(&rig, i, 9 * WRAP + 6 + (i % 3 ? i : (i + 1) * 0x3000000));
		if (i % 3 == 0)
			packets[i].frame[packets[i].frame_len - 1] ^= 1;
	}
	esp_open_burst(rig.crypto, packets, XESP_BURST_MAX, ESP_RIG_NOW);
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		assert_int_equal(packets[i].reason, i % 3 ? XESP_REASON_DELIVERED : XESP_REASON_AUTH_FAILED);
	esp_rig_teardown(&rig);
	esp_rig_teardown(&other);
}

/* ---- a burst and its packets one by one -------------------------------------------------------------- */

/* xorshift64*, so that the run is the same everywhere. */
static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1dull;
}

/* About the top, sometimes far ahead, sometimes around the wrap. */
static uint64_t draw(uint64_t top, uint32_t window, uint64_t *seed)
{
	uint64_t near = random_next(seed) % (2 * window);

	switch (random_next(seed) % 16) {
	case 0: return top + random_next(seed) % WRAP;
	case 1: return (top | (WRAP - 1)) - near;
	case 2: return (top | (WRAP - 1)) + near;
	case 3: return top + WRAP - near;
	case 4: return top + 20 * near;
	default: return top + window / 4 > near ? top + window / 4 - near : near;
	}
}

struct twins {
	struct esp_rig burst; /* the same SA twice */
	struct esp_rig single;
	struct esp_packet packets[XESP_BURST_MAX];
	struct esp_packet copies[XESP_BURST_MAX];
	uint64_t seqs[XESP_BURST_MAX];
	bool forged[XESP_BURST_MAX];
	uint64_t seed;
	unsigned int outcomes[XESP_REASON_END];
};

static void fill(struct twins *twins)
{
	uint64_t top = twins->burst.sa->replay.top;

	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		uint64_t seq = draw(top, twins->burst.sa->replay.window, &twins->seed);
		struct esp_packet *packet = &twins->packets[i], *copy = &twins->copies[i];

		/* Where a peer would be that has sent this. */
		if (random_next(&twins->seed) % 4)
			top = seq;
		twins->seqs[i] = seq;
		*packet = seal(&twins->burst, i, seq);
		twins->forged[i] = random_next(&twins->seed) % 8 == 0;
		packet->frame[packet->frame_len - 1] ^= twins->forged[i];
		*copy = *packet;
		copy->frame = esp_rig_frame_end(&twins->single, i) - packet->frame_len;
		copy->sa = twins->single.sa;
		memcpy(copy->frame, packet->frame, packet->frame_len);
	}
}

/* A packet that is forged, or that is guessed to have another number, fails its ICV, or before that the early
 * check: which of them may differ. */
static void open_and_compare(struct twins *twins)
{
	struct replay *burst = &twins->burst.sa->replay;

	esp_open_burst(twins->burst.crypto, twins->packets, XESP_BURST_MAX, ESP_RIG_NOW);
	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		const struct esp_packet *packet = &twins->packets[i];

		esp_open_burst(twins->single.crypto, &twins->copies[i], 1, ESP_RIG_NOW);
		assert_int_equal(packet->seq, twins->copies[i].seq);
		if (twins->forged[i] || packet->seq != twins->seqs[i]) {
			assert_int_not_equal(packet->reason, XESP_REASON_DELIVERED);
			assert_int_not_equal(twins->copies[i].reason, XESP_REASON_DELIVERED);
		} else {
			assert_int_equal(packet->reason, twins->copies[i].reason);
		}
		twins->outcomes[packet->reason]++;
	}
	assert_memory_equal(burst, &twins->single.sa->replay, replay_bytes(burst->window));
}

static void test_burst_is_as_one_by_one(void **state)
{
	struct twins *twins = calloc(1, sizeof(*twins));

	(void)state;
	assert_non_null(twins);
	for (size_t i = 1; i < WINDOWS; i++) {
		twins->seed = i;
		setup(&twins->burst, windows[i], 0);
		setup(&twins->single, windows[i], 0);
		for (unsigned int round = 0; round < 300; round++) {
			fill(twins);
			open_and_compare(twins);
		}
		/* They did wrap. */
		assert_true(twins->burst.sa->replay.top > 20 * WRAP);
		esp_rig_teardown(&twins->burst);
		esp_rig_teardown(&twins->single);
	}
	/* The numbers drawn do reach every outcome. */
	assert_true(twins->outcomes[XESP_REASON_DELIVERED] > 1000);
	assert_true(twins->outcomes[XESP_REASON_AUTH_FAILED] > 1000);
	assert_true(twins->outcomes[XESP_REASON_REPLAY_DUPLICATE] > 100);
	free(twins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_across_the_wrap),
		cmocka_unit_test(test_wrap_within_a_burst),
		cmocka_unit_test(test_loss_near_the_limit),
		cmocka_unit_test(test_wrong_guess),
		cmocka_unit_test(test_jump_within_a_burst),
		cmocka_unit_test(test_forged_jumps_within_a_burst),
		cmocka_unit_test(test_burst_is_as_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
