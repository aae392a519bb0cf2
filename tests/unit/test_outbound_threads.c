/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Outbound SAs under real threads, each of which holds what it finds as a worker does, by the epoch of a
 * struct worker: they look up, take numbers and seal with the SA's key, and tell of lifetimes; the control
 * thread meanwhile adds, deletes and flushes, and deletes what has reached its limit. Meant for
 * -fsanitize=thread and -fsanitize=address as much as for what is asserted.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/outbound_events.h"
#include "dataplane/esp_out.h"
#include "dataplane/sa_out_watch.h"
#include "tests/lib/esp_rig.h"
#include "tests/lib/require.h"
#include "tests/unit/readers_rig.h"

#define SAS 16
#define CAPACITY 64
#define CHANGES 30000
#define PACKETS_HARD 50 /* of every other SA */
#define BYTES_HARD 400000
#define PAYLOAD 32

struct reader {
	struct worker worker;
	struct event_ring events;
	_Atomic uint64_t sealed;
	uint64_t packets; /* let go */
	uint64_t bytes;
};

static struct {
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto;
	struct readers readers;
	struct outbound *outbound;
	struct outbound_events *events;
	struct sa_out *sa;	    /* of the test of limits */
	_Atomic uint64_t gone[SAS]; /* index and generation, as soon as its delete has returned */
	_Atomic bool over;
	uint64_t told[EVENT_TYPE_END];
} bench;

static struct reader *reader_at(uint32_t i)
{
	return (struct reader *)bench.readers.workers[i];
}

static uint64_t ref_of(const struct sa_out *sa)
{
	return (uint64_t)sa->index << 32 | sa->generation;
}

static struct sa_params params_of(uint32_t i)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);

	params.dir = SA_DIR_OUT;
	params.spi += i;
	params.selector.dst = (struct ip_prefix){{AF_INET, {10, 0, 0, (uint8_t)i}}, 32};
	params.limits.packet_hard = i % 2 ? PACKETS_HARD : 0;
	return params;
}

/* ---- the workers ----------------------------------------------------------------------------------------
 */

static void seal(struct reader *reader, struct sa_out *sa, uint64_t seq)
{
	uint8_t buffer[ESP_OUT_FRONT_MAX + PAYLOAD + ESP_OUT_BACK_MAX] = {0};
	struct esp_out packet = {
		.sa = sa, .esp = buffer, .payload_len = PAYLOAD, .next_header = 59, .seq = seq};

	esp_out_burst(reader->worker.crypto, &packet, 1);
	REQUIRE(packet.status == 0);
	reader->sealed++;
}

static void send_one(struct reader *reader, uint32_t i)
{
	const struct spd_flow flow = {.family = 4, .dst = {10, 0, 0, (uint8_t)i}};
	uint64_t gone = atomic_load(&bench.gone[i]);
	struct sa_out *sa;
	uint64_t seq;

	worker_enter_store(&reader->worker);
	sa = spd_find(outbound_spd(bench.outbound), &flow);
	if (sa) {
		REQUIRE(sa->spi == ESP_RIG_SPI + i);
		REQUIRE(ref_of(sa) != gone);
		seq = sa_out_watch_ended(sa, &reader->events)
			      ? 0
			      : sa_out_watch_take(sa, &reader->events, 1, PAYLOAD);
		REQUIRE(seq <= (i % 2 ? PACKETS_HARD : UINT32_MAX));
		if (seq)
			seal(reader, sa, seq);
	}
	worker_leave_store(&reader->worker);
}

static void *send_all(void *arg)
{
	struct reader *reader = arg;

	for (uint32_t n = reader->worker.number; !atomic_load(&bench.over); n++) {
		send_one(reader, n % SAS);
		/* There are fewer CPUs than threads: be preempted here rather than while SAs are held. */
		sched_yield();
	}
	return NULL;
}

/* Until the SA ends; bursts of all sizes, and single packets where there is no room for them. */
static void *send_to_the_end(void *arg)
{
	struct reader *reader = arg;
	uint32_t random = reader->worker.number;
	uint32_t count = 1;

	for (;;) {
		uint64_t bytes = (uint64_t)count * (1 + (random >> 24));

		if (sa_out_watch_take(bench.sa, &reader->events, count, bytes)) {
			reader->packets += count;
			reader->bytes += bytes;
			random = random * 1664525 + 1013904223;
			count = 1 + (random >> 16) % 64;
			if (random >> 16 & 1)
				sched_yield();
			continue;
		}
		if (count == 1)
			return NULL;
		count = 1;
	}
}

/* ---- the control thread ---------------------------------------------------------------------------------
 */

static const struct sa_out *sa_at(uint32_t i)
{
	const struct sa_params params = params_of(i);

	return outbound_find(bench.outbound, params.spi, &params.dst);
}

static void add_sa(uint32_t i)
{
	struct sa_params params = params_of(i);
	const struct sa_out *sa;
	const char *what;

	assert_int_equal(outbound_add(bench.outbound, &params, &sa, &what), 0);
	assert_int_equal(outbound_events_watch(bench.events, sa), 0);
}

static void delete_sa(uint32_t i)
{
	const struct sa_out *sa = sa_at(i);
	uint64_t ref = ref_of(sa);

	outbound_delete(bench.outbound, sa, NULL);
	atomic_store(&bench.gone[i], ref);
}

static void flush_all(void)
{
	uint64_t refs[SAS] = {0};

	for (uint32_t i = 0; i < SAS; i++)
		if (sa_at(i))
			refs[i] = ref_of(sa_at(i));
	outbound_flush(bench.outbound, "");
	for (uint32_t i = 0; i < SAS; i++)
		if (refs[i])
			atomic_store(&bench.gone[i], refs[i]);
}

static void take_events(void)
{
	struct event event;

	for (uint32_t i = 0; i < READERS; i++)
		while (event_pop(&reader_at(i)->events, &event)) {
			REQUIRE(event.outbound);
			bench.told[event.type]++;
			outbound_events_take(bench.events, &event);
		}
}

static bool all_have_sealed(void)
{
	for (uint32_t i = 0; i < READERS; i++)
		if (!atomic_load(&reader_at(i)->sealed))
			return false;
	return true;
}

static int set_up(void **state)
{
	struct outbound_config config = {.capacity = CAPACITY,
					 .quiesce = worker_group_quiesce,
					 .forget = worker_group_forget,
					 .owner = &bench.readers.group};

	(void)state;
	memset(&bench, 0, sizeof(bench));
	bench.provider = crypto_provider_by_name("auto");
	bench.readers.group.provider = bench.provider;
	assert_int_equal(bench.provider->ctx_new(&bench.crypto), 0);
	readers_new(&bench.readers, sizeof(struct reader));
	for (uint32_t i = 0; i < READERS; i++)
		assert_int_equal(bench.provider->ctx_new(&reader_at(i)->worker.crypto), 0);
	config.provider = bench.provider;
	config.crypto = bench.crypto;
	assert_int_equal(outbound_new(&config, &bench.outbound), 0);
	alarm(120); /* what hangs, fails */
	return outbound_events_new(bench.outbound, NULL, NULL, &bench.events);
}

static int tear_down(void **state)
{
	(void)state;
	alarm(0);
	outbound_events_free(bench.events);
	outbound_free(bench.outbound);
	for (uint32_t i = 0; i < READERS; i++)
		bench.provider->ctx_free(reader_at(i)->worker.crypto);
	readers_free(&bench.readers);
	bench.provider->ctx_free(bench.crypto);
	return 0;
}

static void test_adds_deletes_and_flushes_under_workers(void **state)
{
	uint32_t random = 1;

	(void)state;
	readers_start(&bench.readers, send_all);
	/* On a busy machine, it takes a while until each thread has had its turn. */
	for (uint32_t n = 0; n < CHANGES || !all_have_sealed() || !bench.told[EVENT_HARD_LIFETIME]; n++) {
		uint32_t i;

		random = random * 1664525 + 1013904223;
		i = (random >> 8) % SAS;
		if (n % 256 == 255)
			flush_all();
		else if (!sa_at(i))
			add_sa(i);
		else if (random >> 28 == 0)
			delete_sa(i);
		take_events();
		if (n % 16 == 0)
			sched_yield();
		/* On a busy machine, a thread may stand still in its round for longer than a delete waits. */
		while (outbound_reap(bench.outbound) + SAS > CAPACITY)
			sched_yield();
	}
	atomic_store(&bench.over, true);
	readers_join(&bench.readers);
	assert_true(bench.told[EVENT_FIRST_USE] > 0);
}

/* Whoever sends: not a packet, not a byte more than the limit, and each event once. */
static void limits_under_workers(const struct sa_limits *limits, uint64_t *ret_packets, uint64_t *ret_bytes)
{
	struct sa_params params = params_of(0);

	params.limits = *limits;
	assert_int_equal(sa_out_new(&params, bench.provider, bench.crypto, &bench.sa), 0);
	memset(bench.told, 0, sizeof(bench.told));
	for (uint32_t i = 0; i < READERS; i++)
		reader_at(i)->packets = reader_at(i)->bytes = 0;
	readers_start(&bench.readers, send_to_the_end);
	readers_join(&bench.readers);
	*ret_packets = *ret_bytes = 0;
	for (uint32_t i = 0; i < READERS; i++) {
		*ret_packets += reader_at(i)->packets;
		*ret_bytes += reader_at(i)->bytes;
	}
	take_events();
	assert_int_equal(bench.told[EVENT_FIRST_USE], 1);
	assert_int_equal(bench.told[EVENT_HARD_LIFETIME], 1);
	sa_out_free(bench.sa);
}

static void test_limits_under_workers(void **state)
{
	static const struct sa_limits in_packets = {.packet_soft = 10000, .packet_hard = 20000};
	static const struct sa_limits in_bytes = {.byte_soft = BYTES_HARD / 2, .byte_hard = BYTES_HARD};
	static const struct sa_limits in_both = {.byte_hard = BYTES_HARD, .packet_hard = 3000};
	uint64_t packets, bytes;

	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		limits_under_workers(&in_packets, &packets, &bytes);
		assert_int_equal(packets, in_packets.packet_hard);
		assert_int_equal(bench.told[EVENT_SOFT_LIFETIME], 1);
		limits_under_workers(&in_bytes, &packets, &bytes);
		/* One packet of at most 256 bytes did not fit. */
		assert_true(bytes <= BYTES_HARD && bytes > BYTES_HARD - 256);
		assert_int_equal(bench.told[EVENT_SOFT_LIFETIME], 1);
		limits_under_workers(&in_both, &packets, &bytes);
		assert_true(bytes <= BYTES_HARD && packets <= in_both.packet_hard);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_adds_deletes_and_flushes_under_workers, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_limits_under_workers, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("outbound_threads", tests, NULL, NULL);
}
