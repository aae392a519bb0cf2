// SPDX-License-Identifier: BSD-2-Clause
/*
 * The Varlink server over a real socket: framing, order, streams, and clients that misbehave.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <xesp/limits.h>

#include "control/varlink.h"

struct fixture {
	sd_event *event;
	struct varlink_server *server;
	int listener;
	struct sockaddr_un address;
	socklen_t address_len;
	unsigned int streams_done;
	unsigned int spent;
};

struct count_state {
	struct fixture *fixture;
	json_int_t next;
	json_int_t end;
};

static void method_echo(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	(void)ctx;
	varlink_reply(call, json_deep_copy(parameters));
}

static void method_fail(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	(void)parameters;
	(void)ctx;
	varlink_error(call, "Failed", json_pack("{s:s}", "why", "asked to"));
}

static json_t *count_next(void *arg)
{
	struct count_state *state = arg;

	return state->next < state->end ? json_pack("{s:I}", "n", state->next++) : NULL;
}

static void count_done(void *arg)
{
	struct count_state *state = arg;

	state->fixture->streams_done++;
	free(state);
}

static void method_count(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	struct count_state *state = malloc(sizeof(*state));

	*state = (struct count_state){.fixture = ctx,
				      .end = json_integer_value(json_object_get(parameters, "to"))};
	assert_true(varlink_wants_more(call));
	varlink_stream(call, count_next, count_done, state, json_pack("{s:n}", "n"));
}

static void method_spend(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	struct fixture *fixture = ctx;

	(void)parameters;
	fixture->spent++;
	varlink_reply(call, NULL);
}

static void *no_memory(size_t bytes)
{
	(void)bytes;
	return NULL;
}

static void method_starve(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	json_t *answer = json_object();

	(void)parameters;
	(void)ctx;
	json_set_alloc_funcs(no_memory, free);
	varlink_reply(call, answer);
	json_set_alloc_funcs(malloc, free);
}

static const struct varlink_method methods[] = {
	{"Echo", method_echo},	 {"Fail", method_fail},	    {"Count", method_count},
	{"Spend", method_spend}, {"Starve", method_starve}, {NULL, NULL},
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const struct varlink_config config = {.interface = "org.example",
					      .description = "interface org.example",
					      .vendor = "v",
					      .product = "p",
					      .version = "1",
					      .methods = methods,
					      .ctx = fixture};

	/* Autobind: an abstract address that the kernel picks. */
	fixture->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	fixture->address.sun_family = AF_UNIX;
	assert_int_equal(bind(fixture->listener, (struct sockaddr *)&fixture->address, sizeof(sa_family_t)),
			 0);
	fixture->address_len = sizeof(fixture->address);
	getsockname(fixture->listener, (struct sockaddr *)&fixture->address, &fixture->address_len);
	assert_int_equal(listen(fixture->listener, 64), 0);
	assert_true(sd_event_new(&fixture->event) >= 0);
	assert_int_equal(varlink_server_new(&config, fixture->event, fixture->listener, &fixture->server), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	varlink_server_free(fixture->server);
	sd_event_unref(fixture->event);
	close(fixture->listener);
	free(fixture);
	return 0;
}

static int client(const struct fixture *fixture)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&fixture->address, fixture->address_len), 0);
	return fd;
}

/* Lets the server work until it has nothing to do. */
static void serve(const struct fixture *fixture)
{
	while (sd_event_run(fixture->event, 0) > 0)
		;
}

static void send_text(int fd, const char *text, size_t size)
{
	assert_int_equal(send(fd, text, size, MSG_NOSIGNAL), size);
}

/* The next reply; reads what is there and no more. NULL if the server closed the connection. */
static json_t *reply(const struct fixture *fixture, int fd)
{
	static char buffer[2 * XESP_CLIENT_QUEUE_MAX];
	size_t used = 0;

	for (unsigned int tries = 0; tries < 1000; tries++) {
		ssize_t n = recv(fd, buffer + used, 1, 0);

		if (n == 0)
			return NULL;
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			serve(fixture);
			continue;
		}
		tries = 0;
		if (!buffer[used])
			return json_loads(buffer, 0, NULL);
		used++;
		assert_true(used < sizeof(buffer));
	}
	fail_msg("no reply");
	return NULL;
}

static bool is_closed(const struct fixture *fixture, int fd)
{
	char byte;

	serve(fixture);
	return recv(fd, &byte, 1, 0) == 0;
}

static void expect_error(const struct fixture *fixture, int fd, const char *request, const char *error)
{
	json_t *answer;

	send_text(fd, request, strlen(request) + 1);
	answer = reply(fixture, fd);
	assert_non_null(answer);
	assert_string_equal(json_string_value(json_object_get(answer, "error")), error);
	json_decref(answer);
}

static void expect_echo(const struct fixture *fixture, int fd, json_int_t n)
{
	json_t *answer = reply(fixture, fd);

	assert_non_null(answer);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "parameters"), "n")), n);
	json_decref(answer);
}

static void test_calls(void **state)
{
	struct fixture *fixture = *state;
	static const char request[] = "{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":7}}";
	int fd = client(fixture);

	send_text(fd, request, sizeof(request));
	expect_echo(fixture, fd, 7);
	expect_error(fixture, fd, "{\"method\":\"org.example.Fail\"}", "org.example.Failed");
	expect_error(fixture, fd, "{\"method\":\"org.example.None\"}", "org.varlink.service.MethodNotFound");
	expect_error(fixture, fd, "{\"method\":\"org.other.Echo\"}", "org.varlink.service.InterfaceNotFound");
	expect_error(fixture, fd, "{\"method\":\"org.examplex.Echo\"}",
		     "org.varlink.service.InterfaceNotFound");
	expect_error(fixture, fd, "{\"method\":\"Echo\"}", "org.varlink.service.InterfaceNotFound");
	expect_error(
		fixture, fd,
		"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"x\"}}",
		"org.varlink.service.InterfaceNotFound");
	close(fd);
}

static void test_introspection(void **state)
{
	struct fixture *fixture = *state;
	static const char info[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	static const char text[] = "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
				   "\"parameters\":{\"interface\":\"org.example\"}}";
	int fd = client(fixture);
	json_t *answer;

	send_text(fd, info, sizeof(info));
	answer = reply(fixture, fd);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json_object_get(answer, "parameters"), "interfaces"), 1)),
			    "org.example");
	json_decref(answer);
	send_text(fd, text, sizeof(text));
	answer = reply(fixture, fd);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(answer, "parameters"), "description")),
		"interface org.example");
	json_decref(answer);
	close(fd);
}

/* A request in pieces of one byte, and fifty requests in one piece, answered in order. */
static void test_framing(void **state)
{
	struct fixture *fixture = *state;
	static const char request[] = "{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":1}}";
	char many[50 * 80];
	size_t used = 0;
	int fd = client(fixture);

	for (size_t i = 0; i < sizeof(request); i++) {
		send_text(fd, request + i, 1);
		serve(fixture);
	}
	expect_echo(fixture, fd, 1);
	for (int i = 0; i < 50; i++)
		used += 1 + (size_t)snprintf(many + used, sizeof(many) - used,
					     "{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":%d}}",
					     i);
	send_text(fd, many, used);
	for (int i = 0; i < 50; i++)
		expect_echo(fixture, fd, i);
	close(fd);
}

/* A client that sends and then closes its sending side still gets its answers. */
static void test_half_close(void **state)
{
	struct fixture *fixture = *state;
	static const char request[] = "{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":5}}";
	int fd = client(fixture);

	send_text(fd, request, sizeof(request));
	shutdown(fd, SHUT_WR);
	expect_echo(fixture, fd, 5);
	assert_true(is_closed(fixture, fd));
	close(fd);
}

static void test_oneway(void **state)
{
	struct fixture *fixture = *state;
	static const char requests[] =
		"{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":1},\"oneway\":true}\0"
		"{\"method\":\"org.example.None\",\"oneway\":true}\0"
		"{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":2}}";
	int fd = client(fixture);

	send_text(fd, requests, sizeof(requests));
	expect_echo(fixture, fd, 2);
	close(fd);
}

/* More replies than the server queues for a client that does not read: it stops making them, and goes on
 * when the client reads. Calls behind the stream wait for its end. */
static void test_stream_and_backpressure(void **state)
{
	struct fixture *fixture = *state;
	static const char requests[] =
		"{\"method\":\"org.example.Count\",\"parameters\":{\"to\":50000},\"more\":true}\0"
		"{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":-1}}";
	int fd = client(fixture);

	send_text(fd, requests, sizeof(requests));
	serve(fixture);
	assert_int_equal(fixture->streams_done, 0);
	for (int i = 0; i < 50000; i++) {
		json_t *answer = reply(fixture, fd);

		assert_int_equal(
			json_integer_value(json_object_get(json_object_get(answer, "parameters"), "n")), i);
		assert_int_equal(json_is_true(json_object_get(answer, "continues")), i != 49999);
		json_decref(answer);
	}
	assert_int_equal(fixture->streams_done, 1);
	expect_echo(fixture, fd, -1);
	close(fd);
}

static void test_empty_stream(void **state)
{
	struct fixture *fixture = *state;
	static const char request[] =
		"{\"method\":\"org.example.Count\",\"parameters\":{\"to\":0},\"more\":true}";
	int fd = client(fixture);
	json_t *answer;

	send_text(fd, request, sizeof(request));
	answer = reply(fixture, fd);
	assert_true(json_is_null(json_object_get(json_object_get(answer, "parameters"), "n")));
	assert_null(json_object_get(answer, "continues"));
	json_decref(answer);
	assert_int_equal(fixture->streams_done, 1);
	close(fd);
}

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

/* One client too many is turned away; the others are served, and a place comes free. */
static void test_client_limit(void **state)
{
	struct fixture *fixture = *state;
	static const char request[] = "{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":3}}";
	int fds[XESP_CLIENTS_MAX + 1];

	for (size_t i = 0; i <= XESP_CLIENTS_MAX; i++) {
		fds[i] = client(fixture);
		serve(fixture);
	}
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

/* A stream wanted by a call that wants no answer ends without a word. */
static void test_oneway_stream(void **state)
{
	struct fixture *fixture = *state;
	static const char requests[] =
		"{\"method\":\"org.example.Count\",\"parameters\":{\"to\":3},\"more\":true,\"oneway\":true}\0"
		"{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":2}}";
	int fd = client(fixture);

	send_text(fd, requests, sizeof(requests));
	expect_echo(fixture, fd, 2);
	assert_int_equal(fixture->streams_done, 1);
	close(fd);
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
		cmocka_unit_test_setup_teardown(test_calls, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_introspection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_framing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_close, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_oneway, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stream_and_backpressure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_empty_stream, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stream_abandoned, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_clients_are_closed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_oversized_message, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_client_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_oneway_stream, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stream_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_descriptor, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("varlink", tests, NULL, NULL);
}
