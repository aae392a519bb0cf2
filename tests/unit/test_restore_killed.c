/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Engines that are killed at any instruction while they add and delete SAs, open and send. Each tells, in
 * memory that all share, what it is about to do and what it has done; the next one finds what was done, may
 * find what was about to be done, whole, and does nothing twice that must not be done twice.
 */
#include <pthread.h>
#include <time.h>

#include "tests/unit/restore_rig.h"

#define LIVES 150
#define IDS 4096    /* SAs that are ever added, of each direction */
#define AT_ONCE 48  /* of them at a time */
#define NUMBERS 512 /* sequence numbers of one */

enum phase { NONE, ADDING, THERE, DELETING, GONE };

struct record {
	uint8_t phase; /* enum phase */
	struct handle handle;
	uint64_t iv_base;
	uint64_t counted;      /* packets, as the SA had it last */
	uint8_t used[NUMBERS]; /* delivered, or sent */
};

struct told {
	uint32_t in_next; /* the first of AT_ONCE that are not yet gone */
	uint32_t out_next;
	uint32_t life;
	uint64_t delivered;
	uint64_t refused;
	uint64_t sent;
	uint64_t done; /* whatever it was */
	struct record in[IDS];
	struct record out[IDS];
};

static struct told *told;

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % limit;
}

static void say(uint8_t *at, uint8_t value)
{
	__atomic_store_n(at, value, __ATOMIC_SEQ_CST);
}

/* ---- what an engine does --------------------------------------------------------------------------------
 */

static const uint32_t windows[] = {32, 64, 256, 1024};

static struct sa_params in_params_of(uint32_t id)
{
	struct sa_params params = in_params(0x10000 + id);

	params.replay_window = windows[id % 4];
	params.flags = id & 1 ? SA_FLAG_ESN : 0;
	params.encap.dport = (uint16_t)(4500 + id % 3);
	return params;
}

static void work_in(uint32_t id)
{
	struct record *record = &told->in[id];
	struct sa_params params = in_params_of(id);
	struct sa *sa;

	switch (record->phase) {
	case NONE:
		say(&record->phase, ADDING);
		sa = in_add(&params);
		record->handle = handle_of(sa);
		say(&record->phase, THERE);
		return;
	case THERE:
		if (random_below(200) == 0) {
			say(&record->phase, DELETING);
			CHECK(sadb_del(engine.db, params.spi, &params.dst) == 0);
			say(&record->phase, GONE);
			return;
		}
		sa = sadb_get(engine.db, record->handle.index, record->handle.generation);
		CHECK(sa && sa->spi == params.spi);
		for (unsigned int i = 0; i < 8; i++) {
			/* Old ones and new ones, with jumps. */
			uint32_t seq = 1 + random_below(NUMBERS - 1);

			if (sa->replay.top + 40 < NUMBERS && random_below(2))
				seq = (uint32_t)sa->replay.top + 1 + random_below(40);
			if (!sa->replay.esn || seq + sa->replay.window > sa->replay.top) {
				if (in_open(sa, seq)) {
					CHECK(!record->used[seq]); /* never twice */
					say(&record->used[seq], 1);
					told->delivered++;
				} else {
					told->refused++;
				}
			}
		}
		record->counted = atomic_load(&sa->counters.packets);
		return;
	default: return;
	}
}

static void work_out(uint32_t id)
{
	struct record *record = &told->out[id];
	struct sa_params params = out_params(0x20000 + id);
	struct sa_out *sa;
	uint32_t count;
	uint64_t first;

	switch (record->phase) {
	case NONE:
		say(&record->phase, ADDING);
		sa = out_add(&params);
		record->handle = (struct handle){sa->index, sa->generation};
		record->iv_base = sa->iv_base;
		say(&record->phase, THERE);
		return;
	case THERE:
		sa = (struct sa_out *)outbound_get(engine.outbound, record->handle);
		CHECK(sa && sa->spi == params.spi);
		if (random_below(200) == 0 || atomic_load(&sa->last_seq) + 16 > NUMBERS) {
			say(&record->phase, DELETING);
			outbound_delete(engine.outbound, sa, NULL);
			say(&record->phase, GONE);
			return;
		}
		count = 1 + random_below(15);
		first = sa_out_take(sa, count);
		CHECK(first && first + count <= NUMBERS);
		for (uint64_t seq = first; seq < first + count; seq++) {
			CHECK(!record->used[seq]); /* never twice */
			say(&record->used[seq], 1);
			told->sent++;
		}
		atomic_fetch_add(&sa->counters.packets, count);
		record->counted = atomic_load(&sa->counters.packets);
		return;
	default: return;
	}
}

/* ---- what the next one finds -----------------------------------------------------------------------------
 */

/* Whole or absent where it was under way. */
static void look_after(struct record *record, bool there, struct handle handle, uint64_t packets)
{
	switch (record->phase) {
	case NONE:
	case GONE: CHECK(!there); return;
	case THERE:
		CHECK(there && same_handle(handle, record->handle));
		CHECK(packets >= record->counted);
		return;
	case ADDING:
		record->handle = handle;
		record->phase = there ? THERE : GONE;
		return;
	default:
		/* Its deletion goes on, or it never began. */
		record->phase = there ? THERE : GONE;
		if (there)
			CHECK(same_handle(handle, record->handle));
		return;
	}
}

/* Everything that ever came, once more. */
static void replay_all(const struct record *record, const struct sa *sa)
{
	for (uint64_t seq = 0; seq < NUMBERS; seq++)
		CHECK(!record->used[seq] || replay_check(&sa->replay, seq) != REPLAY_NEW);
}

static void look(int fd)
{
	uint32_t kept = 0;

	for (uint32_t id = 0; id < IDS; id++) {
		struct sa_params params = in_params_of(id);
		const struct sa *in = sadb_find(engine.db, params.spi, &params.dst);
		const struct sa_out *out = out_find(0x20000 + id);

		look_after(&told->in[id], in, in ? handle_of(in) : (struct handle){0, 0},
			   in ? atomic_load(&in->counters.packets) : 0);
		if (out && told->out[id].phase == ADDING)
			told->out[id].iv_base = out->iv_base;
		look_after(&told->out[id], out,
			   out ? (struct handle){out->index, out->generation} : (struct handle){0, 0},
			   out ? atomic_load(&out->counters.packets) : 0);
		CHECK(!out || out->iv_base == told->out[id].iv_base);
		kept += !!in + !!out;
		if (in)
			replay_all(&told->in[id], in);
	}
	CHECK(engine.tally.lost == 0 && engine.tally.kept == kept);
	CHECK(engine.fake.sa_count == sadb_count(engine.db));
	if (told->life % 16 == 0)
		for (uint32_t id = 0; id < told->in_next + AT_ONCE && id < IDS; id++)
			CHECK(memory_has_key(fd, 0x10000 + id) == (told->in[id].phase == THERE));
}

static uint32_t work_some(struct record *records, uint32_t next, void (*work)(uint32_t id))
{
	while (next < IDS && records[next].phase == GONE)
		next++;
	for (unsigned int i = 0; i < 4; i++) {
		if (next + AT_ONCE <= IDS)
			work(next + random_below(AT_ONCE));
		__atomic_fetch_add(&told->done, 1, __ATOMIC_SEQ_CST);
	}
	return next;
}

/* Until it is killed. */
static void live(int fd)
{
	random_state = told->life * 7919;
	engine_begin(fd);
	look(fd);
	for (;;) {
		told->in_next = work_some(told->in, told->in_next, work_in);
		told->out_next = work_some(told->out, told->out_next, work_out);
	}
}

/* When it has done so much more; 0: a while after it began, perhaps while it takes over. */
static void kill_later(pid_t child, uint32_t more)
{
	uint64_t until = __atomic_load_n(&told->done, __ATOMIC_SEQ_CST) + more;
	struct timespec pause = {.tv_nsec = more ? 1000 : 1000 * (long)random_below(5000)};
	int status;

	do {
		nanosleep(&pause, NULL);
		/* Else it said what is wrong, and ended. */
		assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	} while (__atomic_load_n(&told->done, __ATOMIC_SEQ_CST) < until);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void look_only(int fd)
{
	engine_begin(fd);
	look(fd);
}

static void test_killed(void **unused)
{
	int fd = restore_fd();

	(void)unused;
	random_state = (uint32_t)time(NULL);
	for (told->life = 1; told->life <= LIVES; told->life++) {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			live(fd);
		kill_later(child, told->life % 4 ? 1 + random_below(2000) : 0);
	}
	engine_run_one(fd, look_only);
	/* Or nothing was tested. */
	assert_true(told->delivered > 100 && told->refused > 100 && told->sent > 100);
	close(fd);
}

/* ---- several workers ------------------------------------------------------------------------------------
 */

static void *send_all_the_time(void *ctx)
{
	struct sa_out *sa = ctx;
	struct timespec pause = {.tv_nsec = 1000};

	for (;;) {
		uint64_t first = sa_out_take(sa, 3);

		CHECK(first && first % 3 == 1);
		__atomic_fetch_add(&told->done, 1, __ATOMIC_SEQ_CST);
		/* What is highest of what was let go. */
		for (uint64_t was = told->in[0].counted;
		     was < first && !__atomic_compare_exchange_n(&told->in[0].counted, &was, first, false,
								 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);)
			;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void live_with_workers(int fd)
{
	struct sa_params params = out_params(0x30000);
	struct sa_out *sa;
	pthread_t thread;

	engine_begin(fd);
	CHECK(engine.tally.lost == 0);
	sa = out_find(0x30000);
	CHECK(!sa == (told->life == 1));
	if (!sa)
		sa = out_add(&params);
	CHECK(atomic_load(&sa->last_seq) >= told->in[0].counted);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(pthread_create(&thread, NULL, send_all_the_time, sa) == 0);
	send_all_the_time(sa);
}

/* They write the number twice, and not in the same order: that is no damage. */
static void test_workers_killed(void **unused)
{
	int fd = restore_fd();

	(void)unused;
	memset(told, 0, sizeof(*told));
	for (told->life = 1; told->life <= 30; told->life++) {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			live_with_workers(fd);
		kill_later(child, 1 + random_below(200));
	}
	close(fd);
}

static int set_up_all(void **state)
{
	(void)state;
	told = engine_shared(sizeof(*told));
	return !told;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_workers_killed),
	};

	return cmocka_run_group_tests(tests, set_up_all, NULL);
}
