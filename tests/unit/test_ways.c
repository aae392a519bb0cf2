/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an engine that ended has left with the loader: ways to peers and routes stay until the next one has
 * said what it needs, and then only those do. In a network namespace of its own. Needs root.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/ways.h"

struct rig {
	sd_event *event;
	struct ways *ways;
	bool told[10]; /* of the peer whose address ends so */
};

static void sh(const char *command)
{
	if (system(command)) /* NOLINT(cert-env33-c): a constant */
		fail_msg("%s", command);
}

static bool serves(uint32_t ifindex, void *ctx)
{
	(void)ifindex;
	(void)ctx;
	return true;
}

static void tell(struct ipc_message *message, void *ctx)
{
	struct rig *rig = ctx;

	assert_int_equal(message->type, IPC_NEXTHOP);
	assert_in_range(message->nexthop.dst.bytes[3], 0, 9);
	rig->told[message->nexthop.dst.bytes[3]] = true;
}

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct ways_config config = {.tun = "t0", .routes = true, .serves = serves, .tell = tell, .ctx = rig};

	if (!rig || unshare(CLONE_NEWNET))
		return -1;
	sh("ip link add near type veth peer far; ip link set near up; ip link set far up");
	sh("ip link add t0 type veth peer t1; ip link set t0 up; ip link set t1 up");
	sh("ip addr add 192.0.2.1/24 dev near");
	sh("ip neigh replace 192.0.2.8 lladdr 02:00:00:00:00:08 dev near");
	sh("ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:09 dev near");
	*state = rig;
	if (sd_event_new(&rig->event) < 0)
		return -1;
	config.event = rig->event;
	return ways_new(&config, &rig->ways);
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	ways_free(rig->ways);
	sd_event_unref(rig->event);
	free(rig);
	return 0;
}

static int ask_peer(struct rig *rig, uint32_t type, const char *peer)
{
	struct ipc_message request = {.type = type};
	struct failure failure;

	assert_int_equal(ip_addr_parse(peer, &request.peer.addr), 0);
	return ways_serve(rig->ways, &request, &failure);
}

static int ask_route(struct rig *rig, uint32_t type, const char *dst)
{
	struct ipc_message request = {.type = type};
	struct failure failure;

	assert_int_equal(ip_prefix_parse(dst, &request.route.dst), 0);
	return ways_serve(rig->ways, &request, &failure);
}

static void expect_told(struct rig *rig, unsigned int peer)
{
	for (int i = 0; i < 300 && !rig->told[peer]; i++)
		assert_true(sd_event_run(rig->event, 100000) >= 0);
	assert_true(rig->told[peer]);
	rig->told[peer] = false;
}

static bool has_route(const char *dst)
{
	char command[128];

	snprintf(command, sizeof(command), "ip route show %s dev t0 | grep -q .", dst);
	return system(command) == 0; /* NOLINT(cert-env33-c): made of constants */
}

static void test_what_nobody_asks_for_again_goes(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(ask_peer(rig, IPC_RESOLVE, "192.0.2.8"), 0);
	assert_int_equal(ask_peer(rig, IPC_RESOLVE, "192.0.2.9"), 0);
	expect_told(rig, 8);
	expect_told(rig, 9);
	assert_int_equal(ask_route(rig, IPC_ROUTE, "10.8.0.0/16"), 0);
	assert_int_equal(ask_route(rig, IPC_ROUTE, "10.9.0.0/16"), 0);
	ways_mark(rig->ways);
	/* Nothing is in the clear meanwhile. */
	assert_true(has_route("10.8.0.0/16"));
	assert_true(has_route("10.9.0.0/16"));
	assert_int_equal(ask_peer(rig, IPC_RESOLVE, "192.0.2.9"), 0);
	assert_int_equal(ask_route(rig, IPC_ROUTE, "10.9.0.0/16"), 0);
	/* The next engine is told, although nothing has changed. */
	expect_told(rig, 9);
	ways_sweep(rig->ways);
	assert_false(has_route("10.8.0.0/16"));
	assert_true(has_route("10.9.0.0/16"));
	assert_int_equal(ask_peer(rig, IPC_UNRESOLVE, "192.0.2.8"), -ENOENT);
	assert_int_equal(ask_route(rig, IPC_UNROUTE, "10.8.0.0/16"), -ENOENT);
	assert_int_equal(ask_peer(rig, IPC_UNRESOLVE, "192.0.2.9"), 0);
	assert_int_equal(ask_route(rig, IPC_UNROUTE, "10.9.0.0/16"), 0);
	assert_false(has_route("10.9.0.0/16"));
}

/* An engine that needs nothing leaves nothing; and what comes behind a sweep has no mark. */
static void test_all_of_it_goes(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(ask_peer(rig, IPC_RESOLVE, "192.0.2.8"), 0);
	assert_int_equal(ask_route(rig, IPC_ROUTE, "10.8.0.0/16"), 0);
	ways_mark(rig->ways);
	ways_sweep(rig->ways);
	assert_false(has_route("10.8.0.0/16"));
	assert_int_equal(ask_peer(rig, IPC_RESOLVE, "192.0.2.8"), 0);
	assert_int_equal(ask_route(rig, IPC_ROUTE, "10.8.0.0/16"), 0);
	ways_sweep(rig->ways);
	assert_true(has_route("10.8.0.0/16"));
	assert_int_equal(ask_peer(rig, IPC_UNRESOLVE, "192.0.2.8"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_nobody_asks_for_again_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_all_of_it_goes, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("ways", tests, NULL, NULL);
}
