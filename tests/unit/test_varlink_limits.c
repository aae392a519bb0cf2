/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Varlink server and clients that misbehave, and what it does when memory or descriptors run out.
 */
#include <sys/resource.h>

#include "tests/unit/varlink_rig.h"

/* A client that goes away in the middle of a stream takes its state with it. */
static void test_stream_abandoned(void **state)
{
	struct fixture *fixture = *state;
	static const char request[] =
		"{\"method\":\"org.example.Count\",\"parameters\":{\"to\":50000},\"more\":true}";
	int fd = client(fixture);

	send_text(fd, request, sizeof(request));
	serve(fixture);
	assert_int_equal(fixture->streams_done, 0);
	close(fd);
	serve(fixture);
	assert_int_equal(fixture->streams_done, 1);
}

static void test_bad_clients_are_closed(void **state)
{
	struct fixture *fixture = *state;
	static const char *const bad[] = {
		"",
		"x",
		"[]",
		"{}",
		"{\"method\":5}",
		"{\"method\":\"org.example.Echo\",\"parameters\":[]}",
		"{\"method\":\"a\",\"method\":\"b\"}",
		"{\"method\":\"org.example.Echo\"",
		"\xff\xfe",
		"{\"method\":\"org.example.Echo\",\"more\":1}",
		"{\"method\":\"org.example.Echo\",\"oneway\":\"yes\"}",
		"{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":9223372036854775808}}",
		"{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":1e999}}",
		"{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":1,\"n\":2}}",
		"{\"method\":\"org.example.Echo\"}{}",
	};
	static const char request[] = "{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":9}}";
	int good = client(fixture);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = client(fixture);

		send_text(fd, bad[i], strlen(bad[i]) + 1);
		assert_true(is_closed(fixture, fd));
		close(fd);
	}
	send_text(good, request, sizeof(request));
	expect_echo(fixture, good, 9);
	close(good);
}

static void test_oversized_message(void **state)
{
	struct fixture *fixture = *state;
	static char junk[8192];
	bool closed = false;
	size_t sent = 0;
	int fd = client(fixture);

	memset(junk, 'a', sizeof(junk));
	while (!closed && sent < 10 * XESP_MESSAGE_MAX) {
		ssize_t n = send(fd, junk, sizeof(junk), MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		closed = n < 0 && errno != EAGAIN;
		serve(fixture);
	}
	assert_true(closed);
	assert_true(sent <= 3 * XESP_MESSAGE_MAX);
	close(fd);
}

/* One client too many is told so and turned away; the others are served, and a place comes free. */
static void test_client_limit(void **state)
{
	struct fixture *fixture = *state;
	static const char request[] = "{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":3}}";
	int fds[XESP_CLIENTS_MAX + 1];
	json_t *answer;

	for (size_t i = 0; i <= XESP_CLIENTS_MAX; i++) {
		fds[i] = client(fixture);
		serve(fixture);
	}
	answer = reply(fixture, fds[XESP_CLIENTS_MAX]);
	assert_string_equal(json_string_value(json_object_get(answer, "error")),
			    "org.example.CapacityExceeded");
	json_decref(answer);
	assert_true(is_closed(fixture, fds[XESP_CLIENTS_MAX]));
	send_text(fds[XESP_CLIENTS_MAX - 1], request, sizeof(request));
	expect_echo(fixture, fds[XESP_CLIENTS_MAX - 1], 3);
	for (size_t i = 0; i <= XESP_CLIENTS_MAX; i++)
		close(fds[i]);
	serve(fixture);
	fds[0] = client(fixture);
	send_text(fds[0], request, sizeof(request));
	expect_echo(fixture, fds[0], 3);
	close(fds[0]);
}

/* Of two clients, the one with thousands of calls does not keep the other waiting for all of them. */
static void test_turns(void **state)
{
	struct fixture *fixture = *state;
	static const char request[] = "{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":1}}";
	static const char oneway[] = "{\"method\":\"org.example.Spend\",\"oneway\":true}";
	int busy = client(fixture);
	int other;
	char byte;

	for (int i = 0; i < 200; i++)
		send_text(busy, oneway, sizeof(oneway));
	assert_true(sd_event_run(fixture->event, 0) > 0); /* accepts */
	other = client(fixture);
	send_text(other, request, sizeof(request));
	while (recv(other, &byte, 1, MSG_PEEK) < 0)
		assert_true(sd_event_run(fixture->event, 0) > 0);
	assert_in_range(fixture->spent, 1, 199);
	expect_echo(fixture, other, 1);
	serve(fixture);
	assert_int_equal(fixture->spent, 200);
	close(busy);
	close(other);
}

/* A whole stream is not made in one go either, if the client reads as fast as it is made. */
static void test_stream_turns(void **state)
{
	struct fixture *fixture = *state;
	static const char count[] =
		"{\"method\":\"org.example.Count\",\"parameters\":{\"to\":50000},\"more\":true}";
	static const int room = 16 * 1024 * 1024;
	int fd = client(fixture);
	int accepted = dup(fd); /* the next descriptor that is given out */

	close(accepted);
	send_text(fd, count, sizeof(count));
	assert_true(sd_event_run(fixture->event, 0) > 0); /* accepts */
	assert_int_equal(setsockopt(accepted, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)), 0);
	assert_true(sd_event_run(fixture->event, 0) > 0);
	assert_int_equal(fixture->streams_done, 0);
	serve(fixture);
	assert_int_equal(fixture->streams_done, 1);
	close(fd);
}

/* The client of an answer that there is no memory for is closed instead of left waiting. */
static void test_no_memory(void **state)
{
	struct fixture *fixture = *state;
	static const char starve[] = "{\"method\":\"org.example.Starve\"}";
	int fd = client(fixture);

	send_text(fd, starve, sizeof(starve));
	assert_true(is_closed(fixture, fd));
	close(fd);
}

/* Without a free descriptor, who connects is turned away at once, and the loop has nothing more to do. */
static void test_no_descriptor(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit before, none;
	int fd = client(fixture);
	int free_fd = dup(fd);

	close(free_fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)free_fd, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 10; i++)
		sd_event_run(fixture->event, 0);
	assert_int_equal(sd_event_run(fixture->event, 0), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(is_closed(fixture, fd));
	close(fd);
	fd = client(fixture);
	expect_error(fixture, fd, "{\"method\":\"org.example.Fail\"}", "org.example.Failed");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stream_abandoned, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_clients_are_closed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_oversized_message, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_client_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stream_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_descriptor, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("varlink_limits", tests, NULL, NULL);
}
