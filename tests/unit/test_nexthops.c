/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's table of ways: who shares one, what workers see of the loader's word and of interfaces. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <xesp/limits.h>

#include <cmocka.h>

#include "control/nexthops.h"

#define ETH 7

/* What the table asked for. The port is only ever compared. */
struct fake {
	unsigned int begun;
	unsigned int ended;
	unsigned int changed;
	unsigned int expired;
	int watch_result;
	bool has_port;
	char port;
	struct nexthops *hops;
};

static int watch(void *owner, const struct ip_addr *peer, bool begin)
{
	struct fake *fake = owner;

	assert_int_equal(peer->family, AF_INET);
	*(begin ? &fake->begun : &fake->ended) += 1;
	return fake->watch_result;
}

static struct port *port(void *owner, uint32_t ifindex)
{
	struct fake *fake = owner;

	return fake->has_port && ifindex == ETH ? (struct port *)&fake->port : NULL;
}

static void changed(void *owner, const struct nexthop *hop)
{
	struct fake *fake = owner;

	assert_non_null(hop);
	fake->changed++;
}

static void expired(void *owner, const struct ip_addr *peer, uint32_t mtu)
{
	struct fake *fake = owner;

	assert_int_equal(peer->family, AF_INET);
	assert_int_equal(mtu, 1500);
	fake->expired++;
}

static struct ip_addr addr(uint32_t number)
{
	return (struct ip_addr){
		.family = AF_INET,
		.bytes = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static struct nexthop *take(struct fake *fake, uint32_t number)
{
	struct ip_addr peer = addr(number);
	struct nexthop *hop = NULL;

	assert_int_equal(nexthops_take(fake->hops, &peer, &hop), 0);
	assert_non_null(hop);
	return hop;
}

static void note(struct fake *fake, uint32_t number, uint32_t state, uint32_t ifindex, uint32_t mtu)
{
	struct ipc_nexthop way = {.dst = addr(number), .ifindex = ifindex, .state = state, .mtu = mtu};

	memset(way.link, (int)number, sizeof(way.link));
	nexthops_note(fake->hops, &way);
}

static void expect(const struct nexthop *hop, uint8_t state, uint32_t mtu)
{
	struct nexthop_way way;

	nexthop_read(hop, &way);
	assert_int_equal(way.state, state);
	assert_int_equal(way.mtu, mtu);
	assert_int_equal(way.port != NULL, state != NEXTHOP_NONE);
}

static int set_up(void **state)
{
	static struct fake fake;
	struct nexthops_config config = {
		.watch = watch, .port = port, .changed = changed, .expired = expired, .owner = &fake};

	fake = (struct fake){.has_port = true};
	*state = &fake;
	return nexthops_new(&config, &fake.hops);
}

static int tear_down(void **state)
{
	struct fake *fake = *state;

	nexthops_free(fake->hops);
	return 0;
}

static void test_sas_of_one_peer_share_a_way(void **state)
{
	struct fake *fake = *state;
	struct nexthop *first = take(fake, 1);
	struct nexthop *other = take(fake, 2);

	assert_ptr_equal(take(fake, 1), first);
	assert_ptr_not_equal(other, first);
	assert_int_equal(fake->begun, 2);
	nexthops_give(fake->hops, first);
	assert_int_equal(fake->ended, 0);
	nexthops_give(fake->hops, first);
	assert_int_equal(fake->ended, 1);
	nexthops_give(fake->hops, other);
	assert_int_equal(fake->ended, 2);
	assert_int_equal(nexthops_count(fake->hops), 0);
}

static void test_what_the_loader_says_is_read(void **state)
{
	struct fake *fake = *state;
	struct nexthop *hop = take(fake, 1);
	struct nexthop *other = take(fake, 2);
	struct nexthop_way way;

	expect(hop, NEXTHOP_NONE, 0);
	note(fake, 1, NEXTHOP_RESOLVING, ETH, 1500);
	expect(hop, NEXTHOP_RESOLVING, 1500);
	note(fake, 1, NEXTHOP_USABLE, ETH, 1400);
	expect(hop, NEXTHOP_USABLE, 1400);
	expect(other, NEXTHOP_NONE, 0);
	nexthop_read(hop, &way);
	for (size_t i = 0; i < sizeof(way.link); i++)
		assert_int_equal(way.link[i], 1);
	assert_int_equal(fake->changed, 2);
	note(fake, 1, NEXTHOP_NONE, 0, 0);
	expect(hop, NEXTHOP_NONE, 0);
}

static void test_only_attached_interfaces_are_ways(void **state)
{
	struct fake *fake = *state;
	struct nexthop *hop = take(fake, 1);

	note(fake, 1, NEXTHOP_USABLE, ETH + 1, 1500);
	expect(hop, NEXTHOP_NONE, 0);
	note(fake, 1, NEXTHOP_USABLE, ETH, 1500);
	expect(hop, NEXTHOP_USABLE, 1500);
	fake->has_port = false; /* detached */
	nexthops_refresh(fake->hops);
	expect(hop, NEXTHOP_NONE, 0);
	fake->has_port = true;
	nexthops_refresh(fake->hops);
	expect(hop, NEXTHOP_USABLE, 1500);
}

/* The loader is no danger, but its word may be of a peer that was given back meanwhile. */
static void test_word_of_unknown_peers_is_passed_over(void **state)
{
	struct fake *fake = *state;
	struct nexthop *hop = take(fake, 1);

	note(fake, 2, NEXTHOP_USABLE, ETH, 1500);
	note(fake, 1, 99, ETH, 1500);
	expect(hop, NEXTHOP_NONE, 0);
	nexthops_give(fake->hops, hop);
	note(fake, 1, NEXTHOP_USABLE, ETH, 1500);
	expect(take(fake, 1), NEXTHOP_NONE, 0); /* until the loader says so again */
}

static void test_refused_peers_leave_nothing(void **state)
{
	struct fake *fake = *state;
	struct ip_addr peer = addr(1);
	struct nexthop *hop = (struct nexthop *)fake;

	fake->watch_result = -EIO;
	assert_int_equal(nexthops_take(fake->hops, &peer, &hop), -EIO);
	assert_ptr_equal(hop, fake);
	assert_int_equal(nexthops_count(fake->hops), 0);
	fake->watch_result = 0;
	for (uint32_t i = 0; i < XESP_PEERS_MAX; i++)
		take(fake, i);
	peer = addr(XESP_PEERS_MAX);
	assert_int_equal(nexthops_take(fake->hops, &peer, &hop), -ENOSPC);
	nexthops_give(fake->hops, take(fake, 0));
	assert_int_equal(fake->ended, 0);
}

/* What was learned bounds the kernel's MTU, and is forgotten. */
static void test_learned_mtu(void **state)
{
	struct fake *fake = *state;
	struct nexthop *hop = take(fake, 1);
	struct nexthop *other = take(fake, 2);

	note(fake, 1, NEXTHOP_USABLE, ETH, 1500);
	note(fake, 2, NEXTHOP_USABLE, ETH, 1500);
	assert_int_equal(nexthops_learned_until(hop), 0);
	assert_int_equal(nexthops_learn(fake->hops, hop, 1500, 10), PATH_MTU_KNOWN);
	assert_int_equal(fake->changed, 2);
	assert_int_equal(nexthops_learn(fake->hops, hop, 1300, 10), PATH_MTU_LEARNED);
	assert_int_equal(fake->changed, 3);
	expect(hop, NEXTHOP_USABLE, 1300);
	expect(other, NEXTHOP_USABLE, 1500);
	assert_int_equal(nexthops_mtu(hop), 1300);
	assert_int_equal(nexthops_learned_until(hop), 10 + PATH_MTU_EXPIRES_MS);
	note(fake, 1, NEXTHOP_USABLE, ETH, 1200); /* the kernel knows better */
	expect(hop, NEXTHOP_USABLE, 1200);
	assert_int_equal(nexthops_learned_until(hop), 0);
	note(fake, 1, NEXTHOP_USABLE, ETH, 1500);
	expect(hop, NEXTHOP_USABLE, 1300);
	assert_int_equal(nexthops_learn(fake->hops, other, 1400, 30), PATH_MTU_LEARNED);
	assert_int_equal(nexthops_expire(fake->hops, 20), 10 + PATH_MTU_EXPIRES_MS);
	assert_int_equal(fake->expired, 0);
	assert_int_equal(nexthops_expire(fake->hops, 10 + PATH_MTU_EXPIRES_MS), 30 + PATH_MTU_EXPIRES_MS);
	assert_int_equal(fake->expired, 1);
	expect(hop, NEXTHOP_USABLE, 1500);
	expect(other, NEXTHOP_USABLE, 1400);
	assert_true(nexthops_expire(fake->hops, UINT64_MAX) == UINT64_MAX);
	expect(other, NEXTHOP_USABLE, 1500);
}

/* By another interface it is another path; a way that is gone for a while is the same. */
static void test_learned_mtu_of_another_way(void **state)
{
	struct fake *fake = *state;
	struct nexthop *hop = take(fake, 1);

	note(fake, 1, NEXTHOP_USABLE, ETH, 1500);
	nexthops_learn(fake->hops, hop, 1300, 0);
	note(fake, 1, NEXTHOP_NONE, 0, 0);
	assert_int_equal(nexthops_mtu(hop), 1300);
	note(fake, 1, NEXTHOP_USABLE, ETH, 1500);
	expect(hop, NEXTHOP_USABLE, 1300);
	note(fake, 1, NEXTHOP_USABLE, ETH + 1, 1500);
	assert_int_equal(nexthops_mtu(hop), 1500);
	note(fake, 1, NEXTHOP_USABLE, ETH, 1500);
	expect(hop, NEXTHOP_USABLE, 1500);
	assert_true(nexthops_expire(fake->hops, UINT64_MAX) == UINT64_MAX);
	assert_int_equal(fake->expired, 0);
}

/* Packets wait for what is being taken over, and for the loader's first word; then it is as ever. */
static void test_resuming(void **state)
{
	struct fake *fake = *state;
	struct nexthop *told;
	struct nexthop *untold;
	struct nexthop *later;
	struct nexthop_way way;

	fake->has_port = false;
	nexthops_resume(fake->hops, true);
	told = take(fake, 1);
	untold = take(fake, 2);
	note(fake, 1, NEXTHOP_USABLE, ETH, 1400);
	nexthop_read(told, &way);
	assert_int_equal(way.state, NEXTHOP_RESOLVING);
	nexthop_read(untold, &way);
	assert_int_equal(way.state, NEXTHOP_RESOLVING);
	assert_null(way.port);
	fake->has_port = true;
	nexthops_resume(fake->hops, false);
	expect(told, NEXTHOP_USABLE, 1400);
	nexthop_read(untold, &way);
	assert_int_equal(way.state, NEXTHOP_RESOLVING);
	note(fake, 2, NEXTHOP_NONE, 0, 0);
	expect(untold, NEXTHOP_NONE, 0);
	later = take(fake, 3);
	expect(later, NEXTHOP_NONE, 0);
	/* An interface that was not taken over. */
	fake->has_port = false;
	nexthops_refresh(fake->hops);
	expect(told, NEXTHOP_NONE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sas_of_one_peer_share_a_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_the_loader_says_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_only_attached_interfaces_are_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_word_of_unknown_peers_is_passed_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused_peers_leave_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_learned_mtu, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_learned_mtu_of_another_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_resuming, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("nexthops", tests, NULL, NULL);
}
