/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader's look at routes and neighbours, against the kernel, in a network namespace of its own: what is
 * told of a way at first, and at each change. Needs root.
 */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xesp/limits.h>

#include <cmocka.h>

#include "dataplane/nexthop.h"
#include "host/nexthop.h"

#define WAIT_USEC (10 * 1000000ull)

struct rig {
	sd_event *event;
	struct nexthop_watch *watch;
	struct ipc_nexthop last; /* word of the loader */
	unsigned int words;
	uint32_t served; /* ifindex, 0: none */
};

static bool serves(uint32_t ifindex, void *ctx)
{
	const struct rig *rig = ctx;

	return ifindex == rig->served;
}

static void changed(const struct ipc_nexthop *way, void *ctx)
{
	struct rig *rig = ctx;

	rig->last = *way;
	rig->words++;
}

static void sh(const char *command)
{
	if (system(command)) /* NOLINT(cert-env33-c): a constant */
		fail_msg("%s", command);
}

/* "near" is ours, its other end "far" answers nothing: neighbours are there when a test says so. */
static int set_up(void **state)
{
	static const struct nexthop_watch_ops ops = {.serves = serves, .changed = changed};
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig || unshare(CLONE_NEWNET))
		return -1;
	sh("ip link add near address 02:00:00:00:00:01 type veth peer far");
	sh("ip link set near up; ip link set far arp off up");
	sh("ip addr add 192.0.2.1/24 dev near; ip -6 addr add 2001:db8::1/64 dev near nodad");
	sh("sysctl -q net.ipv4.neigh.near.retrans_time_ms=50 net.ipv6.neigh.near.retrans_time_ms=50");
	rig->served = if_nametoindex("near");
	*state = rig;
	return sd_event_new(&rig->event) < 0 || nexthop_watch_new(&ops, rig, rig->event, &rig->watch);
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	nexthop_watch_free(rig->watch);
	sd_event_unref(rig->event);
	free(rig);
	return 0;
}

static struct ip_addr addr(const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_addr_parse(text, &addr), 0);
	return addr;
}

static void watch_peer(struct rig *rig, const char *text)
{
	struct ip_addr peer = addr(text);

	assert_int_equal(nexthop_watch_add(rig->watch, &peer), 0);
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* Until the last word is of this state and MTU (0: any). */
static void expect(struct rig *rig, uint32_t state, uint32_t mtu)
{
	uint64_t end = now() + WAIT_USEC;

	while (!rig->words || rig->last.state != state || (mtu && rig->last.mtu != mtu)) {
		if (now() > end)
			fail_msg("state %u mtu %u, wanted %u %u", rig->last.state, rig->last.mtu, state, mtu);
		assert_true(sd_event_run(rig->event, 100000) >= 0);
	}
}

/* Until the link-layer destination ends so. */
static void expect_mac(struct rig *rig, uint8_t last)
{
	uint64_t end = now() + WAIT_USEC;

	while (rig->last.link[5] != last) {
		if (now() > end)
			fail_msg("the neighbour's address ends with %02x", rig->last.link[5]);
		assert_true(sd_event_run(rig->event, 100000) >= 0);
	}
}

static void test_neighbour_comes_late_and_moves(void **state)
{
	static const uint8_t link[] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0};
	struct rig *rig = *state;

	watch_peer(rig, "192.0.2.9");
	expect(rig, NEXTHOP_RESOLVING, 1500);
	expect(rig, NEXTHOP_NONE, 1500); /* nobody answered */
	sh("ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:09 dev near");
	expect(rig, NEXTHOP_USABLE, 1500);
	assert_memory_equal(rig->last.link, link, sizeof(link));
	assert_int_equal(rig->last.ifindex, rig->served);
	sh("ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:0a dev near");
	expect_mac(rig, 0x0a);
	sh("ip link set near address 02:00:00:00:00:02");
	sh("ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:0b dev near");
	expect_mac(rig, 0x0b);
	assert_int_equal(rig->last.link[11], 2);
	sh("ip neigh del 192.0.2.9 dev near");
	expect(rig, NEXTHOP_RESOLVING, 0);
}

static void test_ipv6(void **state)
{
	static const uint8_t link[] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x86, 0xdd};
	struct rig *rig = *state;

	sh("ip -6 neigh replace 2001:db8::9 lladdr 02:00:00:00:00:09 dev near");
	sh("ip -6 route add 2001:db8:1::/48 via 2001:db8::9 mtu 1300");
	watch_peer(rig, "2001:db8:1::7");
	expect(rig, NEXTHOP_USABLE, 1300);
	assert_memory_equal(rig->last.link, link, sizeof(link));
}

static void test_route_changes_are_followed(void **state)
{
	struct rig *rig = *state;

	sh("ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:09 dev near");
	sh("ip neigh replace 192.0.2.10 lladdr 02:00:00:00:00:0a dev near");
	watch_peer(rig, "198.51.100.7");
	expect(rig, NEXTHOP_NONE, 0); /* no route */
	sh("ip route add 198.51.100.0/24 via 192.0.2.9");
	expect(rig, NEXTHOP_USABLE, 1500);
	sh("ip route replace 198.51.100.0/24 via 192.0.2.10 mtu 1400");
	expect(rig, NEXTHOP_USABLE, 1400);
	assert_int_equal(rig->last.link[5], 0x0a);
	sh("ip link set near mtu 1350");
	expect(rig, NEXTHOP_USABLE, 1350);
	sh("ip route replace blackhole 198.51.100.7");
	expect(rig, NEXTHOP_NONE, 0);
	sh("ip route del blackhole 198.51.100.7");
	expect(rig, NEXTHOP_USABLE, 1350);
	sh("ip rule add to 198.51.100.7 prohibit");
	expect(rig, NEXTHOP_NONE, 0);
	sh("ip rule del to 198.51.100.7 prohibit");
	expect(rig, NEXTHOP_USABLE, 0);
	sh("ip link set near down");
	expect(rig, NEXTHOP_NONE, 0);
}

/* Of an address with an IPv6 neighbour, as routing protocols in data centres make them (RFC 8950). */
static void test_ipv4_by_way_of_ipv6(void **state)
{
	struct rig *rig = *state;

	sh("ip -6 neigh replace fe80::9 lladdr 02:00:00:00:00:09 dev near");
	sh("ip route add 198.51.100.0/24 via inet6 fe80::9 dev near");
	watch_peer(rig, "198.51.100.7");
	expect(rig, NEXTHOP_USABLE, 1500);
	assert_int_equal(rig->last.link[5], 9);
	assert_int_equal(rig->last.link[12], 8);
}

static void test_only_served_interfaces(void **state)
{
	struct rig *rig = *state;
	uint32_t a = rig->served;

	sh("ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:09 dev near");
	rig->served = 0;
	watch_peer(rig, "192.0.2.9");
	watch_peer(rig, "192.0.2.9");
	expect(rig, NEXTHOP_NONE, 0);
	assert_int_equal(rig->last.ifindex, 0);
	assert_int_equal(rig->words, 1);
	rig->served = a;
	nexthop_watch_look(rig->watch);
	expect(rig, NEXTHOP_USABLE, 0);
	/* Whoever asks again is told again. */
	rig->words = 0;
	watch_peer(rig, "192.0.2.9");
	expect(rig, NEXTHOP_USABLE, 0);
	assert_int_equal(rig->words, 1);
}

static void test_what_is_no_peer(void **state)
{
	static const char *const texts[] = {"0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"};
	struct rig *rig = *state;
	struct ip_addr peer = {.family = AF_UNSPEC};

	assert_int_equal(nexthop_watch_add(rig->watch, &peer), -EINVAL);
	peer.family = 77;
	assert_int_equal(nexthop_watch_add(rig->watch, &peer), -EINVAL);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		peer = addr(texts[i]);
		assert_int_equal(nexthop_watch_add(rig->watch, &peer), -EINVAL);
	}
	peer = addr("192.0.2.9");
	peer.bytes[4] = 1;
	assert_int_equal(nexthop_watch_add(rig->watch, &peer), -EINVAL);
	peer.bytes[4] = 0;
	assert_int_equal(nexthop_watch_remove(rig->watch, &peer), -ENOENT);
	watch_peer(rig, "127.0.0.1"); /* of this host: there is no way out */
	expect(rig, NEXTHOP_NONE, 0);
	watch_peer(rig, "192.0.2.1");
	rig->words = 0;
	expect(rig, NEXTHOP_NONE, 0);
	watch_peer(rig, "192.0.2.255");
	rig->words = 0;
	expect(rig, NEXTHOP_NONE, 0);
}

static void test_many_are_bounded_and_removed(void **state)
{
	struct rig *rig = *state;
	struct ip_addr peer = addr("198.18.0.0");

	for (uint32_t i = 0; i < XESP_PEERS_MAX; i++) {
		peer.bytes[2] = (uint8_t)(i >> 8);
		peer.bytes[3] = (uint8_t)i;
		assert_int_equal(nexthop_watch_add(rig->watch, &peer), 0);
	}
	watch_peer(rig, "198.18.0.5");
	peer.bytes[2] = 0xff;
	assert_int_equal(nexthop_watch_add(rig->watch, &peer), -ENOSPC);
	expect(rig, NEXTHOP_NONE, 0);
	assert_int_equal(rig->words, XESP_PEERS_MAX);
	peer = addr("198.18.0.5");
	assert_int_equal(nexthop_watch_remove(rig->watch, &peer), 0);
	peer.bytes[2] = 0xff;
	assert_int_equal(nexthop_watch_add(rig->watch, &peer), 0);
}

static int set_up_known_only(void **state)
{
	static const struct nexthop_watch_ops ops = {
		.known_only = true, .serves = serves, .changed = changed};
	struct rig *rig;

	if (set_up(state))
		return -1;
	rig = *state;
	nexthop_watch_free(rig->watch);
	return nexthop_watch_new(&ops, rig, rig->event, &rig->watch);
}

static void run_for(struct rig *rig, uint64_t usec)
{
	uint64_t end = now() + usec;

	while (now() < end)
		assert_true(sd_event_run(rig->event, 10000) >= 0);
}

/* Hosts behind a gateway: peers choose them, so nobody is asked for whom the kernel does not ask itself. The
 * far end is alive, so that a neighbour that is asked would be one. */
static void test_known_neighbours_only(void **state)
{
	struct rig *rig = *state;

	watch_peer(rig, "192.0.2.9");
	watch_peer(rig, "192.0.2.8");
	expect(rig, NEXTHOP_NONE, 1500);
	nexthop_watch_look(rig->watch);
	run_for(rig, 300000);
	sh("test -z \"$(ip neigh show dev near)\"");
	assert_int_equal(rig->last.state, NEXTHOP_NONE);
	sh("ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:09 nud reachable dev near");
	expect(rig, NEXTHOP_USABLE, 1500);
	/* One that is stale is used, and so the kernel asks it again. */
	sh("ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:0a nud stale dev near");
	expect_mac(rig, 0x0a);
	sh("test -z \"$(ip neigh show dev near nud stale)\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_neighbour_comes_late_and_moves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ipv6, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_route_changes_are_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ipv4_by_way_of_ipv6, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_only_served_interfaces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_no_peer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_are_bounded_and_removed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_known_neighbours_only, set_up_known_only, tear_down),
	};

	return cmocka_run_group_tests_name("nexthop", tests, NULL, NULL);
}
