/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's side of attaching, against a loader that fails at each step: nothing is left open, and no
 * answer is taken for that to another request. The loader is a child process.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/iface.h"
#include "dataplane/sink.h"
#include "tests/lib/own_process.h"

struct fixture {
	struct loader_channel loader;
	struct iface_config config;
	pid_t child;
};

static void answer(int ipc, struct ipc_message *message, uint32_t type, size_t fd_count)
{
	int fds[IPC_FDS_MAX];

	for (size_t i = 0; i < IPC_FDS_MAX; i++)
		fds[i] = ipc;
	message->type = type;
	if (ipc_send(ipc, message, fds, fd_count))
		_exit(1);
}

static struct ipc_message next_request(int ipc, uint32_t type)
{
	struct ipc_message message;
	int fds[IPC_FDS_MAX];
	size_t count;

	if (ipc_receive(ipc, 10000, &message, fds, &count) || message.type != type)
		_exit(1);
	return (struct ipc_message){.id = message.id};
}

static void fail_with(int ipc, uint32_t request, const char *reason)
{
	struct ipc_message message = next_request(ipc, request);

	message.failed.error = ENOENT;
	snprintf(message.failed.reason, sizeof(message.failed.reason), "%s", reason);
	answer(ipc, &message, IPC_FAILED, 0);
}

static void start(struct fixture *fixture, void (*loader)(int ipc))
{
	int pair[2];

	*fixture = (struct fixture){.config = {.provider = crypto_provider_by_name("openssl"),
					       .sink = &sink_null,
					       .loader = &fixture->loader}};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fixture->child = fork();
	assert_true(fixture->child >= 0);
	if (!fixture->child) {
		close(pair[0]);
		loader(pair[1]);
		_exit(0);
	}
	close(pair[1]);
	fixture->loader.socket = pair[0];
}

static void end(struct fixture *fixture)
{
	int status;

	close(fixture->loader.socket);
	assert_int_equal(waitpid(fixture->child, &status, 0), fixture->child);
	assert_int_equal(status, 0);
}

/* Returns the reason of the failure, which must come. */
static const char *attach(struct fixture *fixture, struct failure *failure)
{
	static const struct ipc_attach request = {.dev = "x0"};
	size_t before = own_descriptors();
	struct iface *iface = NULL;

	assert_int_not_equal(iface_attach(&fixture->config, &request, &iface, failure), 0);
	assert_null(iface);
	assert_int_equal(own_descriptors(), before);
	return failure->reason;
}

/* ATTACHED and a queue that the engine cannot use; the loader fails at the next queue, and hears of the
 * engine's trouble after that. */
static void both_fail(int ipc)
{
	struct ipc_message message = next_request(ipc, IPC_ATTACH);

	message.attached = (struct ipc_attached){.dev = "x0", .ifindex = 9, .queues = 2, .capacity = 16};
	answer(ipc, &message, IPC_ATTACHED, IPC_ATTACHED_FDS);
	message.queue = (struct ipc_queue){.frames = 1, .frame_size = 1, .fill_size = 1, .rx_size = 1};
	answer(ipc, &message, IPC_QUEUE, IPC_QUEUE_FDS);
	message.failed = (struct failure){.error = ENOMEM, .reason = "of the first attach"};
	answer(ipc, &message, IPC_FAILED, 0);
	fail_with(ipc, IPC_DETACH, "of the detach");
	fail_with(ipc, IPC_ATTACH, "of the second attach");
	fail_with(ipc, IPC_ATTACH, "of the third attach");
}

static void test_both_fail(void **state)
{
	struct fixture fixture;
	struct failure failure;

	(void)state;
	start(&fixture, both_fail);
	assert_non_null(strstr(attach(&fixture, &failure), "queue 0 of x0"));
	assert_string_equal(attach(&fixture, &failure), "of the second attach");
	assert_string_equal(attach(&fixture, &failure), "of the third attach");
	end(&fixture);
}

/* The loader fails behind ATTACHED and has undone its part: nobody asks it to detach. */
static void loader_fails(int ipc)
{
	struct ipc_message message = next_request(ipc, IPC_ATTACH);

	message.attached = (struct ipc_attached){.dev = "x0", .ifindex = 9, .queues = 1, .capacity = 16};
	answer(ipc, &message, IPC_ATTACHED, IPC_ATTACHED_FDS);
	message.failed = (struct failure){.error = EBUSY, .reason = "busy"};
	answer(ipc, &message, IPC_FAILED, 0);
	fail_with(ipc, IPC_ATTACH, "again");
}

static void test_loader_fails(void **state)
{
	struct fixture fixture;
	struct failure failure;

	(void)state;
	start(&fixture, loader_fails);
	assert_string_equal(attach(&fixture, &failure), "busy");
	assert_string_equal(attach(&fixture, &failure), "again");
	end(&fixture);
}

/* Too few maps, an answer to nothing, word of an interface in between. */
static void loader_talks_nonsense(int ipc)
{
	struct ipc_message message = next_request(ipc, IPC_ATTACH);
	struct ipc_message gone = {.link = {.ifindex = 7}};
	struct ipc_message state = {.state = {.ifindex = 7, .mtu = 9000}};
	struct ipc_message stale = {.id = message.id + 5};

	answer(ipc, &state, IPC_LINK_STATE, 0);
	state.state.ifindex = 8;
	answer(ipc, &state, IPC_LINK_STATE, 0);
	answer(ipc, &gone, IPC_LINK_GONE, 0);
	answer(ipc, &stale, IPC_ATTACHED, IPC_ATTACHED_FDS);
	answer(ipc, &message, IPC_ATTACHED, IPC_ATTACHED_FDS - 1);
	message = next_request(ipc, IPC_ATTACH);
	answer(ipc, &message, IPC_DONE, 3);
}

/* Of each interface the last word. */
static void expect_news(struct loader_channel *loader)
{
	struct ipc_message message;

	assert_true(loader_noted(loader, &message));
	assert_int_equal(message.type, IPC_LINK_STATE);
	assert_int_equal(message.state.ifindex, 8);
	assert_int_equal(message.state.mtu, 9000);
	assert_true(loader_noted(loader, &message));
	assert_int_equal(message.type, IPC_LINK_GONE);
	assert_int_equal(message.link.ifindex, 7);
	assert_false(loader_noted(loader, &message));
}

static void test_loader_talks_nonsense(void **state)
{
	struct fixture fixture;
	struct failure failure;

	(void)state;
	start(&fixture, loader_talks_nonsense);
	attach(&fixture, &failure);
	assert_int_equal(failure.error, EPROTO);
	expect_news(&fixture.loader);
	attach(&fixture, &failure);
	assert_int_equal(failure.error, EPROTO);
	end(&fixture);
	fixture.loader.socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	attach(&fixture, &failure); /* not connected */
	assert_int_equal(failure.error, ENOTCONN);
	close(fixture.loader.socket);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_fail),
		cmocka_unit_test(test_loader_fails),
		cmocka_unit_test(test_loader_talks_nonsense),
	};

	return cmocka_run_group_tests_name("iface", tests, NULL, NULL);
}
