/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SAs whose memory was written to by mistake: they are lost, by name, wiped, and the others stay. Whatever
 * could make a window accept a packet twice or a number be sent twice ends the SA. Fuzzed further by
 * tests/fuzz/fuzz_restore.c.
 */
#include <fcntl.h>

#include "control/sa_json.h"
#include "tests/unit/restore_rig.h"

/* The one that is damaged, and one of each direction that is not. */
enum { IN = 0x1000, IN_OTHER, OUT, OUT_OTHER, IN_ESN };

static void make_sas(void)
{
	struct sa_params in = in_params(IN), in_other = in_params(IN_OTHER);
	struct sa_params out = out_params(OUT), out_other = out_params(OUT_OTHER);
	struct sa *sa;

	in.replay_seq = 1000;
	out.send_seq = 1000;
	out.limits.byte_hard = 1 << 20;
	sa = in_add(&in);
	in_add(&in_other);
	for (uint32_t seq = 1001; seq < 1100; seq++)
		CHECK(in_open(sa, seq));
	sa->life.added = 1;
	CHECK(sa_out_take(out_add(&out), 100) == 1001);
	atomic_fetch_add(&out_find(OUT)->counters.packets, 100);
	atomic_fetch_add(&out_find(OUT)->watch.bytes, 6400);
	atomic_fetch_add(&out_find(OUT)->counters.bytes, 6400);
	out_add(&out_other);
}

/* ---- inbound: what was written ------------------------------------------------------------------------- */

static void lower_top(struct sa *sa)
{
	sa->replay.top = 1050;
}

static void zero_window(struct sa *sa)
{
	memset(&sa->replay, 0, replay_bytes(sa->params.replay_window));
}

static void far_top(struct sa *sa)
{
	sa->replay.top = 1ull << 40;
}

static void other_window(struct sa *sa)
{
	sa->replay.window = 32;
}

static void no_window(struct sa *sa)
{
	sa->replay.window = 0;
}

static void other_mask(struct sa *sa)
{
	sa->replay.word_mask = 1023;
}

static void other_esn(struct sa *sa)
{
	memset(&sa->replay.esn, 0x5a, 1);
}

static void many_packets(struct sa *sa)
{
	sa->counters.packets = 1 << 30;
}

static void other_key(struct sa *sa)
{
	sa->params.key[3] ^= 4;
}

static void other_index(struct sa *sa)
{
	sa->index ^= 1;
}

static void other_generation(struct sa *sa)
{
	sa->generation++;
}

static void later_added(struct sa *sa)
{
	sa->life.added = UINT64_MAX - 1;
}

static void odd_end(struct sa *sa)
{
	sa->watch.expired = 200;
}

/* With a sum that fits, as a compromised engine would leave it. */
static void meant_window(struct sa *sa)
{
	sa->params.replay_window = XESP_REPLAY_WINDOW_MAX;
	sa->replay.window = XESP_REPLAY_WINDOW_MAX;
	sa->replay.word_mask = 2047;
	sa_commit(sa);
}

static void meant_cipher(struct sa *sa)
{
	sa->params.cipher = (enum algo_id)12345;
	sa_commit(sa);
}

static void meant_bool(struct sa *sa)
{
	memset(&sa->params.encap.present, 0x5a, 1);
	sa_commit(sa);
}

static void meant_place(struct sa *sa)
{
	sa->index = CAPACITY;
	sa_commit(sa);
}

static void meant_other_place(struct sa *sa)
{
	sa->index = in_find(IN_OTHER)->index;
	sa_commit(sa);
}

static void meant_direction(struct sa *sa)
{
	sa->params.dir = SA_DIR_OUT;
	sa_commit(sa);
}

static void meant_null(struct sa *sa)
{
	memset((uint8_t *)sa + sizeof(sa->head), 0, sizeof(*sa) - sizeof(sa->head));
	sa_commit(sa);
}

static void (*const in_damage[])(struct sa *sa) = {
	lower_top,    zero_window, far_top,	other_window,	   no_window,	    other_mask, other_esn,
	many_packets, other_key,   other_index, other_generation,  later_added,	    odd_end,	meant_window,
	meant_cipher, meant_bool,  meant_place, meant_other_place, meant_direction, meant_null,
};

static unsigned int which;

static void in_before(int fd)
{
	engine_begin(fd);
	make_sas();
	in_damage[which](in_find(IN));
}

/* Of two SAs in one place either may be kept. */
static void in_after(int fd)
{
	const struct sa *sa;

	engine_begin(fd);
	sa = in_find(IN);
	CHECK(engine.tally.kept == 3 && engine.tally.lost == 1);
	CHECK(out_find(OUT) && out_find(OUT_OTHER));
	CHECK(!sa == !!in_find(IN_OTHER));
	CHECK(!sa || in_damage[which] == meant_other_place);
	CHECK(memory_has_key(fd, IN) == !!sa);
	CHECK(engine.fake.sa_count == 1 && sadb_count(engine.db) == 1);
	CHECK(in_open((struct sa *)in_find(sa ? IN : IN_OTHER), 5000));
}

static void test_inbound(void **unused)
{
	(void)unused;
	for (which = 0; which < sizeof(in_damage) / sizeof(in_damage[0]); which++) {
		int fd = restore_fd();

		engine_run_one(fd, in_before);
		engine_run_one(fd, in_after);
		close(fd);
	}
}

/* ---- outbound ------------------------------------------------------------------------------------------ */

static void lower_number(struct sa_out *sa)
{
	atomic_store(&sa->last_seq, 1099);
}

static void zero_number(struct sa_out *sa)
{
	atomic_store(&sa->last_seq, 0);
}

static void zero_numbers(struct sa_out *sa)
{
	atomic_store(&sa->last_seq, 0);
	atomic_store(&sa->not_taken, 0);
}

static void number_over(struct sa_out *sa)
{
	atomic_store(&sa->last_seq, 1ull << 32);
}

static void more_sent(struct sa_out *sa)
{
	atomic_store(&sa->counters.packets, 101);
}

static void fewer_bytes(struct sa_out *sa)
{
	atomic_store(&sa->watch.bytes, 0);
}

static void other_iv_base(struct sa_out *sa)
{
	sa->iv_base--;
}

static void other_out_key(struct sa_out *sa)
{
	sa->params.key[19] ^= 0x80;
}

static void meant_family(struct sa_out *sa)
{
	struct sa_out_ends ends;

	sa_out_get_ends(sa, &ends);
	ends.dst.family = AF_INET6;
	sa_out_set_ends(sa, &ends);
}

static void meant_other_name(struct sa_out *sa)
{
	sa->params.spi = OUT_OTHER;
	sa_out_commit(sa);
}

static void meant_inbound(struct sa_out *sa)
{
	sa->params.dir = SA_DIR_IN;
	sa_out_commit(sa);
}

static void (*const out_damage[])(struct sa_out *sa) = {
	lower_number,  zero_number,   zero_numbers, number_over,      more_sent,     fewer_bytes,
	other_iv_base, other_out_key, meant_family, meant_other_name, meant_inbound,
};

static void out_before(int fd)
{
	engine_begin(fd);
	make_sas();
	out_damage[which](out_find(OUT));
}

static void out_after(int fd)
{
	engine_begin(fd);
	CHECK(engine.tally.kept == 3 && engine.tally.lost == 1);
	CHECK(in_find(IN) && in_find(IN_OTHER) && !out_find(OUT));
	CHECK(out_find(OUT_OTHER) && outbound_count(engine.outbound) == 1);
	CHECK(out_damage[which] == meant_other_name || !memory_has_key(fd, OUT));
}

static void test_outbound(void **unused)
{
	(void)unused;
	for (which = 0; which < sizeof(out_damage) / sizeof(out_damage[0]); which++) {
		int fd = restore_fd();

		engine_run_one(fd, out_before);
		engine_run_one(fd, out_after);
		close(fd);
	}
}

/* ---- what is no damage --------------------------------------------------------------------------------- */

/* An engine may be killed between any two stores. */
static void halves(int fd)
{
	struct sa *sa;

	engine_begin(fd);
	make_sas();
	sa = in_find(IN);
	/* replay_advance(1300): the top had moved, its words not. */
	sa->replay.top = 1300;
	sa->watch.peer_version = 1;
	sa->watch.peer.port = 1;
	atomic_store(&sa->dead, true);
	out_find(OUT)->last_seq = 1200;
}

static void halves_after(int fd)
{
	struct sa_peer peer;
	struct sa *sa;

	engine_begin(fd);
	CHECK(engine.tally.kept == 4 && engine.tally.lost == 0);
	sa = in_find(IN);
	CHECK(!in_open(sa, 1300)); /* received, for all that is known */
	CHECK(!in_open(sa, 1099));
	CHECK(in_open(sa, 1301) && !in_open(sa, 1301));
	peer = sa->watch.peer;
	CHECK(!(sa->watch.peer_version & 1) && peer.port == sa->watch.peer_told.port);
	CHECK(!sa->dead);
	CHECK(sa_out_take(out_find(OUT), 1) == 1201);
}

static void test_halves(void **unused)
{
	int fd = restore_fd();

	(void)unused;
	engine_run_one(fd, halves);
	engine_run_one(fd, halves_after);
	close(fd);
}

/* ---- the store's own ----------------------------------------------------------------------------------- */

static void store_before(int fd)
{
	off_t at = 0;

	engine_begin(fd);
	make_sas();
	/* Those of the stores are among the first of a chunk, and nothing else looks like them. */
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		for (off_t block = at + 64; block < at + 1024; block += 64) {
			struct state_head head;
			uint64_t junk = 0x1234;

			CHECK(pread(fd, &head, sizeof(head), block) == sizeof(head));
			if (head.kind == STATE_STORE && head.bytes < 64)
				CHECK(pwrite(fd, &junk, sizeof(junk), block + (off_t)sizeof(head)) ==
				      sizeof(junk));
		}
		at += (off_t)STATE_CHUNK_BYTES;
	}
}

/* Handles go on far from where they were. */
static void store_after(int fd)
{
	struct sa_params params = in_params(0x9000);

	engine_begin(fd);
	CHECK(engine.tally.kept == 4 && engine.tally.lost == 0);
	CHECK(in_add(&params)->generation > UINT32_MAX / 4);
}

static void test_store(void **unused)
{
	int fd = restore_fd();

	(void)unused;
	engine_run_one(fd, store_before);
	engine_run_one(fd, store_after);
	close(fd);
}

/* Keys lie beside the params now; what lists SAs leaves them out. */
static void lists(int fd)
{
	json_t *object;
	char *text;

	engine_begin(fd);
	make_sas();
	object = sa_json_encode(&in_find(IN)->params, false);
	text = json_dumps(object, 0);
	CHECK(text && strstr(text, "4096") && !strstr(text, "key\""));
	free(text);
	json_decref(object);
}

static void test_lists_have_no_keys(void **unused)
{
	int fd = restore_fd();

	(void)unused;
	engine_run_one(fd, lists);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inbound),
		cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_halves),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_lists_have_no_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
