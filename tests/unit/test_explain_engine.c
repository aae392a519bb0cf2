/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of loader/cli/explain_engine.c with a classifier that misbehaves: what no real one does must end
 * the run, not bend the sums. Judging as such is tested by tests/e2e/test-explain.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The others belong to the CLI as well, which is no library. */
#include "cli/explain_engine.c"
#include "cli/explain_nested.c"
#include "cli/explain_outer.c"

#define FRAME_LEN 60

struct fake {
	struct classifier base;
	struct classifier_result result; /* of every run */
	uint8_t left[FRAME_LEN];	 /* the frame as this classifier leaves it */
	size_t left_len;		 /* 0: consumed */
	int err;
	bool freed;
};

struct fixture {
	struct explain_engine *engine;
	struct fake fake;
	struct explain_packet packet;
	uint8_t frame[FRAME_LEN];
};

static char last_error[256];

void cli_error(const struct cli *cli, const char *format, ...)
{
	va_list args;

	(void)cli;
	va_start(args, format);
	vsnprintf(last_error, sizeof(last_error), format, args);
	va_end(args);
}

static void fake_free(struct classifier *classifier)
{
	((struct fake *)classifier)->freed = true;
}

static int fake_run(struct classifier *classifier, const uint8_t *frame, size_t frame_len,
		    struct classifier_result *ret_result)
{
	struct fake *fake = (struct fake *)classifier;

	assert_non_null(frame);
	assert_int_equal(frame_len, FRAME_LEN);
	if (fake->err)
		return fake->err;
	*ret_result = fake->result;
	ret_result->frame = fake->left_len ? fake->left : NULL;
	ret_result->frame_len = fake->left_len;
	return 0;
}

static const struct classifier_ops fake_ops = {.name = "fake", .free = fake_free, .run = fake_run};

static void set_up(struct fixture *fixture, enum xesp_reason reason)
{
	struct sadb_config config = {.classifier = &fixture->fake.base, .capacity = 4};

	*fixture = (struct fixture){
		.fake = {.base = {.ops = &fake_ops}, .result = {.reason = reason}, .left_len = FRAME_LEN}};
	for (size_t i = 0; i < FRAME_LEN; i++)
		fixture->frame[i] = fixture->fake.left[i] = (uint8_t)i;
	fixture->packet = (struct explain_packet){
		.number = 7, .frame = fixture->frame, .frame_len = FRAME_LEN, .opened = fixture->frame};
	fixture->engine = calloc(1, sizeof(*fixture->engine));
	assert_non_null(fixture->engine);
	fixture->engine->classifier = &fixture->fake.base;
	assert_int_equal(sadb_new(&config, &fixture->engine->db), 0);
	last_error[0] = '\0';
}

static void tear_down(struct fixture *fixture)
{
	explain_engine_free(fixture->engine);
	assert_true(fixture->fake.freed);
}

static int run(struct fixture *fixture)
{
	return explain_engine_run(NULL, fixture->engine, &fixture->packet, 1);
}

static void test_passed(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture, XESP_REASON_NO_PARSER);
	assert_int_equal(run(&fixture), 0);
	assert_int_equal(fixture.packet.reason, XESP_REASON_NO_PARSER);
	assert_null(fixture.packet.opened);
	assert_string_equal(last_error, "");
	tear_down(&fixture);
}

static void test_consumed(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture, XESP_REASON_KEEPALIVE);
	fixture.fake.left_len = 0;
	assert_int_equal(run(&fixture), 0);
	assert_int_equal(fixture.packet.reason, XESP_REASON_KEEPALIVE);
	tear_down(&fixture);
}

/* One byte in any place, or one byte less. */
static void test_changed_frame(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture, XESP_REASON_NO_PARSER);
	for (size_t i = 0; i < FRAME_LEN; i++) {
		fixture.fake.left[i] ^= 1;
		assert_int_equal(run(&fixture), -EPROTO);
		assert_string_equal(last_error,
				    "packet 7: classifier fake changed the frame, which is a bug");
		fixture.fake.left[i] ^= 1;
	}
	fixture.fake.left_len--;
	assert_int_equal(run(&fixture), -EPROTO);
	tear_down(&fixture);
}

static void test_no_outcome(void **state)
{
	static const enum xesp_reason none[] = {XESP_REASON_NONE, XESP_REASON_TO_ENGINE, 63, XESP_REASON_END};
	struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		set_up(&fixture, none[i]);
		assert_int_equal(run(&fixture), -EPROTO);
		assert_non_null(strstr(last_error, "packet 7: got no outcome"));
		tear_down(&fixture);
	}
}

/* The classifier names an SA that the store does not have: as if deleted on the packet's way. */
static void test_sa_gone(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture, XESP_REASON_TO_ENGINE);
	fixture.fake.result.redirected = true;
	for (uint32_t index = 0; index < 6; index++) {
		fixture.fake.result.meta = (struct xesp_meta){.sa_index = index, .sa_generation = 1};
		assert_int_equal(run(&fixture), 0);
		assert_int_equal(fixture.packet.reason, XESP_REASON_SA_GONE);
	}
	tear_down(&fixture);
}

static void test_failing_run(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture, XESP_REASON_NO_PARSER);
	fixture.fake.err = -ENOMEM;
	assert_int_equal(run(&fixture), -ENOMEM);
	assert_string_equal(last_error, "packet 7: classifier fake: Cannot allocate memory");
	tear_down(&fixture);
}

/* Packets that cannot be judged never reach the classifier (which would assert its frame). */
static void test_not_judged(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture, XESP_REASON_NO_PARSER);
	fixture.packet.frame_len = 0;
	fixture.packet.skip = EXPLAIN_RUNT;
	assert_int_equal(run(&fixture), 0);
	assert_int_equal(fixture.packet.reason, XESP_REASON_TRUNCATED);
	fixture.packet.skip = EXPLAIN_OVERSIZE;
	assert_int_equal(run(&fixture), 0);
	assert_int_equal(fixture.packet.reason, XESP_REASON_NONE);
	tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passed),	      cmocka_unit_test(test_consumed),
		cmocka_unit_test(test_changed_frame), cmocka_unit_test(test_no_outcome),
		cmocka_unit_test(test_sa_gone),	      cmocka_unit_test(test_failing_run),
		cmocka_unit_test(test_not_judged),
	};

	return cmocka_run_group_tests_name("explain_engine", tests, NULL, NULL);
}
