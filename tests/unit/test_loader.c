/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader process against an engine that was taken over: whatever comes through the socket, the loader
 * answers or ends, in time, and keeps no descriptor. The engine is a child process. Needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
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

#include "host/ipc.h"
#include "host/loader.h"
#include "tests/lib/own_process.h"

static void require(bool condition, const char *text)
{
	if (condition)
		return;
	fprintf(stderr, "engine: %s\n", text);
	_exit(1);
}

struct engines {
	void (*run)(int ipc);
	int watch; /* gets a byte when one got to the end of what it does */
	unsigned int started;
	unsigned int fail_from; /* so many starts succeed; 0: all */
	pid_t last;
};

static int start(void *ctx, pid_t *ret_pid, int *ret_ipc)
{
	struct engines *engines = ctx;
	int pair[2];

	if (engines->fail_from && engines->started++ >= engines->fail_from)
		return -EAGAIN;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	engines->started += !engines->fail_from;
	engines->last = fork();
	assert_true(engines->last >= 0);
	if (!engines->last) {
		close(pair[0]);
		engines->run(pair[1]);
		(void)!write(engines->watch, "c", 1);
		_exit(0);
	}
	close(pair[1]);
	*ret_pid = engines->last;
	*ret_ipc = pair[0];
	return 0;
}

/* Runs the loader with `engine` as the other process; returns its result, and how many engines got to the end
 * of what they do. */
static int run(void (*engine)(int ipc), unsigned int fail_from, unsigned int *ret_content,
	       unsigned int *ret_started)
{
	struct engines engines = {.run = engine, .fail_from = fail_from};
	struct loader_config config = {.start = start, .start_ctx = &engines, .capacity = 16};
	size_t before = own_descriptors();
	int err;
	int watch[2];
	char byte;

	assert_int_equal(pipe2(watch, O_CLOEXEC | O_NONBLOCK), 0);
	engines.watch = watch[1];
	alarm(60);
	err = loader_run(&config);
	alarm(0);
	*ret_content = 0;
	while (read(watch[0], &byte, 1) == 1)
		++*ret_content;
	close(watch[0]);
	close(watch[1]);
	assert_int_equal(own_descriptors(), before);
	assert_int_equal(waitpid(engines.last, NULL, WNOHANG), -1);
	*ret_started = engines.started;
	return err;
}

/* One engine that never says that it serves: no other follows. */
static int run_once(void (*engine)(int ipc), bool *ret_content)
{
	unsigned int content;
	unsigned int started;
	int err = run(engine, 0, &content, &started);

	assert_int_equal(started, 1);
	*ret_content = content == 1;
	return err;
}

static void hear_begin(int ipc, struct ipc_begin *ret_begin)
{
	struct ipc_message message;
	int fds[IPC_FDS_MAX];
	size_t count;

	require(!ipc_receive(ipc, 10000, &message, fds, &count), "the loader does not begin");
	require(!count && message.type == IPC_BEGIN && !message.begin.count, "no BEGIN");
	*ret_begin = message.begin;
}

static void ask(int ipc, const struct ipc_message *request, struct ipc_message *ret_answer)
{
	int fds[IPC_FDS_MAX];
	size_t count;

	require(!ipc_send(ipc, request, NULL, 0), "the loader takes no request");
	require(!ipc_receive(ipc, 10000, ret_answer, fds, &count), "no answer");
	require(!count, "descriptors came along");
	require(ret_answer->id == request->id, "the answer is to another request");
}

static void expect_failed(int ipc, const struct ipc_message *request, int error)
{
	struct ipc_message answer;

	ask(ipc, request, &answer);
	require(answer.type == IPC_FAILED && answer.failed.error == error, "another answer than expected");
}

static void impossible_requests(int ipc)
{
	struct ipc_message request = {.type = 99, .id = 1};
	struct ipc_begin begin;

	hear_begin(ipc, &begin);
	expect_failed(ipc, &request, EPROTO);
	request = (struct ipc_message){.type = IPC_ATTACHED, .id = 2};
	expect_failed(ipc, &request, EPROTO);
	request = (struct ipc_message){.type = IPC_DETACH, .id = 3, .link = {.ifindex = 1}};
	expect_failed(ipc, &request, ENOENT);
	request = (struct ipc_message){.type = IPC_ADOPT, .link = {.ifindex = 1}};
	expect_failed(ipc, &request, ENOENT);
	request = (struct ipc_message){.type = IPC_BEGIN};
	expect_failed(ipc, &request, EPROTO);
	request = (struct ipc_message){.type = IPC_REATTACH, .link = {.ifindex = 1}};
	expect_failed(ipc, &request, ENOENT);
	request = (struct ipc_message){.type = IPC_SET_QUEUES, .queues = {.ifindex = 1, .count = 1}};
	expect_failed(ipc, &request, ENOENT);
	request = (struct ipc_message){.type = IPC_RESOLVE};
	expect_failed(ipc, &request, EINVAL);
	memset(&request.peer.addr, 0xff, sizeof(request.peer.addr));
	expect_failed(ipc, &request, EINVAL);
	request.peer.inside = 1; /* it has no inside interface here */
	expect_failed(ipc, &request, EPERM);
	request = (struct ipc_message){.type = IPC_UNRESOLVE, .peer.addr.family = AF_INET};
	expect_failed(ipc, &request, ENOENT);
	request = (struct ipc_message){.type = IPC_TUN_MTU, .mtu = {.bytes = 1400}};
	expect_failed(ipc, &request, ENODEV); /* it has no TUN device here */
	request = (struct ipc_message){.type = IPC_ROUTE};
	expect_failed(ipc, &request, EPERM); /* without --routes */
	request.type = IPC_UNROUTE;
	expect_failed(ipc, &request, EPERM);
	request = (struct ipc_message){.type = IPC_NEXTHOP};
	expect_failed(ipc, &request, EPROTO);
	request = (struct ipc_message){.type = IPC_ATTACH, .id = UINT32_MAX};
	memset(request.attach.dev, 'x', sizeof(request.attach.dev)); /* no NUL */
	expect_failed(ipc, &request, EINVAL);
	request = (struct ipc_message){.type = IPC_ATTACH, .attach = {.dev = "lo", .mode = 3}};
	expect_failed(ipc, &request, EINVAL);
	request.attach.mode = IPC_XDP_GENERIC;
	expect_failed(ipc, &request, EOPNOTSUPP);
	request = (struct ipc_message){.type = IPC_ATTACH, .attach = {.dev = "%n%s/../"}};
	expect_failed(ipc, &request, ENODEV);
	request = (struct ipc_message){.type = IPC_ATTACH};
	expect_failed(ipc, &request, ENODEV);
}

static void test_impossible_requests(void **state)
{
	bool content;

	(void)state;
	assert_int_equal(run_once(impossible_requests, &content), -ECHILD);
	assert_true(content);
}

static void gives_descriptors(int ipc)
{
	struct ipc_message request = {.type = IPC_DETACH};
	int fds[IPC_FDS_MAX];
	struct ipc_message answer;
	struct ipc_begin begin;
	size_t count;

	hear_begin(ipc, &begin);
	for (size_t i = 0; i < IPC_FDS_MAX; i++)
		fds[i] = ipc;
	for (int i = 0; i < 100; i++) {
		require(!ipc_send(ipc, &request, fds, IPC_FDS_MAX), "not taken");
		require(!ipc_receive(ipc, 10000, &answer, fds + 1, &count) && !count, "no answer");
		fds[1] = ipc;
	}
}

static void test_descriptors_are_closed(void **state)
{
	bool content;

	(void)state;
	assert_int_equal(run_once(gives_descriptors, &content), -ECHILD);
	assert_true(content);
}

static void until_closed(int ipc)
{
	char bytes[sizeof(struct ipc_message)];

	while (recv(ipc, bytes, sizeof(bytes), 0) > 0)
		;
}

static void too_many_descriptors(int ipc)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * 200)];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int) * 200),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	struct ipc_message request = {.type = IPC_DETACH};
	struct iovec iov = {.iov_base = &request, .iov_len = sizeof(request)};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	for (size_t i = 0; i < 200; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &ipc, sizeof(int));
	require(sendmsg(ipc, &msg, 0) > 0, "not sent");
	until_closed(ipc);
}

static void half_a_message(int ipc)
{
	struct ipc_message request = {.type = IPC_ATTACH};

	require(send(ipc, &request, sizeof(request) / 2, 0) > 0, "not sent");
	until_closed(ipc);
}

static void long_message(int ipc)
{
	char bytes[4 * sizeof(struct ipc_message)] = {0};

	require(send(ipc, bytes, sizeof(bytes), 0) > 0, "not sent");
	until_closed(ipc);
}

/* An engine that does not keep to the protocol is not served any longer, and its flood fills no log. */
static void test_broken_messages_end_it(void **state)
{
	bool content;

	(void)state;
	assert_int_equal(run_once(too_many_descriptors, &content), -EPROTO);
	assert_int_equal(run_once(half_a_message, &content), -EPROTO);
	assert_int_equal(run_once(long_message, &content), -EPROTO);
}

static void asks_and_never_listens(int ipc)
{
	struct ipc_message request = {.type = IPC_DETACH};

	while (!ipc_send(ipc, &request, NULL, 0))
		;
}

static void test_deaf_engine_does_not_block_it(void **state)
{
	bool content;

	(void)state;
	assert_int_equal(run_once(asks_and_never_listens, &content), -EAGAIN);
}

static void expect_done(int ipc, uint32_t type)
{
	struct ipc_message request = {.type = type, .id = 7, .power = {.disabled = 1}};
	struct ipc_message answer;

	ask(ipc, &request, &answer);
	require(answer.type == IPC_DONE, "not done");
}

/* Each one finds out whether it hears the truth of those before it. */
static void serves_and_ends(int ipc)
{
	struct ipc_begin begin;

	hear_begin(ipc, &begin);
	require(begin.disabled == !!begin.past.count, "the switch is not as it was left");
	require(!begin.past.count || (!begin.past.by_signal && !begin.past.status),
		"another end than there was");
	require(!begin.past.count || begin.past.ended_us, "no time");
	expect_done(ipc, IPC_SWITCH);
	expect_done(ipc, IPC_READY);
}

static void test_engines_follow_each_other(void **state)
{
	unsigned int content;
	unsigned int started;

	(void)state;
	assert_int_equal(run(serves_and_ends, 0, &content, &started), -ECHILD);
	assert_int_equal(started, 1 + XESP_RESTARTS_MAX);
	assert_int_equal(content, started);
}

/* The one that follows cannot begin any more. */
static void serves_once(int ipc)
{
	struct ipc_begin begin;

	hear_begin(ipc, &begin);
	if (begin.past.count)
		require(begin.past.by_signal ? begin.past.status == SIGKILL : begin.past.status == 3,
			"another end");
	else
		expect_done(ipc, IPC_READY);
	if (begin.past.count == 1)
		kill(getpid(), SIGKILL);
	_exit(3);
}

static void test_engines_that_crash_early(void **state)
{
	unsigned int content;
	unsigned int started;

	(void)state;
	assert_int_equal(run(serves_once, 0, &content, &started), -ECHILD);
	assert_int_equal(started, 1 + XESP_RESTARTS_MAX);
	assert_int_equal(content, 0);
}

/* No memory for a process, perhaps: that may pass. */
static void test_engines_that_cannot_be_made(void **state)
{
	unsigned int content;
	unsigned int started;

	(void)state;
	assert_int_equal(run(serves_and_ends, 2, &content, &started), -ECHILD);
	assert_int_equal(started, 1 + XESP_RESTARTS_MAX);
	assert_int_equal(content, 2);
}

/* What breaks the protocol is ended, and has a successor like what crashes. */
static void serves_and_babbles(int ipc)
{
	struct ipc_begin begin;
	char byte = 0;

	hear_begin(ipc, &begin);
	require(!begin.past.count || (begin.past.by_signal && begin.past.status == SIGKILL),
		"it was not ended");
	expect_done(ipc, IPC_READY);
	require(send(ipc, &byte, 1, 0) == 1, "not sent");
	until_closed(ipc);
	pause();
}

static void test_engines_that_break_the_protocol(void **state)
{
	unsigned int content;
	unsigned int started;

	(void)state;
	assert_int_equal(run(serves_and_babbles, 0, &content, &started), -EPROTO);
	assert_int_equal(started, 1 + XESP_RESTARTS_MAX);
	assert_int_equal(content, 0);
}

/* One that is not heard of any more, but does not end, is ended: nobody else would serve. */
static void serves_and_leaves(int ipc)
{
	struct ipc_begin begin;

	hear_begin(ipc, &begin);
	if (begin.past.count)
		require(begin.past.count > 1 || (begin.past.by_signal && begin.past.status == SIGKILL),
			"it was not ended");
	else
		expect_done(ipc, IPC_READY);
	if (begin.past.count)
		return;
	close(ipc);
	alarm(60);
	pause();
}

static void test_engines_that_leave_and_stay(void **state)
{
	unsigned int content;
	unsigned int started;

	(void)state;
	assert_int_equal(run(serves_and_leaves, 0, &content, &started), -ECHILD);
	assert_int_equal(started, 1 + XESP_RESTARTS_MAX);
	assert_int_equal(content, XESP_RESTARTS_MAX);
}

/* sd-event takes signals from a descriptor, as xespd has it. */
static int block_signals(void **state)
{
	sigset_t signals;

	(void)state;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	return sigprocmask(SIG_BLOCK, &signals, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_impossible_requests),
		cmocka_unit_test(test_descriptors_are_closed),
		cmocka_unit_test(test_broken_messages_end_it),
		cmocka_unit_test(test_deaf_engine_does_not_block_it),
		cmocka_unit_test(test_engines_follow_each_other),
		cmocka_unit_test(test_engines_that_crash_early),
		cmocka_unit_test(test_engines_that_cannot_be_made),
		cmocka_unit_test(test_engines_that_break_the_protocol),
		cmocka_unit_test(test_engines_that_leave_and_stay),
	};

	return cmocka_run_group_tests_name("loader", tests, block_signals, NULL);
}
