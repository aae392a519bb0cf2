/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Varlink server with methods that do little, and clients of it, all in one thread.
 */
#ifndef XESP_TESTS_VARLINK_RIG_H
#define XESP_TESTS_VARLINK_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <xesp/limits.h>

#include "control/peer.h"
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

static inline void method_echo(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	(void)ctx;
	varlink_reply(call, json_deep_copy(parameters));
}

static inline void method_fail(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	(void)parameters;
	(void)ctx;
	varlink_error(call, "Failed", json_pack("{s:s}", "why", "asked to"));
}

static inline json_t *count_next(void *arg)
{
	struct count_state *state = arg;

	return state->next < state->end ? json_pack("{s:I}", "n", state->next++) : NULL;
}

static inline void count_done(void *arg)
{
	struct count_state *state = arg;

	state->fixture->streams_done++;
	free(state);
}

static inline void method_count(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	struct count_state *state = malloc(sizeof(*state));

	*state = (struct count_state){.fixture = ctx,
				      .end = json_integer_value(json_object_get(parameters, "to"))};
	assert_true(varlink_wants_more(call));
	varlink_stream(call, count_next, count_done, state, json_pack("{s:n}", "n"));
}

static inline void method_spend(struct varlink_call *call, const json_t *parameters, void *ctx)
{
	struct fixture *fixture = ctx;

	(void)parameters;
	fixture->spent++;
	varlink_reply(call, NULL);
}

static inline void *no_memory(size_t bytes)
{
	(void)bytes;
	return NULL;
}

static inline void method_starve(struct varlink_call *call, const json_t *parameters, void *ctx)
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

static inline int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const struct varlink_config config = {.interface = "org.example",
					      .description = "interface org.example",
					      .vendor = "v",
					      .product = "p",
					      .version = "1",
					      .methods = methods,
					      .ctx = fixture,
					      .group = PEER_NO_GROUP,
					      .idle_usec = 10000000};

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

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;

	varlink_server_free(fixture->server);
	sd_event_unref(fixture->event);
	close(fixture->listener);
	free(fixture);
	return 0;
}

static inline int client(const struct fixture *fixture)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&fixture->address, fixture->address_len), 0);
	return fd;
}

/* Lets the server work until it has nothing to do. */
static inline void serve(const struct fixture *fixture)
{
	while (sd_event_run(fixture->event, 0) > 0)
		;
}

static inline void send_text(int fd, const char *text, size_t size)
{
	assert_int_equal(send(fd, text, size, MSG_NOSIGNAL), size);
}

/* The next reply; reads what is there and no more. NULL if the server closed the connection. */
static inline json_t *reply(const struct fixture *fixture, int fd)
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

static inline bool is_closed(const struct fixture *fixture, int fd)
{
	char byte;

	serve(fixture);
	return recv(fd, &byte, 1, 0) == 0;
}

static inline void expect_error(const struct fixture *fixture, int fd, const char *request, const char *error)
{
	json_t *answer;

	send_text(fd, request, strlen(request) + 1);
	answer = reply(fixture, fd);
	assert_non_null(answer);
	assert_string_equal(json_string_value(json_object_get(answer, "error")), error);
	json_decref(answer);
}

static inline void expect_echo(const struct fixture *fixture, int fd, json_int_t n)
{
	json_t *answer = reply(fixture, fd);

	assert_non_null(answer);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "parameters"), "n")), n);
	json_decref(answer);
}

#endif
