/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of an outbound SA as the workers see it: what may go, what is told and when, once, also where the
 * ring is full.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/sa_out_watch.h"
#include "tests/lib/esp_rig.h"

static struct {
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto;
	struct event_ring *events;
	struct sa_out *sa;
} bench;

static int set_up(void **state)
{
	(void)state;
	memset(&bench, 0, sizeof(bench));
	bench.provider = crypto_provider_by_name("auto");
	bench.events = aligned_alloc(_Alignof(struct event_ring), sizeof(*bench.events));
	if (!bench.events)
		return -ENOMEM;
	memset(bench.events, 0, sizeof(*bench.events));
	return bench.provider->ctx_new(&bench.crypto);
}

static int tear_down(void **state)
{
	(void)state;
	sa_out_free(bench.sa);
	bench.provider->ctx_free(bench.crypto);
	free(bench.events);
	return 0;
}

static void make(const struct sa_limits *limits, uint64_t send_seq, uint32_t flags)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);

	params.dir = SA_DIR_OUT;
	assert_int_equal(ip_addr_parse("192.0.2.77", &params.src), 0);
	params.encap =
		(struct sa_encap){.present = true, .type = XESP_ENCAP_RFC3948, .sport = 4500, .dport = 31337};
	params.limits = *limits;
	params.send_seq = send_seq;
	params.flags = flags;
	assert_int_equal(sa_out_new(&params, bench.provider, bench.crypto, &bench.sa), 0);
	bench.sa->index = 7;
	bench.sa->generation = 3;
}

static uint64_t take(uint32_t count, uint64_t bytes)
{
	return sa_out_watch_take(bench.sa, bench.events, count, bytes);
}

static void expect(enum event_type type, enum event_limit limit)
{
	struct event event = {0};

	assert_true(event_pop(bench.events, &event));
	assert_int_equal(event.type, type);
	assert_int_equal(event.limit, limit);
	assert_int_equal(event.sa_index, 7);
	assert_int_equal(event.sa_generation, 3);
	assert_true(event.outbound);
}

static void expect_nothing(void)
{
	struct event event = {0};

	assert_false(event_pop(bench.events, &event));
}

/* The first packet, with the SA's addresses; then nothing more. */
static void test_first_use(void **state)
{
	static const struct sa_limits none;
	struct event event = {0};

	(void)state;
	make(&none, 0, 0);
	assert_false(sa_out_watch_ended(bench.sa, bench.events));
	assert_true(take(3, 100) == 1);
	assert_true(event_pop(bench.events, &event));
	assert_int_equal(event.type, EVENT_FIRST_USE);
	assert_int_equal(event.family, 4);
	assert_int_equal(event.form, XESP_FORM_UDP);
	assert_int_equal(event.spi, bench.sa->spi);
	assert_int_equal(event.sport, 4500);
	assert_int_equal(event.dport, 31337);
	assert_memory_equal(event.src, "\xc0\x00\x02\x4d", 4);
	assert_memory_equal(event.dst, bench.sa->params.dst.bytes, 4);
	for (unsigned int i = 0; i < 1000; i++)
		assert_true(take(64, UINT32_MAX) == 4 + i * 64);
	expect_nothing();
}

static void test_packets(void **state)
{
	static const struct sa_limits limits = {.packet_soft = 5, .packet_hard = 10};

	(void)state;
	make(&limits, 1000, 0);
	assert_true(take(4, 0) == 1001);
	expect(EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	expect_nothing();
	assert_true(take(1, 0) == 1005);
	expect(EVENT_SOFT_LIFETIME, EVENT_LIMIT_PACKETS);
	/* Too many takes nothing, and ends nothing. */
	assert_true(take(6, 0) == 0);
	assert_false(sa_out_watch_ended(bench.sa, bench.events));
	assert_true(take(4, 0) == 1006);
	expect_nothing();
	/* The one that reaches the limit still goes. */
	assert_true(take(1, 0) == 1010);
	expect(EVENT_HARD_LIFETIME, EVENT_LIMIT_PACKETS);
	assert_true(sa_out_watch_ended(bench.sa, bench.events));
	assert_true(take(1, 0) == 0);
	expect_nothing();
}

static void test_bytes(void **state)
{
	static const struct sa_limits limits = {.byte_soft = 500, .byte_hard = 1000};

	(void)state;
	make(&limits, 0, 0);
	assert_true(take(2, 499) == 1);
	expect(EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	assert_true(take(1, 1) == 3);
	expect(EVENT_SOFT_LIFETIME, EVENT_LIMIT_BYTES);
	assert_true(take(2, 501) == 0);
	assert_false(sa_out_watch_ended(bench.sa, bench.events));
	assert_true(take(1, 400) == 4);
	expect_nothing();
	/* One that exceeds the limit does not go, and no shorter one after it. */
	assert_true(take(1, 101) == 0);
	expect(EVENT_HARD_LIFETIME, EVENT_LIMIT_BYTES);
	assert_true(sa_out_watch_ended(bench.sa, bench.events));
	assert_true(take(1, 1) == 0);
	assert_true(take(1, 0) == 0);
	assert_true(sa_out_left(bench.sa) == UINT32_MAX - 4);
	expect_nothing();
}

static void test_bytes_reached(void **state)
{
	static const struct sa_limits limits = {.byte_hard = 1000};

	(void)state;
	make(&limits, 0, 0);
	assert_true(take(10, 1000) == 1);
	expect(EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	expect(EVENT_HARD_LIFETIME, EVENT_LIMIT_BYTES);
	assert_true(take(1, 0) == 0);
	expect_nothing();
}

/* Numbers that are refused leave the bytes to others. */
static void test_bytes_are_given_back(void **state)
{
	static const struct sa_limits limits = {.byte_hard = 1000, .packet_hard = 4};

	(void)state;
	make(&limits, 0, 0);
	assert_true(take(5, 1000) == 0);
	assert_true(take(4, 999) == 1);
	expect(EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	expect(EVENT_HARD_LIFETIME, EVENT_LIMIT_PACKETS);
}

static void end_of_numbers(uint64_t limit, uint32_t flags)
{
	static const struct sa_limits none;
	static const struct sa_limits huge = {.packet_soft = INT64_MAX, .packet_hard = INT64_MAX};
	uint64_t soft = limit - (1u << 20) + 1;

	make(flags ? &none : &huge, soft - 2, flags);
	assert_true(take(1, 1) == soft - 1);
	expect(EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	expect_nothing();
	assert_true(take(1, 1) == soft);
	expect(EVENT_SOFT_LIFETIME, EVENT_LIMIT_SEQUENCE);
	assert_true(take((1u << 20) - 2, 1) == soft + 1);
	expect_nothing();
	assert_true(take(2, 1) == 0);
	assert_true(take(1, 1) == limit);
	expect(EVENT_HARD_LIFETIME, EVENT_LIMIT_SEQUENCE);
	assert_true(sa_out_watch_ended(bench.sa, bench.events));
	assert_true(take(1, 1) == 0);
	expect_nothing();
	sa_out_free(bench.sa);
	bench.sa = NULL;
}

/* RFC 4303 section 3.3.3 */
static void test_numbers(void **state)
{
	(void)state;
	end_of_numbers(UINT32_MAX, 0);
	end_of_numbers(UINT64_MAX, SA_FLAG_ESN);
}

/* What finds no room is told later, in order, with whatever comes next. */
static void test_full_ring(void **state)
{
	static const struct sa_limits limits = {.packet_soft = 1, .packet_hard = 3};
	const struct event other = {.type = EVENT_AUDIT};
	struct event event = {0};

	(void)state;
	make(&limits, 0, 0);
	while (event_ring_has_room(bench.events))
		event_push(bench.events, &other);
	assert_true(take(1, 1) == 1);
	assert_true(event_pop(bench.events, &event));
	assert_true(take(1, 1) == 2);
	/* One has found room; the end is not put off by that. */
	assert_true(take(1, 1) == 3);
	assert_true(sa_out_watch_ended(bench.sa, bench.events));
	while (event_pop(bench.events, &event) && event.type == EVENT_AUDIT)
		;
	assert_int_equal(event.type, EVENT_FIRST_USE);
	expect_nothing();
	assert_true(sa_out_watch_ended(bench.sa, bench.events));
	expect(EVENT_SOFT_LIFETIME, EVENT_LIMIT_PACKETS);
	expect(EVENT_HARD_LIFETIME, EVENT_LIMIT_PACKETS);
	assert_true(sa_out_watch_ended(bench.sa, bench.events));
	expect_nothing();
	assert_int_equal(atomic_load(&bench.events->lost), 0);
}

/* Without a ring limits hold all the same. */
static void test_nobody_is_told(void **state)
{
	static const struct sa_limits limits = {.packet_hard = 2};

	(void)state;
	make(&limits, 0, 0);
	assert_true(sa_out_watch_take(bench.sa, NULL, 2, 1) == 1);
	assert_true(sa_out_watch_ended(bench.sa, NULL));
	assert_true(sa_out_watch_take(bench.sa, NULL, 1, 1) == 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_use),	  TEST(test_packets),	     TEST(test_bytes),
		TEST(test_bytes_reached), TEST(test_numbers),	     TEST(test_bytes_are_given_back),
		TEST(test_full_ring),	  TEST(test_nobody_is_told),
	};

	return cmocka_run_group_tests_name("sa_out_watch", tests, NULL, NULL);
}
