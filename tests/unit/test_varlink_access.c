/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Varlink server and who its clients are: what callers without privileges may do, and that they take no
 * place away from those who may do everything. Clients connect with other ids for a moment. Needs root.
 */
#include <grp.h>
#include <stdio.h>

#include "tests/unit/varlink_rig.h"

#define GROUP 4321
#define USER 65534

/* A server for members of GROUP that also closes idle clients at once if `idle_usec` is 0. */
static void serve_group(struct fixture *fixture, uint64_t idle_usec)
{
	static const char *const open[] = {"Echo", NULL};
	const struct varlink_config config = {.interface = "org.example",
					      .description = "interface org.example",
					      .vendor = "v",
					      .product = "p",
					      .version = "1",
					      .methods = methods,
					      .ctx = fixture,
					      .open = open,
					      .group = GROUP,
					      .idle_usec = idle_usec};

	varlink_server_free(fixture->server);
	assert_int_equal(varlink_server_new(&config, fixture->event, fixture->listener, &fixture->server), 0);
}

/* A client as the kernel notes it for this user, group and supplementary groups. */
static int client_as(const struct fixture *fixture, uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
	int fd;

	assert_int_equal(setgroups(count, groups), 0);
	assert_int_equal(setegid(gid), 0);
	assert_int_equal(seteuid(uid), 0);
	fd = client(fixture);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_int_equal(setgroups(0, NULL), 0);
	serve(fixture);
	return fd;
}

static int nobody(const struct fixture *fixture, uid_t uid)
{
	return client_as(fixture, uid, USER, NULL, 0);
}

static void expect_served(const struct fixture *fixture, int fd)
{
	static const char request[] = "{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":3}}";

	send_text(fd, request, sizeof(request));
	expect_echo(fixture, fd, 3);
}

/* The error comes without a call, and the connection ends. */
static void expect_turned_away(const struct fixture *fixture, int fd, json_int_t limit)
{
	json_t *answer = reply(fixture, fd);
	const json_t *parameters = json_object_get(answer, "parameters");

	assert_non_null(answer);
	assert_string_equal(json_string_value(json_object_get(answer, "error")),
			    "org.example.CapacityExceeded");
	assert_int_equal(json_integer_value(json_object_get(parameters, "limit")), limit);
	json_decref(answer);
	assert_true(is_closed(fixture, fd));
	close(fd);
}

static void test_unprivileged_is_denied(void **state)
{
	struct fixture *fixture = *state;
	int fd;

	serve_group(fixture, 10000000);
	fd = nobody(fixture, USER);
	expect_error(fixture, fd, "{\"method\":\"org.example.Fail\"}", "org.example.PermissionDenied");
	expect_error(fixture, fd, "{\"method\":\"org.example.Spend\"}", "org.example.PermissionDenied");
	assert_int_equal(fixture->spent, 0);
	expect_error(fixture, fd, "{\"method\":\"org.example.None\"}", "org.varlink.service.MethodNotFound");
	expect_error(fixture, fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\"}",
		     "org.varlink.service.InvalidParameter");
	expect_served(fixture, fd);
	close(fd);
}

/* A call that wants no answer is not done either. */
static void test_unprivileged_oneway_is_denied(void **state)
{
	struct fixture *fixture = *state;
	static const char request[] = "{\"method\":\"org.example.Spend\",\"oneway\":true}";
	int fd;

	serve_group(fixture, 10000000);
	fd = nobody(fixture, USER);
	send_text(fd, request, sizeof(request));
	expect_served(fixture, fd);
	assert_int_equal(fixture->spent, 0);
	close(fd);
}

static void test_members_of_the_group_are_allowed(void **state)
{
	struct fixture *fixture = *state;
	gid_t many[500];
	int fd;

	serve_group(fixture, 10000000);
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		many[i] = (gid_t)(10000 + i);
	fd = client_as(fixture, USER, GROUP, NULL, 0);
	expect_error(fixture, fd, "{\"method\":\"org.example.Fail\"}", "org.example.Failed");
	close(fd);
	fd = client_as(fixture, USER, USER, many, 500);
	expect_error(fixture, fd, "{\"method\":\"org.example.Fail\"}", "org.example.PermissionDenied");
	close(fd);
	many[499] = GROUP;
	fd = client_as(fixture, USER, USER, many, 500);
	expect_error(fixture, fd, "{\"method\":\"org.example.Fail\"}", "org.example.Failed");
	close(fd);
	fd = client_as(fixture, USER, USER, &many[499], 1);
	expect_error(fixture, fd, "{\"method\":\"org.example.Fail\"}", "org.example.Failed");
	close(fd);
}

/* Where there is no such group, the number that stands for it lets nobody in. */
static void test_no_group(void **state)
{
	struct fixture *fixture = *state;
	int fd = nobody(fixture, USER);

	expect_error(fixture, fd, "{\"method\":\"org.example.Fail\"}", "org.example.PermissionDenied");
	close(fd);
	fd = client_as(fixture, USER, 0, NULL, 0);
	expect_error(fixture, fd, "{\"method\":\"org.example.Fail\"}", "org.example.PermissionDenied");
	close(fd);
}

/* One user has a share of the share of all users, and root is not concerned by either. */
static void test_unprivileged_shares(void **state)
{
	struct fixture *fixture = *state;
	int fds[XESP_CLIENTS_UNPRIVILEGED_MAX];
	int root;

	serve_group(fixture, 10000000);
	for (size_t i = 0; i < XESP_CLIENTS_UNPRIVILEGED_MAX; i++)
		fds[i] = nobody(fixture, (uid_t)(1000 + i / XESP_CLIENTS_PER_USER_MAX));
	expect_turned_away(fixture, nobody(fixture, 1000), XESP_CLIENTS_PER_USER_MAX);
	expect_turned_away(fixture, nobody(fixture, 999), XESP_CLIENTS_UNPRIVILEGED_MAX);
	root = client(fixture);
	expect_error(fixture, root, "{\"method\":\"org.example.Fail\"}", "org.example.Failed");
	close(root);
	expect_served(fixture, fds[0]);
	close(fds[1]);
	serve(fixture);
	fds[1] = nobody(fixture, 1000);
	expect_served(fixture, fds[1]);
	for (size_t i = 0; i < XESP_CLIENTS_UNPRIVILEGED_MAX; i++)
		close(fds[i]);
}

/* The client that did nothing for longest goes, if there is no room for another; not for somebody with less
 * privileges, and not if it waits for what it asked for. */
static void test_idle_clients_make_way(void **state)
{
	struct fixture *fixture = *state;
	int fds[XESP_CLIENTS_MAX];
	int fd;

	serve_group(fixture, 0);
	for (size_t i = 0; i < XESP_CLIENTS_MAX; i++) {
		fds[i] = client(fixture);
		serve(fixture);
	}
	expect_turned_away(fixture, nobody(fixture, USER), XESP_CLIENTS_MAX);
	expect_served(fixture, fds[0]);
	fd = client(fixture);
	expect_served(fixture, fd);
	assert_true(is_closed(fixture, fds[1]));
	expect_served(fixture, fds[0]);
	expect_served(fixture, fds[2]);
	close(fd);
	for (size_t i = 0; i < XESP_CLIENTS_MAX; i++)
		close(fds[i]);
}

/* Who may ask for little can make the server hold little. */
static void test_unprivileged_message_bound(void **state)
{
	struct fixture *fixture = *state;
	static char junk[XESP_MESSAGE_UNPRIVILEGED_MAX];
	int fd, root;

	serve_group(fixture, 10000000);
	memset(junk, 'a', sizeof(junk));
	fd = nobody(fixture, USER);
	root = client(fixture);
	send_text(fd, junk, sizeof(junk));
	send_text(root, junk, sizeof(junk));
	assert_true(is_closed(fixture, fd));
	send_text(root, "", 1);
	assert_true(is_closed(fixture, root));
	close(fd);
	close(root);
}

/* A client without privileges that sends calls and reads nothing is not read from any more. */
static void test_unprivileged_answers_bound(void **state)
{
	struct fixture *fixture = *state;
	static const char request[] = "{\"method\":\"org.example.Echo\",\"parameters\":{\"n\":3}}";
	static const int room = 4096;
	size_t sent = 0;
	ssize_t n;
	int fd, root;

	serve_group(fixture, 10000000);
	fd = nobody(fixture, USER);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	for (;;) {
		n = send(fd, request, sizeof(request), MSG_NOSIGNAL);
		if (n < 0) {
			serve(fixture);
			n = send(fd, request, sizeof(request), MSG_NOSIGNAL);
		}
		if (n < 0)
			break;
		sent += (size_t)n;
		assert_true(sent < 4 * 1024 * 1024);
	}
	assert_int_equal(errno, EAGAIN);
	root = client(fixture);
	expect_served(fixture, root);
	close(root);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unprivileged_is_denied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unprivileged_oneway_is_denied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_members_of_the_group_are_allowed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_group, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unprivileged_shares, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_idle_clients_make_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unprivileged_message_bound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unprivileged_answers_bound, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("varlink_access", tests, NULL, NULL);
}
