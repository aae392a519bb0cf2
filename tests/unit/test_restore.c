/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an engine finds of the SAs of the one before: everything that was whole, with its handle, window,
 * numbers and lifetimes; nothing of what was about to be added, or had begun to be deleted.
 */
#include <errno.h>
#include <fcntl.h>

#include "control/lifetime.h"
#include "control/outbound_events.h"
#include "tests/unit/restore_rig.h"

/* What engines tell each other and the test. */
static struct {
	struct handle handles[16];
	uint64_t iv_base;
	uint64_t added;
} * told;

static int set_up_all(void **state)
{
	(void)state;
	told = engine_shared(sizeof(*told));
	return !told;
}

static struct handle out_handle_of(const struct sa_out *sa)
{
	return (struct handle){sa->index, sa->generation};
}

static struct ip_addr addr_of(const char *text)
{
	struct ip_addr addr;

	CHECK(ip_addr_parse(text, &addr) == 0);
	return addr;
}

/* ---- everything as it was ------------------------------------------------------------------------------ */

static const uint32_t windows[] = {0, 32, 64, 65, 1024, XESP_REPLAY_WINDOW_MAX};

static struct sa_params window_params(size_t i, bool esn)
{
	struct sa_params params = in_params(0x1000 + (uint32_t)i * 2 + esn);

	params.replay_window = windows[i];
	params.flags = esn && windows[i] ? SA_FLAG_ESN : 0; /* ESN needs a window */
	params.replay_seq = params.flags ? 1ull << 33 : 5;
	if (i % 2)
		params.encap.dport = 4501;
	return params;
}

static void windows_before(int fd)
{
	engine_begin(fd);
	for (size_t i = 0; i < 6; i++)
		for (unsigned int esn = 0; esn < 2; esn++) {
			struct sa_params params = window_params(i, esn);
			struct sa *sa = in_add(&params);

			told->handles[2 * i + esn] = handle_of(sa);
			for (uint32_t seq = 10; seq < 10 + windows[i] + 100; seq += 3)
				CHECK(in_open(sa, seq) || !windows[i]);
			atomic_store(&sa->counters.last_used, 77 + i);
			atomic_store(&sa->owner, 3);
		}
}

/* Was this number left out, in reach of the window and above the first? */
static bool is_open(const struct replay *replay, uint32_t seq, uint32_t last)
{
	if (seq + replay->window <= last || seq <= (replay->esn ? 0 : 5))
		return false;
	return seq < 10 || (seq - 10) % 3;
}

static void windows_after(int fd)
{
	engine_begin(fd);
	CHECK(engine.tally.kept == 12 && engine.tally.lost == 0);
	CHECK(sadb_count(engine.db) == 12 && engine.fake.sa_count == 12);
	CHECK(sadb_parser_count(engine.db) == 2);
	for (size_t i = 0; i < 6; i++)
		for (unsigned int esn = 0; esn < 2; esn++) {
			struct sa *sa = in_find(0x1000 + (uint32_t)i * 2 + esn);
			struct handle handle = told->handles[2 * i + esn];
			uint32_t last = 10 + (windows[i] + 99) / 3 * 3;

			CHECK(sa && same_handle(handle_of(sa), handle));
			CHECK(sadb_get(engine.db, handle.index, handle.generation) == sa);
			CHECK(sa->replay.top == (sa->replay.esn ? (1ull << 33) + last : last));
			CHECK(sa->counters.packets == (windows[i] + 102) / 3);
			CHECK(sa->counters.last_used == 77 + i && sa->owner == SA_OWNER_NONE);
			/* What is left of an ESN's window stands for a number far ahead. */
			for (uint32_t seq = sa->replay.esn && last > windows[i] ? last - windows[i] + 1 : 1;
			     seq <= last && windows[i]; seq++)
				CHECK(in_open(sa, seq) == is_open(&sa->replay, seq, last));
			CHECK(in_open(sa, last + 1));
		}
}

static void test_windows(void **unused)
{
	int fd = restore_fd();

	(void)unused;
	engine_run_one(fd, windows_before);
	engine_run_one(fd, windows_after);
	close(fd);
}

/* ---- outbound ------------------------------------------------------------------------------------------ */

static void outbound_before(int fd)
{
	struct sa_params params = out_params(0x2000);
	const struct ip_addr moved = addr_of("192.0.2.99");
	struct sa_out *sa;

	engine_begin(fd);
	params.send_seq = 100;
	params.limits.byte_soft = 1 << 20;
	params.selector.protocol = 17;
	params.flags = SA_FLAG_FOLLOW;
	params.reqid = 9;
	sa = out_add(&params);
	told->handles[0] = out_handle_of(sa);
	told->iv_base = sa->iv_base;
	CHECK(sa_out_take(sa, 7) == 101);
	CHECK(sa_out_take(sa, 64) == 108);
	atomic_store(&sa->watch.bytes, 5000);
	atomic_store(&sa->counters.bytes, 4000);
	atomic_store(&sa->counters.packets, 71);
	atomic_store(&sa->watch.telling, true); /* a worker was about to */
	sa->life.added = told->added = lifetime_now() - 5000;
	CHECK(outbound_move(engine.outbound, sa, &moved, 31337) == 0);
}

static void outbound_after(int fd)
{
	const struct spd_flow flow = {.family = 4, .protocol = 17}, other = {.family = 4, .protocol = 6};
	struct outbound_events *events = NULL;
	struct sa_out_ends ends;
	struct sa_out *sa;

	engine_begin(fd);
	sa = out_find(0x2000);
	CHECK(engine.tally.kept == 1 && engine.tally.lost == 0 && sa);
	CHECK(same_handle(out_handle_of(sa), told->handles[0]));
	CHECK(outbound_get(engine.outbound, told->handles[0]) == sa);
	CHECK(spd_find(outbound_spd(engine.outbound), &flow) == sa);
	CHECK(!spd_find(outbound_spd(engine.outbound), &other));
	CHECK(sa->iv_base == told->iv_base && sa->counts_bytes && !sa->watch.telling);
	CHECK(sa->watch.bytes == 5000 && sa->counters.packets == 71 && sa->counters.bytes == 4000);
	sa_out_get_ends(sa, &ends);
	CHECK(ip_addr_equal(&ends.dst, &(struct ip_addr){AF_INET, {192, 0, 2, 99}}) && ends.dport == 31337);
	CHECK(sa_out_take(sa, 1) == 172);
	CHECK(outbound_events_new(engine.outbound, NULL, NULL, &events) == 0);
	outbound_events_resume(events);
	CHECK(sa->life.added == told->added && out_find(0x2000) == sa);
	outbound_events_free(events);
}

static void test_outbound(void **unused)
{
	int fd = restore_fd();

	(void)unused;
	engine_run_one(fd, outbound_before);
	engine_run_one(fd, outbound_after);
	close(fd);
}

/* ---- handles ------------------------------------------------------------------------------------------- */

static void stale_before(int fd)
{
	struct sa_params one = in_params(0x3000), other = in_params(0x3001), out = out_params(0x3002);
	struct sa *sa;

	engine_begin(fd);
	one.encap.dport = 4500;
	other.encap.dport = 4501;
	sa = in_add(&one);
	told->handles[0] = handle_of(sa);
	told->handles[1] = sadb_parser_of(engine.db, sa)->handle;
	CHECK(sadb_delete(engine.db, sa, SADB_ENTRY_GOES, NULL) == 0);
	sa = in_add(&other);
	told->handles[2] = sadb_parser_of(engine.db, sa)->handle;
	CHECK(sadb_delete(engine.db, sa, SADB_ENTRY_STAYS, NULL) == 0);
	told->handles[3] = out_handle_of(out_add(&out));
	outbound_flush(engine.outbound, "");
}

/* Whatever is added now, it has no name that another had; and an entry that outlived its SAs has its own. */
static void stale_after(int fd)
{
	const struct sadb_parser *parser;

	engine_begin(fd);
	CHECK(engine.tally.kept == 0 && engine.tally.lost == 0);
	CHECK(sadb_parser_count(engine.db) == 1);
	parser = sadb_parser_get(engine.db, told->handles[2]);
	CHECK(parser && parser->port == 4501 && parser->refs == 0);
	CHECK(engine.fake.parsers[4501].id[XESP_ENCAP_RFC3948] == parser->id);
	for (uint32_t i = 0; i < CAPACITY; i++) {
		struct sa_params params = in_params(0x3100 + i), out = out_params(0x3200 + i);
		const struct sa *sa;

		params.encap.dport = (uint16_t)(5000 + i);
		sa = in_add(&params);
		parser = sadb_parser_of(engine.db, sa);
		CHECK(!same_handle(handle_of(sa), told->handles[0]));
		CHECK(!same_handle(parser->handle, told->handles[1]));
		CHECK(!same_handle(out_handle_of(out_add(&out)), told->handles[3]));
	}
	CHECK(!sadb_parser_get(engine.db, told->handles[1]));
}

static void test_stale_handles(void **unused)
{
	int fd = restore_fd();

	(void)unused;
	engine_run_one(fd, stale_before);
	engine_run_one(fd, stale_after);
	close(fd);
}

/* ---- ends in the midst ----------------------------------------------------------------------------------
 */

static int end_in_add(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst,
		      const struct xesp_sa_ref *ref)
{
	(void)classifier;
	(void)spi;
	(void)dst;
	(void)ref;
	_exit(0);
}

static int end_in_del(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst)
{
	(void)classifier;
	(void)spi;
	(void)dst;
	_exit(0);
}

static int end_in_parser(struct classifier *classifier, uint16_t port, const struct xesp_parser_slot *slot)
{
	(void)classifier;
	(void)port;
	(void)slot;
	_exit(0);
}

static void ends_in(int fd, const struct classifier_ops *ops, uint32_t add, uint32_t del)
{
	struct sa_params params = in_params(add);

	engine_begin(fd);
	engine.fake.classifier.ops = ops;
	if (add)
		in_add(&params);
	else
		sadb_del(engine.db, del, &params.dst);
	CHECK(engine.fake.classifier.ops != ops); /* it did not end there */
}

static void ends_in_publish(int fd)
{
	static const struct classifier_ops ops = {.set_parser = fake_set_parser, .add_sa = end_in_add};

	ends_in(fd, &ops, 0x4000, 0);
}

static void ends_before_publish(int fd)
{
	static const struct classifier_ops ops = {.set_parser = end_in_parser};

	ends_in(fd, &ops, 0x4001, 0);
}

static void ends_in_delete(int fd)
{
	static const struct classifier_ops ops = {.set_parser = fake_set_parser, .del_sa = end_in_del};

	ends_in(fd, &ops, 0, 0x4000);
}

static void has_4000(int fd)
{
	engine_begin(fd);
	CHECK(in_find(0x4000) && !in_find(0x4001) && engine.tally.kept == 1 && engine.tally.lost == 0);
	CHECK(memory_has_key(fd, 0x4000) && !memory_has_key(fd, 0x4001));
}

static void has_none(int fd)
{
	engine_begin(fd);
	CHECK(!in_find(0x4000) && engine.tally.kept == 0 && engine.tally.lost == 0);
	CHECK(!memory_has_key(fd, 0x4000));
}

/* An SA that packets may have found is whole; one whose deletion has begun is gone, and its key with it. */
static void test_ends_in_the_midst(void **unused)
{
	int fd = restore_fd();

	(void)unused;
	engine_run_one(fd, ends_before_publish);
	assert_true(memory_has_key(fd, 0x4001));
	engine_run_one(fd, has_none);
	engine_run_one(fd, ends_in_publish);
	engine_run_one(fd, has_4000);
	engine_run_one(fd, ends_in_delete);
	assert_true(memory_has_key(fd, 0x4000));
	engine_run_one(fd, has_none);
	close(fd);
}

/* ---- orderly ends, and interfaces that went -------------------------------------------------------------
 */

static void orderly(int fd)
{
	struct sa_params params = in_params(0x6000), out = out_params(0x6001);

	engine_begin(fd);
	in_add(&params);
	out_add(&out);
	engine_end();
	CHECK(!memory_has_key(fd, 0x6000) && !memory_has_key(fd, 0x6001));
}

static void other_interface_before(int fd)
{
	struct sa_params params = in_params(0x6002), out = out_params(0x6003);
	struct sa *sa;

	engine_begin(fd);
	sa = in_add(&params);
	out_add(&out);
	sa->head.store = STORE + 1;
	sa_commit(sa);
}

static void other_interface_after(int fd)
{
	engine_begin(fd);
	CHECK(engine.tally.kept == 1 && engine.tally.lost == 1);
	CHECK(!in_find(0x6002) && out_find(0x6003));
	CHECK(!memory_has_key(fd, 0x6002) && memory_has_key(fd, 0x6003));
}

static void test_left_over(void **unused)
{
	int fd = restore_fd();

	(void)unused;
	engine_run_one(fd, orderly);
	engine_run_one(fd, other_interface_before);
	engine_run_one(fd, other_interface_after);
	close(fd);
}

/* ---- no memory ----------------------------------------------------------------------------------------- */

/* Which is an error of the request, and nothing is left of it. */
static void fills(int fd)
{
	struct sa_params params = in_params(0x7000);
	const struct sa *sa = NULL;
	const char *what;
	int err;

	engine_begin(fd);
	params.encap.present = false;
	params.replay_window = XESP_REPLAY_WINDOW_MAX;
	while (!(err = sadb_add(engine.db, &params, &sa, &what)) && params.spi < 0x7000 + CAPACITY)
		params = (params.spi++, params);
	CHECK(err == -ENOMEM && !in_find(params.spi));
	CHECK(engine.fake.sa_count == sadb_count(engine.db));
	CHECK(sadb_del(engine.db, 0x7000, &params.dst) == 0);
	CHECK(sadb_add(engine.db, &params, &sa, &what) == 0);
}

static void test_full(void **unused)
{
	int fd = -1;

	(void)unused;
	assert_int_equal(state_create(4 * STATE_CHUNK_BYTES, &fd), 0);
	engine_run_one(fd, fills);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows),	      cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_stale_handles), cmocka_unit_test(test_ends_in_the_midst),
		cmocka_unit_test(test_left_over),     cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, set_up_all, NULL);
}
