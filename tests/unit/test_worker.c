/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workers of a group on sockets that are none: this file stands in for dataplane/xsk.c. A fake socket
 * makes packets of its own as fast as its worker takes them, and knows which frames are out. Real threads,
 * real ESP; the SAs change meanwhile. Worth running with ThreadSanitizer, too.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <xesp/limits.h>

#include "dataplane/worker_private.h"
#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"
#include "tests/lib/require.h"

#define QUEUES 3
#define FRAMES 512
#define HEADROOM 256
#define SAS 4
#define NESTED 3 /* a transport SA, whose packets come inside of the tunnel of the one before */
#define ESP_OFFSET (14 + 20 + 8)
#define ENDLESS UINT64_MAX

struct queue {
	_Atomic uint64_t left; /* packets still to come */
	_Atomic uint64_t delivered;
	uint64_t made;
	uint64_t random;
	uint8_t *umem;
	uint32_t free[FRAMES]; /* frames that are at home */
	uint32_t free_count;
	bool out[FRAMES];
};

static struct {
	struct queue queues[QUEUES];
	struct esp_packet sealed[SAS]; /* a frame each, with its metadata but for index and generation */
	_Atomic uint64_t refs[SAS];    /* index and generation of the SA that a packet goes to */
	struct esp_rig rigs[SAS];
	struct classifier *classifier;
	struct crypto_ctx *crypto;
	struct sadb *db;
	struct worker_group *group;
} bench;

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 33);
}

/* ---- dataplane/xsk.h ------------------------------------------------------------------------------------
 */

int xsk_map(const struct ipc_queue *info, int socket, int umem, struct xsk *ret_xsk)
{
	struct queue *queue = &bench.queues[info->number];

	REQUIRE(umem == -1);
	queue->umem = aligned_alloc(4096, (size_t)FRAMES * XESP_FRAME_SIZE);
	REQUIRE(queue->umem);
	for (uint32_t i = 0; i < FRAMES; i++)
		queue->free[i] = i;
	queue->free_count = FRAMES;
	queue->random = info->number;
	*ret_xsk = (struct xsk){.socket = socket, .umem = queue->umem, .info = *info};
	return 0;
}

void xsk_unmap(struct xsk *xsk)
{
	bench.queues[xsk->info.number].umem = NULL;
	free(xsk->umem);
	close(xsk->socket);
}

static void make_packet(struct queue *queue, struct xsk_packet *ret_packet)
{
	uint32_t number = queue->free[--queue->free_count];
	uint32_t which = next_random(&queue->random) % SAS;
	const struct esp_packet *sealed = &bench.sealed[which];
	uint32_t outermost = which == NESTED ? NESTED - 1 : which;
	uint64_t ref = atomic_load_explicit(&bench.refs[outermost], memory_order_relaxed);
	struct xesp_meta meta = sealed->meta;

	REQUIRE(!queue->out[number]);
	queue->out[number] = true;
	meta.sa_index = (uint32_t)(ref >> 32);
	meta.sa_generation = (uint32_t)ref;
	ret_packet->addr = (uint64_t)number * XESP_FRAME_SIZE + HEADROOM;
	ret_packet->len = sealed->frame_len;
	ret_packet->whole = true;
	memcpy(queue->umem + ret_packet->addr, sealed->frame, sealed->frame_len);
	memcpy(queue->umem + ret_packet->addr - sizeof(meta), &meta, sizeof(meta));
}

uint32_t xsk_receive(struct xsk *xsk, struct xsk_packet *ret_packets, uint32_t max)
{
	struct queue *queue = &bench.queues[xsk->info.number];
	uint64_t left = atomic_load(&queue->left);
	uint64_t ignored;
	uint32_t count = max;

	(void)!read(xsk->socket, &ignored, sizeof(ignored));
	if (!left)
		return 0;
	/* A socket without a frame would never wake its worker again. */
	REQUIRE(queue->free_count > 0);
	if (count > queue->free_count)
		count = queue->free_count;
	if (count > left)
		count = (uint32_t)left;
	for (uint32_t i = 0; i < count; i++)
		make_packet(queue, &ret_packets[i]);
	queue->made += count;
	if (left != ENDLESS)
		atomic_fetch_sub(&queue->left, count);
	return count;
}

void xsk_return(struct xsk *xsk, uint64_t addr)
{
	struct queue *queue = &bench.queues[xsk->info.number];
	uint64_t number = addr / XESP_FRAME_SIZE;

	REQUIRE(number < FRAMES && queue->out[number]);
	queue->out[number] = false;
	queue->free[queue->free_count++] = (uint32_t)number;
}

void xsk_flush(struct xsk *xsk)
{
	(void)xsk;
}

void xsk_read_levels(const struct xsk *xsk, struct xsk_levels *ret_levels)
{
	(void)xsk;
	*ret_levels = (struct xsk_levels){0};
}

/* ---- the bench ------------------------------------------------------------------------------------------
 */

static void deliver(struct sink *sink, struct esp_packet *packets, size_t count)
{
	(void)sink;
	for (size_t i = 0; i < count; i++)
		for (uint32_t q = 0; q < QUEUES; q++) {
			const struct queue *queue = &bench.queues[q];
			size_t offset = (size_t)(packets[i].frame - queue->umem);

			if (packets[i].reason == XESP_REASON_DELIVERED && packets[i].frame >= queue->umem &&
			    offset < (size_t)FRAMES * XESP_FRAME_SIZE)
				atomic_fetch_add(&bench.queues[q].delivered, 1);
		}
}

static const struct sink_ops counting_sink = {.name = "count", .deliver = deliver};

static struct sa_params params_of(uint32_t i)
{
	struct sa_params params = esp_rig_params(i == NESTED ? SA_MODE_TRANSPORT : SA_MODE_TUNNEL);

	params.spi += i;
	params.replay_window = 0; /* the same packets come again and again */
	return params;
}

static void add_sa(uint32_t i)
{
	struct sa_params params = params_of(i);
	const struct sa *sa;
	const char *what;

	assert_int_equal(sadb_add(bench.db, &params, &sa, &what), 0);
	atomic_store(&bench.refs[i], (uint64_t)sa->index << 32 | sa->generation);
}

static void del_sa(uint32_t i)
{
	struct sa_params params = params_of(i);

	assert_int_equal(sadb_del(bench.db, params.spi, &params.dst), 0);
}

static void seal(uint32_t i)
{
	static const struct esp_rig_outer native4 = {4, XESP_FORM_NATIVE, 0};
	struct sa_params params = params_of(i);
	struct esp_rig *rig = &bench.rigs[i];
	uint8_t inner[256];
	size_t len = packet_udp4(inner, 100);

	esp_rig_setup(rig, &params, NULL);
	if (i == NESTED) {
		struct esp_packet packet =
			esp_rig_seal_payload(rig, 0, &native4, inner + 20, len - 20, IPPROTO_UDP);

		len = packet.frame_len - 14;
		memcpy(inner, packet.frame + 14, len);
		rig = &bench.rigs[NESTED - 1];
	}
	bench.sealed[i] = esp_rig_seal_payload(rig, i, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
}

static struct worker_queue queue_of(uint32_t number)
{
	return (struct worker_queue){
		.info = {.number = number, .frames = FRAMES, .frame_size = XESP_FRAME_SIZE, .rx_size = 256},
		.socket = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.umem = -1,
		.sink = -1};
}

static int set_up(void **state)
{
	const struct xesp_config config = {.enabled = 1, .packet_max = XESP_PACKET_MAX};
	const struct crypto_provider *provider = crypto_provider_by_name("auto");
	struct sadb_config store = {.provider = provider,
				    .capacity = 64,
				    .quiesce = worker_group_quiesce,
				    .forget = worker_group_forget};

	(void)state;
	memset(&bench, 0, sizeof(bench));
	for (uint32_t i = 0; i < SAS; i++)
		seal(i);
	assert_int_equal(worker_group_new(QUEUES, provider, &counting_sink, &bench.group), 0);
	assert_int_equal(classifier_native_new(store.capacity, &bench.classifier), 0);
	assert_int_equal(provider->ctx_new(&bench.crypto), 0);
	store.crypto = bench.crypto;
	store.classifier = bench.classifier;
	store.workers = bench.group;
	assert_int_equal(sadb_new(&store, &bench.db), 0);
	assert_int_equal(bench.classifier->ops->set_config(bench.classifier, &config), 0);
	for (uint32_t i = 0; i < SAS; i++)
		add_sa(i);
	for (uint32_t i = 0; i < QUEUES; i++) {
		struct worker_queue queue = queue_of(i);

		assert_int_equal(worker_group_add(bench.group, &queue), 0);
	}
	alarm(60); /* what hangs, fails */
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	alarm(0);
	worker_group_stop(bench.group);
	sadb_free(bench.db);
	worker_group_free(bench.group);
	classifier_free(bench.classifier);
	bench.rigs[0].provider->ctx_free(bench.crypto);
	for (uint32_t i = 0; i < SAS; i++)
		esp_rig_teardown(&bench.rigs[i]);
	return 0;
}

static void send_packets(uint32_t queue, uint64_t packets)
{
	atomic_store(&bench.queues[queue].left, packets);
}

static void pause_ms(long ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* With the threads ended: every frame is at home, every packet has one exit. */
static void expect_everything_accounted(void)
{
	uint64_t counters[XESP_REASON_END] = {0};
	uint64_t made = 0, counted = 0, delivered = 0;

	for (uint32_t i = 0; i < QUEUES; i++) {
		assert_int_equal(bench.queues[i].free_count, FRAMES);
		made += bench.queues[i].made;
		delivered += bench.queues[i].delivered;
	}
	worker_group_counters(bench.group, counters);
	for (size_t i = 0; i < XESP_REASON_END; i++)
		counted += counters[i];
	assert_int_equal(counted, made);
	assert_int_equal(counters[XESP_REASON_DELIVERED], delivered);
	assert_int_equal(counters[XESP_REASON_DELIVERED] + counters[XESP_REASON_SA_GONE] +
				 counters[XESP_REASON_HANDOFF_FULL],
			 made);
	assert_true(delivered > 0);
}

/* Packets of every SA on every queue, while SAs are deleted and added again. */
static void test_sas_change_under_traffic(void **state)
{
	uint64_t random = 7;
	bool more = true;

	(void)state;
	for (uint32_t i = 0; i < QUEUES; i++)
		send_packets(i, 40000);
	assert_int_equal(worker_group_start(bench.group, bench.db), 0);
	while (more) {
		uint32_t i = next_random(&random) % SAS;

		del_sa(i);
		while (sadb_marked(bench.db) > SAS && sadb_reap(bench.db))
			pause_ms(1);
		add_sa(i);
		more = false;
		for (uint32_t q = 0; q < QUEUES; q++)
			more |= atomic_load(&bench.queues[q].left) > 0;
	}
	worker_group_stop(bench.group);
	expect_everything_accounted();
}

static void test_flush_under_traffic(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < QUEUES; i++)
		send_packets(i, ENDLESS);
	assert_int_equal(worker_group_start(bench.group, bench.db), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(sadb_flush(bench.db), SAS);
		while (sadb_reap(bench.db)) /* a worker that does not run for long keeps some */
			pause_ms(1);
		for (uint32_t sa = 0; sa < SAS; sa++)
			add_sa(sa);
		pause_ms(1);
	}
	for (uint32_t i = 0; i < QUEUES; i++)
		send_packets(i, 0);
	worker_group_stop(bench.group);
	expect_everything_accounted();
}

/* The interface may still be attached: an engine that gets SIGTERM must not wait for the sender to end. */
static void test_stop_under_endless_traffic(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < QUEUES; i++)
		send_packets(i, ENDLESS);
	assert_int_equal(worker_group_start(bench.group, bench.db), 0);
	pause_ms(100);
	worker_group_stop(bench.group);
	expect_everything_accounted();
}

/* Two queues hand over more than the owner of the SAs can open: each gets its turn. Without threads. */
static void test_handing_over_is_fair(void **state)
{
	struct worker_group *group = bench.group;
	const struct sa_params nested = params_of(NESTED);

	(void)state;
	group->db = bench.db;
	send_packets(2, 4000); /* of all SAs, whose owner becomes worker 2 */
	while (worker_run_once(group->workers[2]))
		;
	send_packets(0, ENDLESS);
	send_packets(1, ENDLESS);
	for (int i = 0; i < 1000; i++)
		for (uint32_t q = 0; q < QUEUES; q++)
			worker_run_once(group->workers[q]);
	assert_true(bench.queues[0].delivered > 16000); /* of 64000 */
	assert_true(bench.queues[1].delivered > 16000); /* of 64000 */
	assert_true(atomic_load(&sadb_find(bench.db, nested.spi, &nested.dst)->counters.packets) > 1000);
}

/* An SA has an owner among `count` workers, or none yet. */
static bool owners_are_there(uint32_t count)
{
	for (uint32_t i = 0; i < SAS; i++) {
		uint64_t ref = atomic_load(&bench.refs[i]);
		uint32_t owner = sadb_get(bench.db, (uint32_t)(ref >> 32), (uint32_t)ref)->owner;

		if (owner != SA_OWNER_NONE && owner >= count)
			return false;
	}
	return true;
}

static void resize(uint32_t count)
{
	struct worker_queue queues[QUEUES];
	uint32_t before = worker_group_count(bench.group);

	for (uint32_t i = before; i < count; i++)
		queues[i - before] = queue_of(i);
	assert_int_equal(worker_group_resize(bench.group, count, queues), 0);
	assert_int_equal(worker_group_count(bench.group), count);
	assert_true(owners_are_there(count));
}

/* The queues of the interface change while packets come: SAs get other owners, all stays counted. */
static void test_workers_come_and_go(void **state)
{
	static const uint32_t counts[] = {1, 3, 2, 1, 2, 3};
	uint64_t delivered = 0;

	(void)state;
	for (uint32_t i = 0; i < QUEUES; i++)
		send_packets(i, ENDLESS);
	for (int round = 0; round < 24; round++) {
		assert_int_equal(worker_group_start(bench.group, bench.db), 0);
		pause_ms(3);
		worker_group_stop(bench.group);
		expect_everything_accounted();
		assert_true(bench.queues[0].delivered > delivered);
		delivered = bench.queues[0].delivered;
		resize(counts[(size_t)round % (sizeof(counts) / sizeof(counts[0]))]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sas_change_under_traffic, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flush_under_traffic, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stop_under_endless_traffic, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_handing_over_is_fair, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_workers_come_and_go, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
