/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The anti-replay window: numbered vectors, sweeps, ESN around 2^32, and a comparison with a model that
 * keeps every number it has seen in a set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/replay.h"

#define WRAP (1ull << 32)
#define TOP32 (WRAP - 1)

static struct replay *window_new(uint32_t window, bool esn, uint64_t top)
{
	/* Exactly replay_bytes(): one word too few is a heap overflow under ASan. */
	struct replay *replay = malloc(replay_bytes(window));

	assert_non_null(replay);
	replay_init(replay, window, esn, top);
	return replay;
}

/* What the packet path does with a number whose ICV is good. */
static enum replay_verdict receive(struct replay *replay, uint64_t seq)
{
	enum replay_verdict verdict = replay_check(replay, seq);

	if (verdict == REPLAY_NEW)
		replay_advance(replay, seq);
	return verdict;
}

#define expect(replay, seq, verdict) assert_int_equal(receive(replay, seq), REPLAY_##verdict)

static void test_numbered_vectors(void **state)
{
	struct replay *replay = window_new(128, false, 0);

	(void)state;
	/*  1 */ expect(replay, 0, ZERO);
	/*  2 */ expect(replay, 1, NEW);
	/*  3 */ expect(replay, 1, DUPLICATE);
	/*  4 */ expect(replay, 9, NEW);
	/*  5 */ expect(replay, 8, NEW);
	/*  6 */ expect(replay, 7, NEW);
	/*  7 */ expect(replay, 7, DUPLICATE);
	/*  8 */ expect(replay, 128, NEW);
	/*  9 */ expect(replay, 127, NEW);
	/* 10 */ expect(replay, 127, DUPLICATE);
	/* 11 */ expect(replay, 126, NEW);
	/* 12 */ expect(replay, 2, NEW);
	/* 13 */ expect(replay, 1, DUPLICATE);
	/* 14 */ expect(replay, 129, NEW);
	/* 15 */ expect(replay, 1, OLD);
	/* 16 */ expect(replay, 2, DUPLICATE);
	/* 17 */ expect(replay, 3, NEW);
	/* 18 */ expect(replay, 256, NEW);
	/* 19 */ expect(replay, 128, OLD);
	/* 20 */ expect(replay, 129, DUPLICATE);
	/* 21 */ expect(replay, 130, NEW);
	/* 22 */ expect(replay, 100000, NEW);
	/* 23 */ expect(replay, 100000 - 128, OLD);
	/* 24 */ expect(replay, 100000 - 127, NEW);
	/* 25 */ expect(replay, 100000 - 127, DUPLICATE);
	/* 26 */ expect(replay, TOP32, NEW);
	/* 27 */ expect(replay, TOP32, DUPLICATE);
	/* 28 */ expect(replay, TOP32 - 1, NEW);
	/* 29: without ESN numbers do not wrap */ expect(replay, 1, OLD);
	/* 30 */ expect(replay, 0, ZERO);
	free(replay);
}

static void test_off(void **state)
{
	struct replay *replay = window_new(0, false, 0);

	(void)state;
	assert_int_equal(replay_bytes(0), sizeof(struct replay));
	expect(replay, 5, NEW);
	expect(replay, 5, NEW);
	expect(replay, 1, NEW);
	/* A sender may let its counter roll over. */
	expect(replay, TOP32, NEW);
	expect(replay, 0, NEW);
	assert_int_equal(replay->top, TOP32);
	free(replay);
}

static const uint32_t large_windows[] = {4095, 4096, 4097, 8191, 8192, 32768, 65471, 65472, 65535, 65536};

#define LARGE_WINDOWS (sizeof(large_windows) / sizeof(large_windows[0]))

/* In order, backwards through the window, all duplicates, left edge. */
static void sweep(uint32_t size)
{
	struct replay *replay = window_new(size, false, 0);
	uint64_t last = 3ull * size + 7;

	for (uint64_t seq = 1; seq <= last; seq++)
		expect(replay, seq, NEW);
	for (uint64_t seq = last; seq > last - size; seq--)
		expect(replay, seq, DUPLICATE);
	for (uint64_t seq = last - size; seq > 0; seq--)
		expect(replay, seq, OLD);
	/* A jump of exactly one window leaves a window without a single received number. */
	expect(replay, last + size, NEW);
	for (uint64_t seq = last + size - 1; seq > last; seq--)
		expect(replay, seq, NEW);
	expect(replay, last, OLD);
	free(replay);
}

/* Every window size, in steps. */
static void test_sweeps(void **state)
{
	(void)state;
	for (uint32_t size = 32; size < 4096; size += size < 300 ? 1 : 61)
		sweep(size);
	for (size_t i = 0; i < LARGE_WINDOWS; i++)
		sweep(large_windows[i]);
}

/* What an SA pays for its window: a ring of a power of two of words. */
static void test_bytes(void **state)
{
	(void)state;
	assert_int_equal(replay_bytes(64) - sizeof(struct replay), 16);
	assert_int_equal(replay_bytes(1024) - sizeof(struct replay), 256);
	assert_int_equal(replay_bytes(4096) - sizeof(struct replay), 1024);
	assert_int_equal(replay_bytes(65536) - sizeof(struct replay), 16384);
}

/* Jumps around the size of the ring, over many rings, and farther than anyone could count one by one: of the
 * numbers before them nothing is left, and the window behind is open. */
static void test_jumps_over_the_ring(void **state)
{
	static const uint32_t sizes[] = {32, 64, 65, 1000, 65536};
	static const uint64_t jumps[] = {4096,	 131008,   131071, 131072,   131073,
					 131136, WRAP - 1, WRAP,   WRAP + 1, 1ull << 62};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t j = 0; j < sizeof(jumps) / sizeof(jumps[0]); j++)
			for (uint64_t start = 70000; start < 70003; start++) {
				struct replay *replay = window_new(sizes[i], true, 0);
				uint64_t top = start + jumps[j];

				/* All bits set that there are. */
				for (uint64_t seq = 1; seq <= start; seq++)
					expect(replay, seq, NEW);
				expect(replay, top, NEW);
				expect(replay, top, DUPLICATE);
				for (uint64_t seq = top - 1; seq > top - sizes[i]; seq--)
					assert_int_equal(replay_check(replay, seq),
							 seq > start ? REPLAY_NEW : REPLAY_DUPLICATE);
				expect(replay, top - sizes[i], OLD);
				free(replay);
			}
}

/* Each jump from each phase within a word: the numbers in between must be open, those before closed. */
static void test_jumps(void **state)
{
	(void)state;
	for (uint32_t start = 1; start <= 130; start++) {
		for (uint32_t jump = 1; jump <= 400; jump += 3) {
			struct replay *replay = window_new(96, false, 0);

			expect(replay, start, NEW);
			expect(replay, start + jump, NEW);
			for (uint32_t seq = start + jump - 1; seq > start; seq--) {
				if (start + jump - seq < 96)
					expect(replay, seq, NEW);
				else
					expect(replay, seq, OLD);
			}
			if (jump < 96)
				expect(replay, start, DUPLICATE);
			free(replay);
		}
	}
}

static void test_check_changes_nothing(void **state)
{
	struct replay *replay = window_new(64, true, 1000);
	struct replay *copy = malloc(replay_bytes(64));

	(void)state;
	assert_non_null(copy);
	memcpy(copy, replay, replay_bytes(64));
	for (uint64_t seq = 0; seq < 3000; seq++)
		replay_check(replay, seq);
	for (uint32_t low = 0; low < 3000; low++)
		replay_guess(replay, low);
	assert_memory_equal(copy, replay, replay_bytes(64));
	free(copy);
	free(replay);
}

/* A window that starts with a number says yes to nothing at or below it, whatever the window's phase. */
static void test_start(void **state)
{
	(void)state;
	for (uint64_t top = 1; top < 600; top++) {
		struct replay *replay = window_new(200, false, top);

		for (uint64_t seq = 1; seq <= top; seq++)
			assert_int_not_equal(replay_check(replay, seq), REPLAY_NEW);
		expect(replay, top + 3, NEW);
		for (uint64_t seq = 1; seq <= top; seq++)
			assert_int_not_equal(replay_check(replay, seq), REPLAY_NEW);
		expect(replay, top + 1, NEW);
		expect(replay, top + 2, NEW);
		expect(replay, top + 2, DUPLICATE);
		free(replay);
	}
}

/* RFC 4303 appendix A2.2: case A (the window lies in one half) and case B (it spans two). */
static void test_esn_guess(void **state)
{
	const struct {
		uint64_t top;
		uint32_t window;
		uint32_t low;
		uint64_t guess;
	} cases[] = {
		/*  1 first packet */ {0, 64, 1, 1},
		/*  2 nothing before number 0 */ {0, 64, 0xffffffff, 0xffffffff},
		/*  3 the same, window not full */ {10, 64, 0xffffffff, 0xffffffff},
		/*  4 A: in the window */ {5 * WRAP + 1000, 64, 990, 5 * WRAP + 990},
		/*  5 A: bottom */ {5 * WRAP + 1000, 64, 937, 5 * WRAP + 937},
		/*  6 A: left of it, so the next half */ {5 * WRAP + 1000, 64, 936, 6 * WRAP + 936},
		/*  7 A: right of it */ {5 * WRAP + 1000, 64, 0xfffffff0, 5 * WRAP + 0xfffffff0},
		/*  8 A: window starts at 0 of the half */ {5 * WRAP + 63, 64, 0, 5 * WRAP},
		/*  9 A: the number before it */ {5 * WRAP + 63, 64, 0xffffffff, 5 * WRAP + 0xffffffff},
		/* 10 B: spans, in the old half */ {5 * WRAP + 62, 64, 0xffffffff, 4 * WRAP + 0xffffffff},
		/* 11 B: bottom */ {5 * WRAP, 64, 0xffffffc1, 4 * WRAP + 0xffffffc1},
		/* 12 B: left of it */ {5 * WRAP, 64, 0xffffffc0, 5 * WRAP + 0xffffffc0},
		/* 13 B: in the new half */ {5 * WRAP + 20, 64, 3, 5 * WRAP + 3},
		/* 14 the wrap of the low half */ {5 * WRAP + 0xffffffff, 64, 0, 6 * WRAP},
		/* 15 first wrap */ {0xffffffff, 64, 0, WRAP},
		/* 16 end of the number space */ {UINT64_MAX, 64, 0xffffffff, UINT64_MAX},
		/* 17 nothing behind it */ {UINT64_MAX, 64, 0, UINT64_MAX - 0xffffffff},
		/* 18 one before it */ {UINT64_MAX - 1, 64, 0xffffffff, UINT64_MAX},
		/* 19 largest window */ {5 * WRAP + 4094, 4096, 0xffffffff, 4 * WRAP + 0xffffffff},
		/* 20 and not spanning */ {5 * WRAP + 4095, 4096, 0xffffffff, 5 * WRAP + 0xffffffff},
		/* 21 no window: the nearest */ {5 * WRAP + 1000, 0, 900, 5 * WRAP + 900},
		/* 22 no window: behind the wrap */ {5 * WRAP + 1000, 0, 0xffffff00, 4 * WRAP + 0xffffff00},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct replay *replay = window_new(cases[i].window, true, cases[i].top);
		uint64_t guess = replay_guess(replay, cases[i].low);

		if (guess != cases[i].guess)
			fail_msg("case %zu: guess %#jx", i + 1, (uintmax_t)guess);
		free(replay);
	}
}

/* A guess waits if and only if a number that is being checked would change it. */
static void test_guess_waits(void **state)
{
	static const struct {
		uint64_t top;
		uint32_t window;
		uint64_t checked;
		uint32_t low;
	} cases[] = {{1000, 64, 1063, 1000},
		     {1000, 64, 1064, 1000},
		     {1000, 64, 1064, 1001},
		     {1000, 64, TOP32 - 5, 50},
		     {1000, 64, TOP32 - 5, TOP32 - 100},
		     {1000, 64, WRAP + 900, 950},
		     {0, 64, TOP32 - 2, 0},
		     {5 * WRAP - 3, 64, 5 * WRAP + 3, TOP32},
		     {5 * WRAP - 3, 64, 5 * WRAP + 63, TOP32},
		     {5 * WRAP - 3, 65536, 5 * WRAP + 65534, TOP32},
		     {5 * WRAP - 3, 65536, 5 * WRAP + 65535, TOP32},
		     {5 * WRAP, 0, 5 * WRAP + 100, TOP32},
		     {5 * WRAP, 0, 5 * WRAP + (1u << 31), TOP32},
		     {UINT64_MAX - 10, 64, UINT64_MAX, 7}};
	unsigned int waited = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct replay *replay = window_new(cases[i].window, true, cases[i].top);
		struct replay *moved = window_new(cases[i].window, true, cases[i].checked);
		uint64_t guess = replay_guess(replay, cases[i].low);
		bool changes = replay_guess(moved, cases[i].low) != guess;

		assert_false(replay_guess_waits(replay, guess));
		replay_expect(replay, cases[i].checked);
		/* Where there is no other number to guess, waiting does no harm. */
		if (cases[i].top < UINT64_MAX - WRAP)
			assert_int_equal(replay_guess_waits(replay, guess), changes);
		waited += changes;
		/* The highest counts. */
		replay_expect(replay, cases[i].top + 1);
		assert_int_equal(replay->ahead, cases[i].checked);
		replay_settle(replay);
		assert_false(replay_guess_waits(replay, guess));
		free(moved);
		free(replay);
	}
	assert_in_range(waited, 7, sizeof(cases) / sizeof(cases[0]) - 5);
}

static void test_no_esn_never_waits(void **state)
{
	struct replay *replay = window_new(64, false, 1000);

	(void)state;
	replay_expect(replay, TOP32);
	for (uint32_t low = 0; low < 2000; low++)
		assert_false(replay_guess_waits(replay, replay_guess(replay, low)));
	free(replay);
}

static void test_no_esn_guess(void **state)
{
	struct replay *replay = window_new(64, false, TOP32);

	(void)state;
	assert_int_equal(replay_guess(replay, 0), 0);
	assert_int_equal(replay_guess(replay, 7), 7);
	assert_int_equal(replay_guess(replay, 0xffffffff), 0xffffffff);
	free(replay);
}

static void test_esn_zero(void **state)
{
	struct replay *replay = window_new(64, true, 0);

	(void)state;
	assert_int_equal(replay_check(replay, replay_guess(replay, 0)), REPLAY_ZERO);
	/* A low half of 0 is a number like any other once the high half is not 0. */
	expect(replay, TOP32, NEW);
	assert_int_equal(replay_guess(replay, 0), WRAP);
	expect(replay, WRAP, NEW);
	expect(replay, WRAP, DUPLICATE);
	free(replay);
}

static void test_esn_limit(void **state)
{
	struct replay *replay = window_new(64, true, UINT64_MAX - 10);

	(void)state;
	expect(replay, UINT64_MAX, NEW);
	expect(replay, UINT64_MAX, DUPLICATE);
	expect(replay, UINT64_MAX - 9, NEW);
	expect(replay, UINT64_MAX - 10, DUPLICATE);
	for (uint32_t low = 0; low < 1000; low++)
		assert_int_equal(replay_check(replay, replay_guess(replay, low)), REPLAY_OLD);
	free(replay);
}

/* xorshift64*, so that the run is the same everywhere. */
static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1dull;
}

/* Loss and reordering across 2^32 without one wrong guess. */
static void test_esn_wrap_with_loss(void **state)
{
	struct replay *replay = window_new(100, true, 7 * WRAP - 5000);
	uint64_t seed = 42;
	uint64_t base = 7 * WRAP - 4000;

	(void)state;
	for (unsigned int i = 0; i < 40000; i++) {
		uint64_t seq = base + i / 5 + random_next(&seed) % 60;
		uint64_t guess = replay_guess(replay, (uint32_t)seq);

		assert_int_equal(guess, seq);
		assert_int_not_equal(receive(replay, guess), REPLAY_OLD);
	}
	assert_true(replay->top > 7 * WRAP + 3000);
	free(replay);
}

#define MODEL_MAX (1u << 22)

/* The definition of RFC 4303 section 3.4.3, with a flag for every number. */
struct model {
	bool seen[MODEL_MAX];
	uint64_t base; /* number of seen[0] */
	uint64_t top;
	uint32_t window;
};

static enum replay_verdict model_receive(struct model *model, uint64_t seq)
{
	if (seq == 0)
		return REPLAY_ZERO;
	if (seq + model->window <= model->top)
		return REPLAY_OLD;
	if (seq <= model->base || model->seen[seq - model->base])
		return REPLAY_DUPLICATE;
	model->seen[seq - model->base] = true;
	if (seq > model->top)
		model->top = seq;
	return REPLAY_NEW;
}

/* A number about the window: mostly in it or a little ahead, sometimes far behind or ahead. */
static uint64_t draw(const struct model *model, uint64_t *seed)
{
	uint32_t window = model->window, ahead = window < 4096 ? window / 8 + 3 : 200;
	uint64_t spread = random_next(seed) % 16 ? 2 * window : 6 * window;
	uint64_t back = random_next(seed) % spread;
	uint64_t seq = model->top + ahead > back ? model->top + ahead - back : 0;

	if (random_next(seed) % (window < 4096 ? 256 : 65536) == 0)
		seq += random_next(seed) % (2 * window);
	return seq;
}

static void compare_with_model(uint32_t window, bool esn, uint64_t base, uint64_t seed)
{
	unsigned int draws = window < 4096 ? 20000 : 6 * window;
	struct replay *replay = window_new(window, esn, base);
	struct model *model = calloc(1, sizeof(*model));
	unsigned int verdicts[4] = {0};

	assert_non_null(model);
	*model = (struct model){.base = base, .top = base, .window = window};
	for (unsigned int i = 0; i < draws; i++) {
		uint64_t seq = draw(model, &seed);
		enum replay_verdict expected;

		if (seq > base && seq - base >= MODEL_MAX)
			break;
		expected = model_receive(model, seq);
		/* RFC 4303 appendix A2.2: what is not left of the window is guessed right. */
		if (esn && expected != REPLAY_OLD)
			assert_int_equal(replay_guess(replay, (uint32_t)seq), seq);
		assert_int_equal(receive(replay, seq), expected);
		assert_int_equal(replay->top, model->top);
		verdicts[expected]++;
	}
	/* The numbers drawn do reach every verdict. */
	assert_true(verdicts[REPLAY_NEW] > 100 && verdicts[REPLAY_DUPLICATE] > 20 &&
		    verdicts[REPLAY_OLD] > 20);
	free(model);
	free(replay);
}

static void test_model(void **state)
{
	static const uint32_t windows[] = {32,	33,  63,   64,	 65,   66,   100,   127,
					   128, 129, 1000, 1024, 4096, 4097, 65535, 65536};

	(void)state;
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		compare_with_model(windows[i], false, 0, 1 + i);
		compare_with_model(windows[i], false, 12345, 100 + i);
		compare_with_model(windows[i], true, WRAP - 300, 200 + i);
		compare_with_model(windows[i], true, 3 * WRAP - windows[i] - 300, 300 + i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbered_vectors),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_sweeps),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_jumps_over_the_ring),
		cmocka_unit_test(test_check_changes_nothing),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_esn_guess),
		cmocka_unit_test(test_guess_waits),
		cmocka_unit_test(test_no_esn_never_waits),
		cmocka_unit_test(test_no_esn_guess),
		cmocka_unit_test(test_esn_zero),
		cmocka_unit_test(test_esn_limit),
		cmocka_unit_test(test_esn_wrap_with_loss),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
