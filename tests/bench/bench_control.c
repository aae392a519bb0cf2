// SPDX-License-Identifier: BSD-2-Clause
/*
 * A million SAs in one process: how fast the SA store adds and deletes them in the BPF program's tables, what
 * memory one takes, how fast the next engine takes them over, what the classifier costs a packet then, and
 * what the first packet of an SA costs. The promises: 100,000 adds a second, 1 KiB of engine memory an SA, 30
 * ns a packet above an empty program. Needs root.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpf/xesp.skel.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "control/restore.h"
#include "control/sadb.h"
#include "host/classifier_table.h"
#include "tests/lib/figure.h"
#include "tests/lib/stopwatch.h"
#include "tests/lib/xdp_bench.h"

#define SAS 1000000
#define PORT 4500
#define ROUNDS 9
#define TEXT 64

static const struct frame_spec spec = {
	.src = {AF_INET, {192, 0, 2, 1}}, .dst = {AF_INET, {192, 0, 2, 2}}, .sport = 4500, .dport = PORT};

struct bench {
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto;
	struct xesp_bpf *object;
	struct classifier_fds fds;
	int memory; /* that outlives an engine */
	struct classifier *classifier;
	struct state *state;
	struct sadb *db;
	int empty;
	int xsk;
};

/* Memory that is resident, of this process: its own, and what outlives it. The classifier's tables are
 * neither. */
static double resident_bytes(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	unsigned long kib = 0;
	char line[256];

	if (!status)
		return 0;
	while (fgets(line, sizeof(line), status)) {
		if (!strncmp(line, "RssAnon:", 8))
			kib += strtoul(line + 8, NULL, 10);
		if (!strncmp(line, "RssShmem:", 9))
			kib += strtoul(line + 9, NULL, 10);
	}
	fclose(status);
	return (double)kib * 1024;
}

/* `figure` NULL: only in the table. */
static void report(const char *what, const char *figure, double value, const char *unit)
{
	char name[64];

	printf("%-46s %12.0f %s\n", what, value, unit);
	if (!figure)
		return;
	snprintf(name, sizeof(name), "control.%s", figure);
	figure_value(name, unit, value);
}

/* Each SA another SPI and key. SPIs as IKE daemons choose them: anywhere. */
static uint32_t spi_of(uint32_t i)
{
	return (i * 2654435761u) | 0x100;
}

static struct sa_params params_of(uint32_t i)
{
	struct sa_params params = {
		.dst = spec.dst,
		.spi = spi_of(2 * i),
		.mode = SA_MODE_TUNNEL,
		.cipher = ALGO_AES_GCM,
		.key_bytes = 20,
		.icv_bytes = 16,
		.replay_window = XESP_REPLAY_WINDOW_DEFAULT,
		.encap = {.present = true, .type = XESP_ENCAP_RFC3948, .sport = 4500, .dport = PORT}};

	memcpy(params.key, &i, sizeof(i));
	return params;
}

/* ---- the store ----------------------------------------------------------------------------------------- */

/* SPIs that came twice are passed over. */
static uint32_t add_all(struct bench *bench, int *ret_err)
{
	uint32_t added = 0;

	for (uint32_t i = 0; added < SAS; i++) {
		struct sa_params params = params_of(i);
		const struct sa *sa;
		const char *what;
		int err = sadb_add(bench->db, &params, &sa, &what);

		if (err && err != -EEXIST) {
			*ret_err = err;
			return added;
		}
		added += !err;
	}
	*ret_err = 0;
	return added;
}

static int measure_adds(struct bench *bench)
{
	double resident = resident_bytes();
	double tables = ((double)classifier_table_entries(4, XESP_SA_CAPACITY_MAX) +
			 classifier_table_entries(6, XESP_SA_CAPACITY_MAX)) *
			sizeof(union xesp_sa_element);
	double start = stopwatch_wall();
	double took, bytes;
	uint32_t added;
	int err;

	added = add_all(bench, &err);
	took = stopwatch_wall() - start;
	if (err) {
		fprintf(stderr, "bench_control: SA number %u: %s\n", added, strerror(-err));
		return err;
	}
	bytes = (resident_bytes() - resident) / SAS;
	report("adds", "adds", SAS / took, "a second");
	report("engine memory", "memory", bytes, "bytes an SA");
	report("  of it struct sa, with its window", NULL, (double)sa_bytes(64), "bytes");
	report("classifier's tables, both families", NULL, tables / XESP_SA_CAPACITY_MAX, "bytes an SA");
	return 0;
}

static int measure_deletes(struct bench *bench)
{
	double start = stopwatch_wall();
	uint32_t deleted = 0;

	for (uint32_t i = 0; deleted < SAS / 2; i++) {
		struct sa_params params = params_of(i);
		int err = sadb_del(bench->db, params.spi, &params.dst);

		if (err && err != -ENOENT)
			return err;
		deleted += !err;
	}
	report("deletes, one by one", "deletes", deleted / (stopwatch_wall() - start), "a second");
	start = stopwatch_wall();
	deleted = sadb_flush(bench->db);
	report("deletes, flush", "deletes_flush", deleted / (stopwatch_wall() - start), "a second");
	return 0;
}

/* As an engine does when it begins, the first or (`again`) after another. */
static int make_store(struct bench *bench, bool again)
{
	struct sadb_config config = {.capacity = XESP_SA_CAPACITY_MAX,
				     .store = 1,
				     .provider = bench->provider,
				     .crypto = bench->crypto};
	int err = classifier_fds_new(&bench->fds, again, &bench->classifier);

	if (!err)
		err = state_open(dup(bench->memory), &bench->state);
	config.classifier = bench->classifier;
	config.state = bench->state;
	return err ? err : sadb_new(&config, &bench->db);
}

/* Goes on as if this process had been killed: nothing of the first store is freed, or its SAs would be
 * deleted. */
static int measure_restore(struct bench *bench)
{
	struct restore_tally tally = {0, 0};
	double start = stopwatch_wall();
	int err = make_store(bench, true);

	if (err)
		return err;
	sadb_restore(bench->db, &tally);
	report("taken over from an engine that was killed", "restore",
	       tally.kept / (stopwatch_wall() - start), "a second");
	return tally.kept == SAS ? 0 : -EBADMSG;
}

/* ---- packets ------------------------------------------------------------------------------------------- */

static int measure_classifier(struct bench *bench)
{
	double empty[ROUNDS], full[ROUNDS];
	struct sa_params params = params_of(SAS / 3);
	struct frame frame = {0};
	double above;

	frame_esp(&frame, &spec, XESP_FORM_UDP, params.spi, 1392);
	for (int round = 0; round < ROUNDS; round++) {
		int err = xdp_bench_run(bench->empty, &frame, XDP_PASS, &empty[round]);

		if (!err)
			err = xdp_bench_run(xdp_bench_program(bench->object), &frame, XDP_REDIRECT,
					    &full[round]);
		if (err)
			return err;
	}
	above = figure_median(full, ROUNDS) - figure_median(empty, ROUNDS);
	report("classifier above an empty program, median", NULL, above, "ns a packet");
	/* Sorted by now; whatever else the machine does can only add to either. */
	above = full[0] - empty[0];
	report("the same, quietest rounds", "classifier_quietest", above, "ns a packet");
	return 0;
}

/* Nanoseconds to open one short packet with each of `count` keys in turn, the second time round. */
static double open_with_keys(const struct bench *bench, struct crypto_key *const *keys, uint32_t count)
{
	uint8_t esp[8 + 8 + TEXT + 16] = {0};
	struct crypto_op op = {.esp = esp, .text_len = TEXT};
	struct crypto_op *ops[] = {&op};
	uint32_t runs = 1 << 20, next = 0;
	double start = 0;

	for (uint32_t i = 0; i < runs + count; i++) {
		if (i == count)
			start = stopwatch_wall();
		op.key = keys[next];
		next = next + 1 == count ? 0 : next + 1;
		bench->provider->open_burst(bench->crypto, ops, 1);
	}
	return (stopwatch_wall() - start) * 1e9 / runs;
}

static int measure_first_packet(struct bench *bench)
{
	static const uint32_t counts[] = {1, 256, 1024, 4096, 65536};
	CLEANUP_FREE struct crypto_key **keys = calloc(65536, sizeof(struct crypto_key *));
	uint8_t raw[20] = {0};
	const struct crypto_suite suite = {
		.cipher = algo_by_id(ALGO_AES_GCM), .key = raw, .key_bytes = sizeof(raw), .icv_bytes = 16};
	char what[64], figure[64];

	if (!keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < 65536; i++) {
		int err;

		memcpy(raw, &i, sizeof(i));
		err = bench->provider->key_new(bench->crypto, &suite, &keys[i]);
		if (err)
			return err;
	}
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		snprintf(what, sizeof(what), "opening %d bytes, %u SAs in turn", TEXT, counts[i]);
		snprintf(figure, sizeof(figure), "crypto_keys_in_turn.%u", counts[i]);
		report(what, figure, open_with_keys(bench, keys, counts[i]), "ns a packet");
	}
	for (uint32_t i = 0; i < 65536; i++) {
		bench->provider->forget(bench->crypto, keys[i]);
		bench->provider->key_free(keys[i]);
	}
	return 0;
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

static int set_up(struct bench *bench)
{
	int err;

	bench->provider = crypto_provider_by_name("auto");
	if (!bench->provider)
		return -EOPNOTSUPP;
	bench->empty = xdp_bench_empty();
	if (bench->empty < 0)
		return bench->empty;
	bench->xsk = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (bench->xsk < 0)
		return -errno;
	err = bench->provider->ctx_new(&bench->crypto);
	if (!err)
		err = xdp_bench_classifier(XESP_SA_CAPACITY_MAX, bench->xsk, &bench->object, &bench->fds);
	if (!err)
		err = state_create(restore_bytes(XESP_SA_CAPACITY_MAX), &bench->memory);
	return err ? err : make_store(bench, false);
}

static void tear_down(struct bench *bench)
{
	sadb_free(bench->db);
	state_close(bench->state);
	classifier_free(bench->classifier);
	xesp_bpf__destroy(bench->object);
	if (bench->crypto)
		bench->provider->ctx_free(bench->crypto);
	cleanup_fd(&bench->memory);
	cleanup_fd(&bench->xsk);
	cleanup_fd(&bench->empty);
}

int main(void)
{
	struct bench bench = {.empty = -1, .xsk = -1, .memory = -1};
	int err = set_up(&bench);

	if (!err) {
		printf("%d SAs, AES-128-GCM, window of 64, %s\n", SAS,
		       bench.provider->ctx_describe(bench.crypto));
		err = measure_adds(&bench);
	}
	if (!err)
		err = measure_classifier(&bench);
	if (!err)
		err = measure_restore(&bench);
	if (!err)
		err = measure_deletes(&bench);
	if (!err)
		err = measure_first_packet(&bench);
	if (err)
		fprintf(stderr, "bench_control: %s%s\n", strerror(-err), err == -EPERM ? ": needs root" : "");
	tear_down(&bench);
	return err != 0;
}
