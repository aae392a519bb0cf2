/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every table that is a hash table, where memory ends: each allocation of each add fails once. The process
 * goes on, the add says so or is made up for later, and the table holds what it held. Those of the loader in
 * a network namespace of their own, which needs root.
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

#include "base/log.h"
#include "control/keepalive.h"
#include "control/nexthops.h"
#include "control/tun_routes.h"
#include "host/classifier_dsts.h"
#include "host/routes.h"
#include "tests/unit/memory_rig.h"

/* So many that each table grows, which is an allocation too. */
#define ADDS 400
#define SECONDS 20

struct rig {
	struct outbound *outbound;
	struct crypto_ctx *crypto;
	struct nexthops *nexthops;
	struct tun_routes *tun_routes;
	struct keepalive *keepalive;
	struct classifier_dsts dsts;
	struct routes *routes;
	struct nexthop_watch *watch;
	sd_event *event;
	uint32_t asked; /* of the loader: peers, or routes */
	uint32_t sent;	/* keepalives of one sweep */
	uint64_t now;	/* of the last sweep */
};

/* Each of an address of its own. */
static struct ip_addr addr_of(uint32_t i)
{
	return (struct ip_addr){.family = AF_INET, .bytes = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}};
}

static struct ip_prefix prefix_of(uint32_t i)
{
	return (struct ip_prefix){.addr = addr_of(i), .length = 32};
}

/* One SA more, for what goes to an address of its own, in UDP from a port of its own. */
static void add_sa(struct rig *rig, uint32_t i)
{
	struct sa_params params = {.dir = SA_DIR_OUT,
				   .spi = 0x1000 + i,
				   .mode = SA_MODE_TUNNEL,
				   .cipher = ALGO_AES_GCM,
				   .key_bytes = 20,
				   .icv_bytes = 16,
				   .encap = {.present = true, .sport = (uint16_t)(1024 + i), .dport = 4500}};
	const struct sa_out *sa;
	const char *what;

	assert_int_equal(ip_addr_parse("192.0.2.1", &params.dst), 0);
	assert_int_equal(ip_addr_parse("192.0.2.2", &params.src), 0);
	params.selector.dst = prefix_of(i);
	assert_int_equal(outbound_add(rig->outbound, &params, &sa, &what), 0);
}

/* ---- the tables: an add, while memory lasts for `good` allocations; false: it was for want of memory -----
 */

static int watch_peer(void *owner, const struct ip_addr *peer, bool begin)
{
	struct rig *rig = owner;

	assert_non_null(peer);
	rig->asked += begin;
	return 0;
}

static bool add_nexthop(struct rig *rig, uint32_t i, size_t good)
{
	struct nexthop *const untouched = (struct nexthop *)rig;
	const struct ip_addr peer = addr_of(i);
	struct nexthop *hop = untouched;
	int err;

	memory_left = good;
	err = nexthops_take(rig->nexthops, &peer, &hop);
	memory_left = SIZE_MAX;
	assert_int_equal(nexthops_count(rig->nexthops), err ? i : i + 1);
	assert_int_equal(rig->asked, err ? i : i + 1);
	assert_int_equal(hop == untouched, err != 0);
	assert_true(!err || err == -ENOMEM);
	return !err;
}

static int add_route(void *owner, const struct ip_prefix *dst, const struct ip_prefix *src)
{
	struct rig *rig = owner;
	const struct ip_prefix wanted = prefix_of(rig->asked);

	(void)src;
	assert_memory_equal(dst, &wanted, sizeof(wanted));
	rig->asked++;
	return 0;
}

static void remove_route(void *owner, const struct ip_prefix *dst)
{
	(void)owner;
	(void)dst;
	fail_msg("a route was removed");
}

static bool add_tun_route(struct rig *rig, uint32_t i, size_t good)
{
	if (outbound_count(rig->outbound) == i)
		add_sa(rig, i);
	memory_left = good;
	tun_routes_sync(rig->tun_routes, rig->outbound);
	memory_left = SIZE_MAX;
	assert_in_range(rig->asked, i, i + 1);
	return rig->asked == i + 1;
}

static bool send_keepalive(void *owner, const struct sa_out *sa, const struct sa_out_ends *ends)
{
	struct rig *rig = owner;

	assert_int_equal(ends->sport, 1024 + sa->params.spi - 0x1000);
	rig->sent++;
	return true;
}

/* Sweeps when one is due to each mapping that is known. */
static uint32_t sweep(struct rig *rig, size_t good)
{
	rig->sent = 0;
	rig->now += SECONDS;
	memory_left = good;
	keepalive_sweep(rig->keepalive, rig->outbound, rig->now);
	memory_left = SIZE_MAX;
	return rig->sent;
}

static bool add_mapping(struct rig *rig, uint32_t i, size_t good)
{
	if (outbound_count(rig->outbound) == i)
		add_sa(rig, i);
	assert_int_equal(sweep(rig, good), i);
	if (!MEMORY_ENDS)
		return true;
	return sweep(rig, 0) == i + 1;
}

static bool add_dst(struct rig *rig, uint32_t i, size_t good)
{
	const struct ip_addr dst = addr_of(i);
	const struct xesp_destination key = classifier_dsts_key(&dst);
	bool added;

	memory_left = good;
	added = classifier_dsts_take(&rig->dsts, &dst);
	memory_left = SIZE_MAX;
	assert_int_equal(classifier_dsts_have(&rig->dsts, &key), added);
	return added;
}

static uint32_t count_watched(const struct rig *rig)
{
	const struct ip_addr *peer = NULL;
	uint32_t count = 0;

	while ((peer = nexthop_watch_next(rig->watch, peer)))
		count++;
	return count;
}

static bool add_watched(struct rig *rig, uint32_t i, size_t good)
{
	const struct ip_addr peer = addr_of(i);
	int err;

	memory_left = good;
	err = nexthop_watch_add(rig->watch, &peer);
	memory_left = SIZE_MAX;
	assert_int_equal(count_watched(rig), err ? i : i + 1);
	assert_true(!err || err == -ENOMEM);
	return !err;
}

/* Whether the route can be set is another question, which is asked again. */
static bool add_loader_route(struct rig *rig, uint32_t i, size_t good)
{
	const struct ipc_route route = {.dst = prefix_of(i)};
	int err;

	memory_left = good;
	err = routes_add(rig->routes, &route);
	memory_left = SIZE_MAX;
	assert_true(!err || err == -ENOMEM);
	if (err)
		assert_int_equal(routes_remove(rig->routes, &route), -ENOENT);
	return !err;
}

/* ---- the same for each ------------------------------------------------------------------------------------
 */

static void fill(struct rig *rig, bool (*add)(struct rig *rig, uint32_t i, size_t good))
{
	uint32_t failures = 0;
	uint32_t most = 0;

	for (uint32_t i = 0; i < ADDS; i++) {
		uint32_t good = 0;

		while (!add(rig, i, MEMORY_ENDS ? good : SIZE_MAX))
			assert_true(++good < 10);
		failures += good;
		if (i && good > most)
			most = good;
	}
	if (!MEMORY_ENDS)
		return;
	/* The item of each; the table of the first, with its buckets; then it has grown, too. */
	assert_int_equal(most, 2);
	assert_true(failures > ADDS + 2);
}

static void test_nexthops(void **state)
{
	struct rig *rig = *state;
	const struct nexthops_config config = {.watch = watch_peer, .owner = rig};

	assert_int_equal(nexthops_new(&config, &rig->nexthops), 0);
	fill(rig, add_nexthop);
}

static void test_tun_routes(void **state)
{
	struct rig *rig = *state;
	const struct tun_routes_config config = {.add = add_route, .remove = remove_route, .owner = rig};

	assert_int_equal(tun_routes_new(&config, &rig->tun_routes), 0);
	fill(rig, add_tun_route);
}

static void test_keepalive(void **state)
{
	struct rig *rig = *state;
	const struct keepalive_config config = {.seconds = SECONDS, .send = send_keepalive, .owner = rig};

	assert_int_equal(keepalive_new(&config, &rig->keepalive), 0);
	fill(rig, add_mapping);
}

static void test_classifier_dsts(void **state)
{
	fill(*state, add_dst);
}

static bool serves(uint32_t ifindex, void *ctx)
{
	(void)ifindex;
	(void)ctx;
	return false;
}

static void changed(const struct ipc_nexthop *way, void *ctx)
{
	(void)way;
	(void)ctx;
}

static void start_watch(struct rig *rig)
{
	static const struct nexthop_watch_ops ops = {.serves = serves, .changed = changed};

	if (unshare(CLONE_NEWNET)) {
		print_message("needs root\n");
		skip();
	}
	assert_true(sd_event_new(&rig->event) >= 0);
	assert_int_equal(nexthop_watch_new(&ops, rig, rig->event, &rig->watch), 0);
}

static void test_nexthop_watch(void **state)
{
	struct rig *rig = *state;

	start_watch(rig);
	fill(rig, add_watched);
}

static void test_routes(void **state)
{
	struct rig *rig = *state;

	start_watch(rig);
	if (system("ip link add t0 type veth peer t1 && ip link set t0 up")) /* NOLINT(cert-env33-c): constant
									      */
		fail_msg("no veth");
	assert_int_equal(routes_new("t0", rig->watch, &rig->routes), 0);
	fill(rig, add_loader_route);
}

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct outbound_config store = {.provider = &crypto_openssl, .capacity = ADDS};

	*state = rig;
	if (!rig || crypto_openssl.ctx_new(&rig->crypto))
		return -1;
	store.crypto = rig->crypto;
	return outbound_new(&store, &rig->outbound);
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	memory_left = SIZE_MAX;
	routes_free(rig->routes);
	nexthop_watch_free(rig->watch);
	sd_event_unref(rig->event);
	classifier_dsts_clear(&rig->dsts);
	nexthops_free(rig->nexthops);
	tun_routes_free(rig->tun_routes);
	keepalive_free(rig->keepalive);
	outbound_free(rig->outbound);
	crypto_openssl.ctx_free(rig->crypto);
	free(rig);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nexthops, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tun_routes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keepalive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_classifier_dsts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nexthop_watch, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_routes, set_up, tear_down),
	};

	log_init("test", LOG_LEVEL_ERROR); /* of routes that were not set, each is told */
	return cmocka_run_group_tests_name("hash_faults", tests, NULL, NULL);
}
