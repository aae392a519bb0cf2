/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SAs that change under real threads, each of which holds SAs as a worker does: by the epoch of a struct
 * worker, so that the group's own quiesce and forget wait for them. The threads look up, take ownership, open
 * packets with the SA's key and move its window; the control thread adds, deletes and flushes meanwhile.
 * Meant for -fsanitize=thread as much as for what is asserted.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"
#include "tests/lib/require.h"
#include "tests/unit/readers_rig.h"

#define SAS 8
#define CAPACITY 64
#define CHANGES 10000

struct reader {
	struct worker worker;
	struct esp_rig rigs[SAS]; /* the peers' side, and frames */
	_Atomic uint64_t opened;
};

static struct {
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto;
	struct classifier *classifier;
	struct readers readers;
	struct sadb *db;
	_Atomic uint64_t refs[SAS];    /* index and generation, of the SA that is or was there */
	_Atomic uint64_t deleted[SAS]; /* the same, as soon as its delete has returned */
	_Atomic bool over;
} bench;

static struct reader *reader_at(uint32_t i)
{
	return (struct reader *)bench.readers.workers[i];
}

static uint64_t ref_of(const struct sa *sa)
{
	return (uint64_t)sa->index << 32 | sa->generation;
}

static struct sa_params params_of(uint32_t i)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);

	params.spi += i;
	params.key[0] = (uint8_t)i;
	params.replay_window = 0; /* each reader is a peer with numbers of its own */
	return params;
}

/* ---- the threads --------------------------------------------------------------------------------------- */

static void seal_one(struct reader *reader, uint32_t i, struct sa *sa, struct esp_packet *ret_packet)
{
	static const uint8_t text[64] = {0x45};

	*ret_packet = esp_rig_seal_payload(&reader->rigs[i], 0, &esp_rig_udp4, text, sizeof(text), 59);
	ret_packet->sa = sa;
}

/* As sort_packet() and work_off() do. The content is a dummy packet: what matters is that the ICV is good. */
static void use(struct reader *reader, uint32_t i, uint64_t ref)
{
	struct sa *sa = sadb_get(bench.db, (uint32_t)(ref >> 32), (uint32_t)ref);
	uint32_t owner = SA_OWNER_NONE;
	struct esp_packet packet;

	if (!sa)
		return;
	REQUIRE(sa->spi == ESP_RIG_SPI + i);
	if (!atomic_compare_exchange_strong(&sa->owner, &owner, reader->worker.number) &&
	    owner != reader->worker.number)
		return;
	seal_one(reader, i, sa, &packet);
	esp_open_burst(reader->worker.crypto, &packet, 1, ESP_RIG_NOW);
	REQUIRE(packet.reason == XESP_REASON_DUMMY || packet.reason == XESP_REASON_SA_GONE);
	reader->opened += packet.reason == XESP_REASON_DUMMY;
}

static void *read_all(void *arg)
{
	struct reader *reader = arg;

	for (uint32_t n = reader->worker.number; !atomic_load(&bench.over); n++) {
		uint32_t i = n % SAS;
		uint64_t deleted = atomic_load(&bench.deleted[i]);
		uint64_t ref = atomic_load(&bench.refs[i]);

		worker_enter_store(&reader->worker);
		/* M11: from the return of the delete on nobody finds the SA. */
		REQUIRE(!sadb_get(bench.db, (uint32_t)(deleted >> 32), (uint32_t)deleted));
		use(reader, i, ref);
		worker_leave_store(&reader->worker);
		/* There are fewer CPUs than threads: be preempted here rather than while SAs are held. */
		sched_yield();
	}
	return NULL;
}

/* ---- the control thread -------------------------------------------------------------------------------- */

static void add_sa(uint32_t i)
{
	struct sa_params params = params_of(i);
	const struct sa *sa = NULL;
	const char *what;

	assert_int_equal(sadb_add(bench.db, &params, &sa, &what), 0);
	atomic_store(&bench.refs[i], ref_of(sa));
}

static const struct sa *sa_at(uint32_t i)
{
	struct sa_params params = params_of(i);

	return sadb_find(bench.db, params.spi, &params.dst);
}

static void delete_sa(uint32_t i)
{
	const struct sa *sa = sa_at(i);
	uint64_t ref = ref_of(sa);

	assert_int_equal(sadb_delete(bench.db, sa, SADB_ENTRY_IF_UNUSED, NULL), 0);
	atomic_store(&bench.deleted[i], ref);
}

static void flush_all(void)
{
	uint64_t refs[SAS];

	for (uint32_t i = 0; i < SAS; i++)
		refs[i] = ref_of(sa_at(i));
	assert_int_equal(sadb_flush(bench.db), SAS);
	for (uint32_t i = 0; i < SAS; i++)
		atomic_store(&bench.deleted[i], refs[i]);
}

static void set_up_reader(struct reader *reader)
{
	assert_int_equal(bench.provider->ctx_new(&reader->worker.crypto), 0);
	for (uint32_t i = 0; i < SAS; i++) {
		struct sa_params params = params_of(i);

		esp_rig_setup(&reader->rigs[i], &params, NULL);
	}
}

static int set_up(void **state)
{
	struct sadb_config store = {.capacity = CAPACITY,
				    .quiesce = worker_group_quiesce,
				    .forget = worker_group_forget,
				    .workers = &bench.readers.group};

	(void)state;
	memset(&bench, 0, sizeof(bench));
	bench.provider = crypto_provider_by_name("auto");
	bench.readers.group.provider = bench.provider;
	assert_int_equal(bench.provider->ctx_new(&bench.crypto), 0);
	assert_int_equal(classifier_native_new(CAPACITY, &bench.classifier), 0);
	readers_new(&bench.readers, sizeof(struct reader));
	for (uint32_t i = 0; i < READERS; i++)
		set_up_reader(reader_at(i));
	store.provider = bench.provider;
	store.crypto = bench.crypto;
	store.classifier = bench.classifier;
	assert_int_equal(sadb_new(&store, &bench.db), 0);
	for (uint32_t i = 0; i < SAS; i++)
		add_sa(i);
	alarm(120); /* what hangs, fails */
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	alarm(0);
	sadb_free(bench.db);
	for (uint32_t i = 0; i < READERS; i++) {
		bench.provider->ctx_free(reader_at(i)->worker.crypto);
		for (uint32_t sa = 0; sa < SAS; sa++)
			esp_rig_teardown(&reader_at(i)->rigs[sa]);
	}
	readers_free(&bench.readers);
	classifier_free(bench.classifier);
	bench.provider->ctx_free(bench.crypto);
	return 0;
}

static bool all_have_opened(void)
{
	for (uint32_t i = 0; i < READERS; i++)
		if (!atomic_load(&reader_at(i)->opened))
			return false;
	return true;
}

/* M11, M12 */
static void test_adds_deletes_and_flushes_under_readers(void **state)
{
	uint32_t random = 1;

	(void)state;
	readers_start(&bench.readers, read_all);
	/* On a busy machine, it takes a while until each thread has had its turn. */
	for (uint32_t n = 0; n < CHANGES || !all_have_opened(); n++) {
		random = random * 1664525 + 1013904223;
		if (n % 64 == 63) {
			flush_all();
			for (uint32_t i = 0; i < SAS; i++)
				add_sa(i);
		} else {
			delete_sa((random >> 8) % SAS);
			add_sa((random >> 8) % SAS);
		}
		/* On a busy machine, a thread may stand still in its round for longer than a delete waits. */
		while (sadb_reap(bench.db) + 2 * SAS > CAPACITY)
			sched_yield();
	}
	atomic_store(&bench.over, true);
	readers_join(&bench.readers);
	assert_int_equal(sadb_reap(bench.db), 0);
	assert_int_equal(sadb_count(bench.db), SAS);
}

/* ---- a worker that hangs ------------------------------------------------------------------------------- */

struct hanging {
	struct reader *reader;
	_Atomic bool holds;
	_Atomic bool go_on;
	_Atomic int reason;
};

/* Holds an SA that it found before the delete, and opens a packet of it when it goes on. */
static void *hang(void *arg)
{
	struct hanging *hanging = arg;
	struct reader *reader = hanging->reader;
	uint64_t ref = atomic_load(&bench.refs[0]);
	struct esp_packet packet;
	struct sa *sa;

	worker_enter_store(&reader->worker);
	sa = sadb_get(bench.db, (uint32_t)(ref >> 32), (uint32_t)ref);
	REQUIRE(sa);
	atomic_store(&sa->owner, reader->worker.number);
	atomic_store(&hanging->holds, true);
	while (!atomic_load(&hanging->go_on))
		sched_yield();
	seal_one(reader, 0, sa, &packet);
	esp_open_burst(reader->worker.crypto, &packet, 1, ESP_RIG_NOW);
	atomic_store(&hanging->reason, packet.reason);
	worker_leave_store(&reader->worker);
	return NULL;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* M11 */
static void test_delete_while_a_worker_hangs(void **state)
{
	struct hanging hanging = {.reader = reader_at(1)};
	const struct sa *sa = sa_at(0);
	bool marked = false;
	pthread_t thread;
	uint64_t start;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, hang, &hanging), 0);
	while (!atomic_load(&hanging.holds))
		sched_yield();
	start = now_ms();
	assert_int_equal(sadb_delete(bench.db, sa, SADB_ENTRY_IF_UNUSED, &marked), 0);
	assert_true(now_ms() - start >= SADB_QUIESCE_MS - 1);
	assert_true(now_ms() - start < 50 * SADB_QUIESCE_MS);
	assert_true(marked);
	/* Nobody else is kept waiting, and the name is free. */
	start = now_ms();
	assert_int_equal(sadb_delete(bench.db, sa_at(1), SADB_ENTRY_IF_UNUSED, &marked), 0);
	assert_true(marked);
	add_sa(0);
	assert_true(now_ms() - start < SADB_QUIESCE_MS);
	assert_int_equal(sadb_reap(bench.db), 2);
	/* What the worker has of it is not delivered, though the packet is good. */
	atomic_store(&hanging.go_on, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(atomic_load(&hanging.reason), XESP_REASON_SA_GONE);
	assert_int_equal(sadb_reap(bench.db), 0);
	assert_int_equal(sadb_count(bench.db), SAS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_adds_deletes_and_flushes_under_readers, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_delete_while_a_worker_hangs, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("sadb_threads", tests, NULL, NULL);
}
