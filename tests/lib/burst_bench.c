/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the benchmarks of opening and of sealing share.
 */
#include "tests/lib/burst_bench.h"

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

/* What is measured now. */
struct measuring {
	const struct burst_bench_ops *ops;
	void *bench;
	const struct crypto_provider *provider;
	const struct suite *suite;
	size_t inner_len;
	struct bare_gcm *bare; /* NULL: not AES-GCM, or not libipsec-mb */
	size_t rounds;
	double cycles[BURST_BENCH_WAYS][ROUNDS];
	double above[ROUNDS]; /* the whole above the library, or above crypto where there is none to call */
	double ratio[ROUNDS];
};

/* Cycles a packet. */
static double run(const struct measuring *m, enum burst_bench_way way, size_t burst)
{
	uint64_t start;

	m->ops->restore(m->bench);
	start = stopwatch_cycles();
	m->ops->run(m->bench, way, burst, m->bare);
	start = stopwatch_cycles() - start;
	m->ops->check(m->bench, way);
	return (double)start / BURST_BENCH_PACKETS;
}

static void print_figures(struct measuring *m, size_t burst)
{
	const char *over = m->bare ? "library" : "crypto";
	char name[96];
	int len = snprintf(name, sizeof(name), "%s.%s.%s.%zu.%zu", m->ops->figure, m->provider->name,
			   m->suite->name, m->inner_len, burst);

	figure_samples(name, STOPWATCH_CYCLES " a packet", m->cycles[BURST_BENCH_WHOLE], m->rounds);
	snprintf(name + len, sizeof(name) - (size_t)len, ".above_%s", over);
	figure_samples(name, STOPWATCH_CYCLES " a packet", m->above, m->rounds);
	snprintf(name + len, sizeof(name) - (size_t)len, ".over_%s", over);
	figure_samples(name, "times", m->ratio, m->rounds);
}

/* Returns what the crypto takes a packet. */
static double measure(struct measuring *m, size_t burst)
{
	double medians[BURST_BENCH_WAYS];

	for (size_t round = 0; round < m->rounds; round++) {
		double whole, alone;

		whole = m->cycles[BURST_BENCH_WHOLE][round] = run(m, BURST_BENCH_WHOLE, burst);
		alone = m->cycles[BURST_BENCH_CRYPTO][round] = run(m, BURST_BENCH_CRYPTO, burst);
		if (m->bare)
			alone = run(m, BURST_BENCH_ALONE, burst);
		m->cycles[BURST_BENCH_ALONE][round] = alone;
		m->above[round] = whole - alone;
		m->ratio[round] = whole / alone;
	}
	print_figures(m, burst);
	for (size_t way = 0; way < BURST_BENCH_WAYS; way++)
		medians[way] = figure_median(m->cycles[way], m->rounds);
	printf("%-9s %-17s %5zu %5zu %9.1f %9.1f %9.1f %8.1f %6.2f\n", m->provider->name, m->suite->name,
	       m->inner_len, burst, medians[BURST_BENCH_WHOLE], medians[BURST_BENCH_CRYPTO],
	       medians[BURST_BENCH_ALONE], figure_median(m->above, m->rounds),
	       figure_median(m->ratio, m->rounds));
	return medians[BURST_BENCH_CRYPTO];
}

/* Long packets vary less, and there is an end to patience. */
static size_t rounds_for(size_t inner_len)
{
	size_t rounds = ROUNDS_MIN + (ROUNDS - ROUNDS_MIN) * 64 / inner_len;

	return figure_quick() ? rounds / ROUNDS_QUICK : rounds;
}

static void measure_size(struct measuring *m, size_t inner_len)
{
	struct sa_params params = m->ops->params();
	double crypto[ARRAY_SIZE(bursts)];

	esp_rig_suite(&params, m->suite->cipher, m->suite->cipher_key_bytes, m->suite->auth,
		      m->suite->icv_bytes);
	m->inner_len = inner_len;
	m->rounds = rounds_for(inner_len);
	m->bare = NULL;
	if (m->provider == &crypto_ipsec_mb && m->suite->cipher == ALGO_AES_GCM)
		m->bare = bare_gcm_new(params.key, m->suite->cipher_key_bytes);
	m->ops->set_up(m->bench, &params, m->provider, inner_len);
	for (size_t i = 0; i < ARRAY_SIZE(bursts); i++)
		crypto[i] = measure(m, bursts[i]);
	printf("%-9s %-17s %5zu %d bursts of 1 take %.1f times as long as one of %d\n", m->provider->name,
	       m->suite->name, inner_len, BURST_BENCH_PACKETS, crypto[0] / crypto[ARRAY_SIZE(bursts) - 1],
	       BURST_BENCH_PACKETS);
	m->ops->tear_down(m->bench);
	bare_gcm_free(m->bare);
}

static bool is_wanted(const char *name, int count, char *const *names)
{
	for (int i = 0; i < count; i++)
		if (strstr(name, names[i]))
			return true;
	return count == 0;
}

void burst_bench_run(const struct burst_bench_ops *ops, void *bench, int count, char *const *names)
{
	static const struct crypto_provider *const providers[] = {&crypto_ipsec_mb, &crypto_openssl};
	CLEANUP_FREE struct measuring *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->ops = ops;
	m->bench = bench;
	printf("%s a packet, tunnel mode\n", STOPWATCH_CYCLES);
	printf("%-9s %-17s %5s %5s %9s %9s %9s %8s %6s\n", "provider", "suite", "bytes", "burst", ops->done,
	       "crypto", "alone", "above", "ratio");
	for (size_t i = 0; i < ARRAY_SIZE(providers); i++) {
		struct crypto_ctx *ctx;

		if (providers[i]->ctx_new(&ctx)) {
			printf("%s: not on this machine\n", providers[i]->name);
			continue;
		}
		printf("%s\n", providers[i]->ctx_describe(ctx));
		providers[i]->ctx_free(ctx);
		m->provider = providers[i];
		for (size_t j = 0; j < ARRAY_SIZE(suites); j++) {
			m->suite = &suites[j];
			if (!is_wanted(suites[j].name, count, names))
				continue;
			for (size_t k = 0; k < ARRAY_SIZE(sizes); k++)
				measure_size(m, sizes[k]);
		}
	}
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
