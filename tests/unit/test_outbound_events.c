// SPDX-License-Identifier: BSD-2-Clause
/*
 * What happens to outbound SAs reaches subscribers and is acted on: what workers tell, and the clock. A
 * handle that is stale is nobody's.
 */
#include "control/lifetime.h"
#include "dataplane/sa_out_watch.h"
#include "requests_rig.h"

static const struct sa_out *add(uint32_t spi, const struct sa_limits *limits, const char *dev)
{
	struct sa_params params = {.dir = SA_DIR_OUT,
				   .spi = spi,
				   .mode = SA_MODE_TUNNEL,
				   .cipher = ALGO_AES_GCM,
				   .key_bytes = 20,
				   .icv_bytes = 16,
				   .limits = *limits};
	const struct sa_out *sa = NULL;
	const char *what;

	snprintf(params.dev, sizeof(params.dev), "%s", dev);
	assert_int_equal(ip_addr_parse("192.0.2.1", &params.src), 0);
	assert_int_equal(ip_addr_parse("198.51.100.1", &params.dst), 0);
	assert_int_equal(outbound_add(rig.engine.outbound, &params, &sa, &what), 0);
	assert_int_equal(outbound_events_watch(rig.engine.outbound_events, sa), 0);
	return sa;
}

static void subscribe(const char *parameters)
{
	char text[160];
	json_t *message;

	snprintf(text, sizeof(text), "{\"method\":\"org.xesp.Monitor\",\"more\":true,\"parameters\":{%s}}",
		 parameters);
	send_text(rig.fd, text, strlen(text) + 1);
	message = reply(rig.fixture, rig.fd);
	assert_non_null(message);
	json_decref(message);
}

static const char *text_of(const json_t *event, const char *name)
{
	const char *text = json_string_value(json_object_get(event, name));

	return text ? text : "";
}

static void expect_event(const char *type, const char *handle, const char *limit, const char *dev)
{
	json_t *message = reply(rig.fixture, rig.fd);
	const json_t *event = json_object_get(json_object_get(message, "parameters"), "event");

	assert_non_null(event);
	assert_string_equal(text_of(event, "type"), type);
	assert_string_equal(text_of(event, "handle"), handle);
	assert_string_equal(text_of(event, "limit"), limit);
	assert_string_equal(text_of(event, "dev"), dev);
	assert_string_equal(text_of(event, "src"), "192.0.2.1");
	assert_string_equal(text_of(event, "dst"), "198.51.100.1");
	json_decref(message);
}

static void expect_silence(void)
{
	char byte;

	serve(rig.fixture);
	assert_int_equal(recv(rig.fd, &byte, 1, MSG_PEEK), -1);
}

static struct event told(const struct sa_out *sa, enum event_type type, enum event_limit limit)
{
	struct event event;

	sa_out_watch_fill(sa, (uint8_t)type, &event);
	event.limit = (uint8_t)limit;
	return event;
}

static void take(const struct event *event)
{
	outbound_events_take(rig.engine.outbound_events, event);
}

static void test_workers_tell(void **state)
{
	static const struct sa_limits none;
	const struct sa_out *sa = add(0x1000, &none, ""), *other = add(0x1001, &none, "");
	struct event first = told(sa, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	struct event soft = told(sa, EVENT_SOFT_LIFETIME, EVENT_LIMIT_SEQUENCE);
	struct event hard = told(sa, EVENT_HARD_LIFETIME, EVENT_LIMIT_PACKETS);

	(void)state;
	subscribe("");
	take(&first);
	expect_event("first_use", "sa-out-0-1", "", "");
	take(&soft);
	expect_event("soft_lifetime", "sa-out-0-1", "sequence", "");
	assert_int_equal(outbound_count(rig.engine.outbound), 2);
	take(&hard);
	expect_event("hard_lifetime", "sa-out-0-1", "packets", "");
	/* That SA and no other, and nothing of the inbound ones. */
	assert_int_equal(outbound_count(rig.engine.outbound), 1);
	assert_ptr_equal(outbound_get(rig.engine.outbound, (struct handle){other->index, other->generation}),
			 other);
	take(&hard);
	expect_silence();
	assert_int_equal(outbound_count(rig.engine.outbound), 1);
}

static void test_device(void **state)
{
	static const struct sa_limits none;
	const struct sa_out *sa = add(0x1000, &none, ""), *here = add(0x1001, &none, "x0");
	struct event first = told(sa, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	struct event first_here = told(here, EVENT_FIRST_USE, EVENT_LIMIT_NONE);

	(void)state;
	subscribe("\"dev\":\"x0\"");
	take(&first);
	take(&first_here);
	expect_event("first_use", "sa-out-1-1", "", "x0");
	expect_silence();
}

/* On the loop's real clock. */
static void run_until_gone(uint64_t seconds)
{
	uint64_t start = lifetime_now();

	while (outbound_count(rig.engine.outbound) && lifetime_now() < start + 10000)
		assert_true(sd_event_run(rig.fixture->event, 100000) >= 0);
	assert_int_equal(outbound_count(rig.engine.outbound), 0);
	assert_true(lifetime_now() >= start + seconds * 1000);
}

static void test_seconds_since_the_add(void **state)
{
	static const struct sa_limits limits = {.time_hard = 1};

	(void)state;
	subscribe("");
	add(0x1000, &limits, "");
	run_until_gone(1);
	expect_event("hard_lifetime", "sa-out-0-1", "seconds", "");
	expect_silence();
}

static void test_seconds_since_the_first_use(void **state)
{
	static const struct sa_limits limits = {.time_use_hard = 1};
	const struct sa_out *sa = add(0x1000, &limits, "");
	struct event first = told(sa, EVENT_FIRST_USE, EVENT_LIMIT_NONE);

	(void)state;
	assert_true(sa->life.queued == UINT64_MAX);
	take(&first);
	run_until_gone(1);
}

static void test_age(void **state)
{
	static const struct sa_limits none;
	const struct sa_out *sa = add(0x1000, &none, "");
	struct sa_life *life = outbound_life(rig.engine.outbound, (struct handle){sa->index, sa->generation});
	json_t *answer;
	json_int_t age;

	(void)state;
	life->added -= 3000000;
	answer = ask("{\"method\":\"org.xesp.ListSas\",\"parameters\":{}}", NULL);
	age = json_integer_value(json_object_get(json_array_get(json_object_get(answer, "sas"), 0), "age"));
	assert_true(age >= 3000);
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_workers_tell, start, end),
		cmocka_unit_test_setup_teardown(test_device, start, end),
		cmocka_unit_test_setup_teardown(test_seconds_since_the_add, start, end),
		cmocka_unit_test_setup_teardown(test_seconds_since_the_first_use, start, end),
		cmocka_unit_test_setup_teardown(test_age, start, end),
	};

	return cmocka_run_group_tests_name("outbound_events", tests, NULL, NULL);
}
