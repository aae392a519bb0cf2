/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which way bursts take: a trial of both, now and then, and the faster one in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dataplane/tx_choice.h"

#define PACKETS 10
#define TRIAL (2 * TX_CHOICE_SAMPLES)

static struct tx_choice choice;

/* One burst by the way that it is to take; either way takes so many nanoseconds a packet. */
static enum tx_way burst(const uint32_t *ns)
{
	enum tx_way way = tx_choice_way(&choice);

	tx_choice_note(&choice, way, PACKETS, tx_choice_measures(&choice) ? (uint64_t)ns[way] * PACKETS : 0);
	return way;
}

static uint32_t why(void)
{
	return atomic_load(&choice.why);
}

/* The burst that shows that there is traffic, and a trial. Returns how often the way changed. */
static uint32_t trial(const uint32_t *ns)
{
	uint32_t trials = atomic_load(&choice.trials), bursts = 0, changes = 0;
	enum tx_way way = tx_choice_way(&choice);

	while (!choice.trying)
		burst(ns);
	while (atomic_load(&choice.trials) == trials) {
		enum tx_way now = burst(ns);

		changes += now != way;
		way = now;
		assert_true(++bursts <= TRIAL);
	}
	assert_int_equal(bursts, TRIAL);
	assert_int_equal(atomic_load(&choice.ns[TX_WAY_PACKET]), ns[TX_WAY_PACKET]);
	assert_int_equal(atomic_load(&choice.ns[TX_WAY_XDP]), ns[TX_WAY_XDP]);
	return changes;
}

static void test_begins_with_the_packet_socket(void **state)
{
	const uint32_t ns[] = {100, 50};

	(void)state;
	tx_choice_init(&choice, TX_MODE_AUTO, true);
	assert_int_equal(tx_choice_way(&choice), TX_WAY_PACKET);
	assert_int_equal(why(), TX_WHY_UNTRIED);
	assert_false(tx_choice_measures(&choice));
	burst(ns);
	assert_true(tx_choice_measures(&choice));
	assert_int_equal(why(), TX_WHY_UNTRIED);
}

static void test_takes_the_faster_way(void **state)
{
	const uint32_t xdp[] = {100, 50}, packet[] = {50, 100};

	(void)state;
	tx_choice_init(&choice, TX_MODE_AUTO, true);
	trial(xdp);
	assert_int_equal(tx_choice_way(&choice), TX_WAY_XDP);
	assert_int_equal(why(), TX_WHY_MEASURED);
	trial(packet);
	assert_int_equal(tx_choice_way(&choice), TX_WAY_PACKET);
	assert_int_equal(atomic_load(&choice.trials), 2);
}

/* A trial costs little, and comes rarely; in between nothing is measured, and the way stays. */
static void test_seldom(void **state)
{
	const uint32_t ns[] = {100, 50};
	uint32_t between = 0;

	(void)state;
	tx_choice_init(&choice, TX_MODE_AUTO, true);
	assert_true(trial(ns) <= TRIAL / TX_CHOICE_BLOCK);
	while (!choice.trying) {
		assert_int_equal(burst(ns), TX_WAY_XDP);
		between++;
	}
	assert_int_equal(between, TX_CHOICE_AGAIN + 1);
}

/* Ways that are about the same change nothing, whichever is taken. */
static void test_needs_a_reason(void **state)
{
	static const struct {
		uint32_t ns[TX_WAY_COUNT];
		enum tx_way way;
	} rows[] = {
		{{100, 81}, TX_WAY_PACKET}, {{100, 80}, TX_WAY_PACKET}, {{100, 79}, TX_WAY_XDP},
		{{81, 100}, TX_WAY_XDP},    {{80, 100}, TX_WAY_XDP},	{{79, 100}, TX_WAY_PACKET},
	};

	(void)state;
	tx_choice_init(&choice, TX_MODE_AUTO, true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		trial(rows[i].ns);
		assert_int_equal(tx_choice_way(&choice), rows[i].way);
	}
}

/* Some bursts that were interrupted do not decide. */
static void test_median(void **state)
{
	const uint32_t ns[] = {100, 50};
	uint32_t slow = 0;

	(void)state;
	tx_choice_init(&choice, TX_MODE_AUTO, true);
	burst(ns);
	while (!atomic_load(&choice.trials)) {
		enum tx_way way = tx_choice_way(&choice);
		bool late = way == TX_WAY_XDP && slow < TX_CHOICE_SAMPLES / 2;

		slow += late;
		tx_choice_note(&choice, way, PACKETS, late ? UINT64_MAX / 2 : (uint64_t)ns[way] * PACKETS);
	}
	assert_int_equal(slow, TX_CHOICE_SAMPLES / 2);
	assert_int_equal(tx_choice_way(&choice), TX_WAY_XDP);
	assert_int_equal(atomic_load(&choice.ns[TX_WAY_XDP]), 50);
}

/* Small bursts, and those that still went the way of before, say nothing. */
static void test_what_does_not_count(void **state)
{
	const uint32_t ns[] = {100, 50};
	uint32_t bursts = 0;

	(void)state;
	tx_choice_init(&choice, TX_MODE_AUTO, true);
	for (uint32_t i = 0; i < 1000; i++)
		tx_choice_note(&choice, TX_WAY_PACKET, TX_CHOICE_PACKETS_MIN - 1, 1);
	assert_false(tx_choice_measures(&choice));
	burst(ns);
	while (!atomic_load(&choice.trials)) {
		enum tx_way way = tx_choice_way(&choice);

		tx_choice_note(&choice, way, TX_CHOICE_PACKETS_MIN - 1, 1000000);
		tx_choice_note(&choice, way == TX_WAY_XDP ? TX_WAY_PACKET : TX_WAY_XDP, PACKETS, 1000000);
		assert_int_equal(tx_choice_way(&choice), way);
		burst(ns);
		bursts++;
	}
	assert_int_equal(bursts, TRIAL);
	assert_int_equal(atomic_load(&choice.ns[TX_WAY_PACKET]), 100);
	assert_int_equal(atomic_load(&choice.ns[TX_WAY_XDP]), 50);
}

static void expect_fixed(enum tx_mode mode, bool has_ring, enum tx_way way, enum tx_why reason)
{
	const uint32_t ns[] = {100, 50};

	tx_choice_init(&choice, mode, has_ring);
	assert_int_equal(why(), reason);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(burst(ns), way);
		assert_false(tx_choice_measures(&choice));
	}
	assert_int_equal(why(), reason);
}

static void test_nothing_to_choose(void **state)
{
	(void)state;
	expect_fixed(TX_MODE_PACKET, true, TX_WAY_PACKET, TX_WHY_OPTION);
	expect_fixed(TX_MODE_PACKET, false, TX_WAY_PACKET, TX_WHY_OPTION);
	expect_fixed(TX_MODE_XDP, true, TX_WAY_XDP, TX_WHY_OPTION);
	expect_fixed(TX_MODE_XDP, false, TX_WAY_PACKET, TX_WHY_NO_RING);
	expect_fixed(TX_MODE_AUTO, false, TX_WAY_PACKET, TX_WHY_NO_RING);
}

static void test_words(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < TX_WAY_COUNT; i++)
		assert_non_null(tx_way_words[i]);
	for (unsigned int i = 0; i < TX_WHY_COUNT; i++)
		assert_non_null(tx_why_words[i]);
	for (unsigned int i = 0; i < TX_MODE_COUNT; i++)
		assert_non_null(tx_mode_words[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begins_with_the_packet_socket),
		cmocka_unit_test(test_takes_the_faster_way),
		cmocka_unit_test(test_seldom),
		cmocka_unit_test(test_needs_a_reason),
		cmocka_unit_test(test_median),
		cmocka_unit_test(test_what_does_not_count),
		cmocka_unit_test(test_nothing_to_choose),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("tx_choice", tests, NULL, NULL);
}
