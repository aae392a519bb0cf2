/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the benchmarks of opening and of sealing share.
 */
#include "tests/lib/burst_bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/lib/esp_rig.h"
#include "tests/lib/figure.h"
#include "tests/lib/stopwatch.h"

#define ROUNDS 1001
#define ROUNDS_MIN 101
#define ROUNDS_QUICK 4 /* times fewer */
#define PASSES 5
/* Of a frame: headroom, outer headers, ESP around the longest packet. */
#define FRAME_BYTES 12288

static const struct suite {
	const char *name;
	enum algo_id cipher;
	uint8_t cipher_key_bytes;
	enum algo_id auth;
	uint8_t icv_bytes;
} suites[] = {
	{"aes128gcm16", ALGO_AES_GCM, 16, ALGO_NONE, 16},
	{"aes256gcm16", ALGO_AES_GCM, 32, ALGO_NONE, 16},
	{"chacha20poly1305", ALGO_CHACHA20_POLY1305, 32, ALGO_NONE, 16},
	{"aes128ccm16", ALGO_AES_CCM, 16, ALGO_NONE, 16},
	{"aes128gmac", ALGO_AES_GMAC, 16, ALGO_NONE, 16},
	{"aes128cbc-sha1", ALGO_AES_CBC, 16, ALGO_HMAC_SHA1, 0},
	{"aes128cbc-sha256", ALGO_AES_CBC, 16, ALGO_HMAC_SHA256, 0},
	{"aes256cbc-sha512", ALGO_AES_CBC, 32, ALGO_HMAC_SHA512, 0},
	{"aes128ctr-sha256", ALGO_AES_CTR, 16, ALGO_HMAC_SHA256, 0},
	{"aes128cbc-xcbc", ALGO_AES_CBC, 16, ALGO_AES_XCBC, 0},
	{"aes128cbc-cmac", ALGO_AES_CBC, 16, ALGO_AES_CMAC, 0},
	{"null-sha1", ALGO_NULL, 0, ALGO_HMAC_SHA1, 0},
	{"3des-md5", ALGO_3DES_CBC, 24, ALGO_HMAC_MD5, 0},
};

static const size_t sizes[] = {64, 128, 256, 576, 1400, BURST_BENCH_INNER_MAX};
static const size_t bursts[] = {1, 8, 32, BURST_BENCH_PACKETS};

/* Of one size in bursts of one length. */
struct series {
	size_t rounds;
	double cycles[BURST_BENCH_WAYS][ROUNDS];
	double above[ROUNDS]; /* the whole above the library, or above crypto where there is none to call */
	double ratio[ROUNDS];
};

/* What is measured now. */
struct measuring {
	const struct burst_bench_ops *ops;
	void *bench;
	int count; /* of names of suites that are wanted */
	char *const *names;
	const struct crypto_provider *provider;
	const struct suite *suite;
	struct bare_gcm *bare; /* NULL: not AES-GCM, or not libipsec-mb */
	struct series series[ARRAY_SIZE(sizes)][ARRAY_SIZE(bursts)];
};

/* ---- rounds ------------------------------------------------------------------------------------------- */

/* Cycles a packet. */
static double run(const struct measuring *m, enum burst_bench_way way, size_t burst)
{
	uint64_t start;

	m->ops->restore(m->bench, way);
	start = stopwatch_cycles();
	m->ops->run(m->bench, way, burst, m->bare);
	start = stopwatch_cycles() - start;
	m->ops->check(m->bench, way);
	return (double)start / BURST_BENCH_PACKETS;
}

static void run_all(const struct measuring *m, struct series *series, size_t burst)
{
	size_t round = series->rounds++;
	double whole = run(m, BURST_BENCH_WHOLE, burst);
	double crypto = run(m, BURST_BENCH_CRYPTO, burst);
	double alone = m->bare ? run(m, BURST_BENCH_ALONE, burst) : crypto;

	series->cycles[BURST_BENCH_WHOLE][round] = whole;
	series->cycles[BURST_BENCH_CRYPTO][round] = crypto;
	series->cycles[BURST_BENCH_ALONE][round] = alone;
	series->above[round] = whole - alone;
	series->ratio[round] = whole / alone;
}

/* Of one pass. Long packets vary less, and there is an end to patience. */
static size_t rounds_for(size_t inner_len)
{
	size_t rounds = (ROUNDS_MIN + (ROUNDS - ROUNDS_MIN) * 64 / inner_len) / PASSES;

	return figure_quick() ? rounds / ROUNDS_QUICK : rounds;
}

static void measure_size(struct measuring *m, size_t size)
{
	struct sa_params params = m->ops->params();

	esp_rig_suite(&params, m->suite->cipher, m->suite->cipher_key_bytes, m->suite->auth,
		      m->suite->icv_bytes);
	m->bare = NULL;
	if (m->provider == &crypto_ipsec_mb && m->suite->cipher == ALGO_AES_GCM)
		m->bare = bare_gcm_new(params.key, m->suite->cipher_key_bytes);
	m->ops->set_up(m->bench, &params, m->provider, sizes[size]);
	for (size_t burst = 0; burst < ARRAY_SIZE(bursts); burst++)
		for (size_t round = 0; round < rounds_for(sizes[size]); round++)
			run_all(m, &m->series[size][burst], bursts[burst]);
	m->ops->tear_down(m->bench);
	bare_gcm_free(m->bare);
}

/* ---- what came out ------------------------------------------------------------------------------------ */

static void print_figures(const struct measuring *m, struct series *series, size_t inner_len, size_t burst)
{
	const char *over = m->bare ? "library" : "crypto";
	char name[96];
	int len = snprintf(name, sizeof(name), "%s.%s.%s.%zu.%zu", m->ops->figure, m->provider->name,
			   m->suite->name, inner_len, burst);

	figure_samples(name, STOPWATCH_CYCLES " a packet", series->cycles[BURST_BENCH_WHOLE], series->rounds);
	snprintf(name + len, sizeof(name) - (size_t)len, ".above_%s", over);
	figure_samples(name, STOPWATCH_CYCLES " a packet", series->above, series->rounds);
	snprintf(name + len, sizeof(name) - (size_t)len, ".over_%s", over);
	figure_samples(name, "times", series->ratio, series->rounds);
}

/* Returns what the crypto takes a packet. */
static double report(const struct measuring *m, struct series *series, size_t inner_len, size_t burst)
{
	double medians[BURST_BENCH_WAYS] = {0};

	print_figures(m, series, inner_len, burst);
	for (size_t way = 0; way < BURST_BENCH_WAYS; way++)
		medians[way] = figure_median(series->cycles[way], series->rounds);
	printf("%-9s %-17s %5zu %5zu %9.1f %9.1f %9.1f %8.1f %6.2f\n", m->provider->name, m->suite->name,
	       inner_len, burst, medians[BURST_BENCH_WHOLE], medians[BURST_BENCH_CRYPTO],
	       medians[BURST_BENCH_ALONE], figure_median(series->above, series->rounds),
	       figure_median(series->ratio, series->rounds));
	return medians[BURST_BENCH_CRYPTO];
}

static void report_size(struct measuring *m, size_t size)
{
	double crypto[ARRAY_SIZE(bursts)] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bursts); i++)
		crypto[i] = report(m, &m->series[size][i], sizes[size], bursts[i]);
	printf("%-9s %-17s %5zu %d bursts of 1 take %.1f times as long as one of %d\n", m->provider->name,
	       m->suite->name, sizes[size], BURST_BENCH_PACKETS, crypto[0] / crypto[ARRAY_SIZE(bursts) - 1],
	       BURST_BENCH_PACKETS);
}

/* ---- all of it ---------------------------------------------------------------------------------------- */

/* In several passes, so that a moment in which the machine is slow is in few of the rounds of each size. */
static void measure_suite(struct measuring *m)
{
	memset(m->series, 0, sizeof(m->series));
	for (size_t pass = 0; pass < PASSES; pass++)
		for (size_t size = 0; size < ARRAY_SIZE(sizes); size++)
			measure_size(m, size);
	for (size_t size = 0; size < ARRAY_SIZE(sizes); size++)
		report_size(m, size);
}

static bool is_wanted(const char *name, int count, char *const *names)
{
	for (int i = 0; i < count; i++)
		if (strstr(name, names[i]))
			return true;
	return count == 0;
}

static void measure_provider(struct measuring *m, const struct crypto_provider *provider)
{
	struct crypto_ctx *ctx;

	m->provider = provider;
	if (m->provider->ctx_new(&ctx)) {
		printf("%s: not on this machine\n", m->provider->name);
		return;
	}
	printf("%s\n", m->provider->ctx_describe(ctx));
	m->provider->ctx_free(ctx);
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
		m->suite = &suites[i];
		if (is_wanted(suites[i].name, m->count, m->names))
			measure_suite(m);
	}
}

static void *measure_all(void *context)
{
	struct measuring *m = context;

	if (m->ops->usual_provider) {
		measure_provider(m, crypto_provider_by_name("auto"));
		return NULL;
	}
	measure_provider(m, &crypto_ipsec_mb);
	measure_provider(m, &crypto_openssl);
	return NULL;
}

/* In a thread, as in xespd: the stack of main() begins somewhere in a page, another place in each run, and
 * one run in ten it is where the CPU takes loads from packets for loads of what was just stored there (20 to
 * 50 cycles). */
void burst_bench_run(const struct burst_bench_ops *ops, void *bench, int count, char *const *names)
{
	CLEANUP_FREE struct measuring *m = calloc(1, sizeof(*m));
	pthread_t thread;

	if (!m)
		abort();
	m->ops = ops;
	m->bench = bench;
	m->count = count;
	m->names = names;
	printf("%s a packet, tunnel mode\n", STOPWATCH_CYCLES);
	printf("%-9s %-17s %5s %5s %9s %9s %9s %8s %6s\n", "provider", "suite", "bytes", "burst", ops->done,
	       "crypto", "alone", "above", "ratio");
	if (pthread_create(&thread, NULL, measure_all, m) || pthread_join(thread, NULL))
		abort();
}

void burst_bench_frames_new(uint8_t *frames[BURST_BENCH_PACKETS])
{
	uint8_t *memory = aligned_alloc(XESP_FRAME_SIZE, (size_t)BURST_BENCH_PACKETS * FRAME_BYTES);

	if (!memory)
		abort();
	memset(memory, 0, (size_t)BURST_BENCH_PACKETS * FRAME_BYTES);
	for (size_t i = 0; i < BURST_BENCH_PACKETS; i++)
		frames[i] = memory + i * FRAME_BYTES + BURST_BENCH_HEADROOM;
}

void burst_bench_frames_free(uint8_t *frames[BURST_BENCH_PACKETS])
{
	free(frames[0] - BURST_BENCH_HEADROOM);
}
