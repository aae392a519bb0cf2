/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was about to be told of SAs when their engine ended: lifetimes that were reached, peers that had
 * moved.
 */
#include "control/lifetime.h"
#include "control/outbound_events.h"
#include "tests/unit/restore_rig.h"

/* ---- lifetimes ----------------------------------------------------------------------------------------- */

static void expired_before(int fd)
{
	struct sa_params params = out_params(0x5000);
	struct sa_out *sa;

	engine_begin(fd);
	params.limits.packet_hard = 5;
	sa = out_add(&params);
	CHECK(sa_out_take(sa, 5) == 1); /* killed before anybody was told */
	params = out_params(0x5001);
	params.limits.time_hard = 1;
	sa = out_add(&params);
	sa->life.added = lifetime_now() - 1001;
}

static void expired_after(int fd)
{
	struct outbound_events *events = NULL;

	engine_begin(fd);
	CHECK(engine.tally.kept == 2 && out_find(0x5000) && out_find(0x5001));
	CHECK(!sa_out_take(out_find(0x5000), 1));
	CHECK(outbound_events_new(engine.outbound, NULL, NULL, &events) == 0);
	outbound_events_resume(events);
	CHECK(!out_find(0x5000) && out_find(0x5001));
	outbound_events_free(events);
	CHECK(!memory_has_key(fd, 0x5000) && memory_has_key(fd, 0x5001));
}

static void test_expired(void **unused)
{
	int fd = restore_fd();

	(void)unused;
	engine_run_one(fd, expired_before);
	engine_run_one(fd, expired_after);
	close(fd);
}

/* ---- where the peer is --------------------------------------------------------------------------------- */

/* Both have moved; of one nobody has acted on that. */
static void moved_before(int fd)
{
	engine_begin(fd);
	for (uint32_t i = 0; i < 2; i++) {
		struct sa_params params = in_params(0x5100 + i);
		struct sa *sa;

		CHECK(ip_addr_parse("198.51.100.7", &params.src) == 0);
		sa = in_add(&params);
		CHECK(in_open(sa, 1));
		sa->watch.told = SA_TOLD_FIRST_USE | SA_TOLD_SOFT_BYTES;
		sa->watch.packets_next = UINT64_MAX;
		sa->watch.peer.port = htons(31337);
		sa->watch.mappings = 3;
		sa->mappings_taken = 2 + i;
		sa->watch.peer_told = sa->watch.peer;
		sa->watch.peer_told_at = 1000;
	}
}

static void moved_after(int fd)
{
	const struct sa *lost, *taken;

	engine_begin(fd);
	lost = in_find(0x5100);
	taken = in_find(0x5101);
	CHECK(lost && taken);
	CHECK(lost->watch.peer.port == htons(31337) && lost->watch.peer_told.port == htons(4500));
	CHECK(!memcmp(lost->watch.peer_told.addr, lost->params.src.bytes, 16) && !lost->watch.peer_told_at);
	CHECK(taken->watch.peer_told.port == htons(31337) && taken->watch.peer_told_at == 1000);
	/* The next packet looks, and tells again what may be lost. */
	CHECK(lost->watch.packets_next == 0 && lost->watch.told == SA_TOLD_FIRST_USE);
	CHECK(lost->watch.mappings == lost->mappings_taken);
}

static void test_moved(void **unused)
{
	int fd = restore_fd();

	(void)unused;
	engine_run_one(fd, moved_before);
	engine_run_one(fd, moved_after);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
