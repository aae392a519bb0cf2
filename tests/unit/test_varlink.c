/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Varlink server over a real socket: calls, framing, order, streams.
 */
#include <stdio.h>

#include "tests/unit/varlink_rig.h"

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

/* In Varlink null stands for what is absent. */
static void test_null_members(void **state)
{
	struct fixture *fixture = *state;
	static const char request[] =
		"{\"method\":\"org.example.Echo\",\"parameters\":null,\"more\":null,\"oneway\":null}";
	int fd = client(fixture);

	send_text(fd, request, sizeof(request));
	expect_echo(fixture, fd, 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_calls, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_introspection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_framing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_null_members, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_close, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_oneway, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stream_and_backpressure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_empty_stream, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_oneway_stream, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("varlink", tests, NULL, NULL);
}
