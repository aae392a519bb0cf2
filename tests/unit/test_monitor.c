/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Subscriptions over a real socket: who gets which events, slow clients, clients that go, many of them; and
 * events as JSON and as text.
 */
#include <stdio.h>

#include "control/event_json.h"
#include "control/monitor.h"
#include "requests_rig.h"

#define SUBSCRIBE(parameters) \
	"{\"method\":\"org.xesp.Monitor\",\"more\":true,\"parameters\":{" parameters "}}"

static int subscribe(const char *request)
{
	int fd = client(rig.fixture);
	json_t *answer;

	send_text(fd, request, strlen(request) + 1);
	answer = reply(rig.fixture, fd);
	assert_non_null(answer);
	assert_null(json_object_get(answer, "error"));
	assert_true(json_is_true(json_object_get(answer, "continues")));
	assert_null(json_object_get(json_object_get(answer, "parameters"), "event"));
	json_decref(answer);
	return fd;
}

static struct event event_of(enum event_type type, uint32_t spi)
{
	struct event event = {.type = (uint8_t)type, .sa_index = 7, .sa_generation = 3, .spi = spi};

	return event;
}

static void publish(enum event_type type, uint32_t spi, const char *dev)
{
	const struct event event = event_of(type, spi);

	monitor_publish(rig.engine.monitor, dev, &event, NULL);
}

/* The next event of a subscriber; the caller's. */
static json_t *next_event(int fd)
{
	json_t *answer = reply(rig.fixture, fd);
	json_t *event;

	assert_non_null(answer);
	assert_true(json_is_true(json_object_get(answer, "continues")));
	event = json_incref(json_object_get(json_object_get(answer, "parameters"), "event"));
	json_decref(answer);
	assert_non_null(event);
	return event;
}

static void expect_event(int fd, const char *type, json_int_t spi)
{
	json_t *event = next_event(fd);

	assert_string_equal(json_string_value(json_object_get(event, "type")), type);
	assert_int_equal(json_integer_value(json_object_get(event, "spi")), spi);
	json_decref(event);
}

static void expect_silence(int fd)
{
	char byte;

	serve(rig.fixture);
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static bool readable(int fd)
{
	char byte;

	serve(rig.fixture);
	return recv(fd, &byte, 1, MSG_PEEK) == 1;
}

static void test_types_and_interfaces(void **state)
{
	int all = subscribe(SUBSCRIBE(""));
	int uses = subscribe(SUBSCRIBE("\"types\":[\"first_use\",\"packet\"]"));
	int here = subscribe(SUBSCRIBE("\"dev\":\"x0\",\"types\":null"));

	(void)state;
	publish(EVENT_FIRST_USE, 1, "x0");
	publish(EVENT_HARD_LIFETIME, 2, "y0");
	publish(EVENT_PACKET, 3, "x0");
	publish(EVENT_CAPABILITY_CHANGE, 4, NULL);
	expect_event(all, "first_use", 1);
	expect_event(all, "hard_lifetime", 2);
	expect_event(all, "capability_change", 4);
	expect_silence(all);
	expect_event(uses, "first_use", 1);
	expect_event(uses, "packet", 3);
	expect_silence(uses);
	expect_event(here, "first_use", 1);
	expect_silence(here);
	close(all);
	close(uses);
	close(here);
}

static void test_refused(void **state)
{
	(void)state;
	expect("{\"method\":\"org.xesp.Monitor\",\"parameters\":{}}", "org.varlink.service.ExpectedMore");
	expect(SUBSCRIBE("\"types\":[\"nonsense\"]"), "org.xesp.InvalidField");
	expect(SUBSCRIBE("\"types\":[7]"), "org.xesp.InvalidField");
	expect(SUBSCRIBE("\"types\":\"audit\""), "org.xesp.InvalidField");
	expect(SUBSCRIBE("\"dev\":\"abcdefghijklmnop\""), "org.xesp.InvalidField");
	expect(SUBSCRIBE("\"what\":1"), "org.xesp.InvalidField");
}

/* Packets are events only while somebody wants them, of that interface. */
static void test_demand(void **state)
{
	struct monitor *monitor = rig.engine.monitor;
	int fd;

	(void)state;
	fd = subscribe(SUBSCRIBE(""));
	assert_false(monitor_wants(monitor, EVENT_PACKET, "x0"));
	assert_true(monitor_wants(monitor, EVENT_FIRST_USE, "x0"));
	close(fd);
	fd = subscribe(SUBSCRIBE("\"types\":[\"packet\"],\"dev\":\"x0\""));
	assert_true(monitor_wants(monitor, EVENT_PACKET, "x0"));
	assert_false(monitor_wants(monitor, EVENT_PACKET, "y0"));
	close(fd);
	serve(rig.fixture);
	assert_false(monitor_wants(monitor, EVENT_PACKET, "x0"));
	assert_false(monitor_wants(monitor, EVENT_FIRST_USE, "x0"));
}

/* A subscriber that does not read: its queue is bounded, the others get everything, and when it reads again
 * it is told how much it missed. */
static void test_slow_subscriber(void **state)
{
	static const unsigned int many = 20000;
	int slow = subscribe(SUBSCRIBE("\"types\":[\"first_use\"]"));
	int quick = subscribe(SUBSCRIBE("\"types\":[\"first_use\"]"));
	unsigned int got = 0;
	json_int_t lost;
	json_t *event;

	(void)state;
	for (unsigned int i = 1; i <= many; i++) {
		publish(EVENT_FIRST_USE, i, "x0");
		expect_event(quick, "first_use", i);
	}
	/* All that was queued; what was not is told with the next event. */
	while (got < many && readable(slow)) {
		expect_event(slow, "first_use", ++got);
	}
	publish(EVENT_FIRST_USE, many + 1, "x0");
	event = next_event(slow);
	assert_string_equal(json_string_value(json_object_get(event, "type")), "lost");
	lost = json_integer_value(json_object_get(event, "lost"));
	json_decref(event);
	expect_event(slow, "first_use", many + 1);
	assert_int_equal(got + lost, many);
	assert_true(lost > 0);
	assert_true(got > 100);
	close(slow);
	close(quick);
}

/* Calls behind Monitor on one connection are not answered, nor is the daemon kept busy by them. */
static void test_calls_behind_it_wait(void **state)
{
	static const char more[] = "{\"method\":\"org.xesp.Status\"}";
	int fd = subscribe(SUBSCRIBE("\"types\":[\"first_use\"]"));

	(void)state;
	send_text(fd, more, sizeof(more));
	expect_silence(fd);
	assert_int_equal(sd_event_run(rig.fixture->event, 0), 0);
	publish(EVENT_FIRST_USE, 5, "x0");
	expect_event(fd, "first_use", 5);
	/* The sending side closed: still a subscriber. */
	shutdown(fd, SHUT_WR);
	publish(EVENT_FIRST_USE, 6, "x0");
	expect_event(fd, "first_use", 6);
	close(fd);
}

static void test_many_come_and_go(void **state)
{
	int fds[100];

	(void)state;
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 100; i++)
			fds[i] = subscribe(SUBSCRIBE(""));
		for (unsigned int i = 0; i < 100; i += 2)
			close(fds[i]);
		publish(EVENT_FIRST_USE, round, "x0");
		publish(EVENT_FIRST_USE, 1000, "x0");
		for (unsigned int i = 1; i < 100; i += 2) {
			if (round)
				expect_event(fds[i], "first_use", round);
			else
				json_decref(next_event(fds[i]));
			expect_event(fds[i], "first_use", 1000);
			close(fds[i]);
		}
		serve(rig.fixture);
		assert_false(monitor_wants(rig.engine.monitor, EVENT_FIRST_USE, "x0"));
	}
}

/* ---- formats ------------------------------------------------------------------------------------------ */

static void check_format(const struct event *event, const char *detail, const char *json, const char *text)
{
	json_t *got = event_json("x0", event, detail);
	json_t *wanted = json_loads(json, 0, NULL);
	char buffer[EVENT_TEXT_MAX];

	assert_non_null(got);
	assert_non_null(wanted);
	if (!json_equal(got, wanted))
		fail_msg("%s", json_dumps(got, 0));
	assert_string_equal(event_json_text(got, buffer), text);
	json_decref(got);
	json_decref(wanted);
}

static void test_formats(void **state)
{
	struct event event = {.type = EVENT_MAPPING_CHANGE,
			      .time_ns = 1700000000123456789,
			      .family = 4,
			      .form = XESP_FORM_UDP,
			      .sa_index = 1,
			      .sa_generation = 2,
			      .spi = 0x1234,
			      .seq = 9,
			      .src = {192, 0, 2, 1},
			      .dst = {192, 0, 2, 2},
			      .old_src = {192, 0, 2, 9},
			      .sport = 11,
			      .dport = 4500,
			      .old_sport = 12};

	(void)state;
	check_format(
		&event, NULL,
		"{\"type\":\"mapping_change\",\"time_us\":1700000000123456,\"dev\":\"x0\","
		"\"handle\":\"sa-1-2\",\"spi\":4660,\"seq\":9,\"src\":\"192.0.2.1\",\"sport\":11,"
		"\"dst\":\"192.0.2.2\",\"dport\":4500,\"form\":\"espinudp\",\"old_src\":\"192.0.2.9\","
		"\"old_sport\":12}",
		"x0: mapping_change handle sa-1-2 spi 0x00001234 seq 9 src 192.0.2.1 sport 11 dst 192.0.2.2 "
		"dport 4500 old_src 192.0.2.9 old_sport 12 form espinudp");
	event = (struct event){.type = EVENT_AUDIT,
			       .reason = XESP_REASON_NO_SA,
			       .family = 6,
			       .sa_index = UINT32_MAX,
			       .spi = 1,
			       .src = {0x20, 1, [15] = 1},
			       .dst = {0x20, 1, [15] = 2},
			       .lost = 5};
	check_format(
		&event, "a\nb",
		"{\"type\":\"audit\",\"time_us\":0,\"dev\":\"x0\",\"spi\":1,\"seq\":0,\"reason\":\"no_sa\","
		"\"src\":\"2001::1\",\"dst\":\"2001::2\",\"form\":\"esp\",\"suppressed\":5,\"detail\":\"a\\nb\"}",
		"x0: audit reason no_sa suppressed 5 spi 0x00000001 seq 0 src 2001::1 dst 2001::2 form esp (a?b)");
	event = (struct event){.type = EVENT_SOFT_LIFETIME, .limit = EVENT_LIMIT_SECONDS, .spi = 256};
	check_format(&event, NULL,
		     "{\"type\":\"soft_lifetime\",\"time_us\":0,\"dev\":\"x0\",\"handle\":\"sa-0-0\","
		     "\"spi\":256,\"limit\":\"seconds\"}",
		     "x0: soft_lifetime limit seconds handle sa-0-0 spi 0x00000100");
}

/* What another daemon, or none, may send to `xesp monitor`. */
static void test_text_of_hostile_events(void **state)
{
	char buffer[EVENT_TEXT_MAX];
	char *longer = malloc(100000);
	json_t *event;

	(void)state;
	memset(longer, 'x', 99999);
	longer[99999] = '\0';
	event = json_pack("{s:s, s:i, s:s, s:[i]}", "type", longer, "dev", 5, "src", "\033[2J\177", "spi", 1);
	event_json_text(event, buffer);
	assert_int_equal(strlen(buffer), EVENT_TEXT_MAX - 1);
	json_object_set_new(event, "type", json_null());
	assert_string_equal(event_json_text(event, buffer), "? src ?[2J?");
	json_decref(event);
	event = json_array();
	assert_string_equal(event_json_text(event, buffer), "?");
	json_decref(event);
	free(longer);
}

/* Those who were told of it had lost their connection: who subscribes later is told first, if he wants to
 * know. */
static void test_restart_is_told_to_who_comes_later(void **state)
{
	int before = subscribe(SUBSCRIBE(""));
	json_t *event;
	int later;
	int uses;

	(void)state;
	monitor_restarted(rig.engine.monitor, 1234567, "old");
	event = next_event(before);
	assert_string_equal(json_string_value(json_object_get(event, "type")), "engine_restart");
	json_decref(event);
	monitor_restarted(rig.engine.monitor, 7654321, "the engine ended by signal 9");
	later = subscribe(SUBSCRIBE("\"dev\":\"x0\""));
	event = next_event(later);
	assert_string_equal(json_string_value(json_object_get(event, "type")), "engine_restart");
	assert_int_equal(json_integer_value(json_object_get(event, "time_us")), 7654321);
	assert_string_equal(json_string_value(json_object_get(event, "detail")),
			    "the engine ended by signal 9");
	json_decref(event);
	expect_silence(later);
	uses = subscribe(SUBSCRIBE("\"types\":[\"first_use\"]"));
	expect_silence(uses);
	close(before);
	close(later);
	close(uses);
}

static void test_names(void **state)
{
	enum event_type type;

	(void)state;
	for (unsigned int i = 0; i < EVENT_TYPE_END; i++) {
		assert_true(event_type_by_name(event_type_name(i), &type));
		assert_int_equal(type, i);
	}
	assert_null(event_type_name(EVENT_TYPE_END));
	assert_false(event_type_by_name("", &type));
	assert_string_equal(event_crypto_status_name(CRYPTO_TUNNEL_ESP_AUTH_FAILED),
			    "CRYPTO_TUNNEL_ESP_AUTH_FAILED");
	assert_null(event_crypto_status_name(8));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_types_and_interfaces),
		TEST(test_refused),
		TEST(test_demand),
		TEST(test_slow_subscriber),
		TEST(test_calls_behind_it_wait),
		TEST(test_many_come_and_go),
		TEST(test_restart_is_told_to_who_comes_later),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_text_of_hostile_events),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
