/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What opening ESP costs above its decryption: cycles a packet of esp_open_burst() against the bare crypto
 * provider on the same bytes, in bursts of 32. Prints the median and the quartiles of many rounds. One
 * thread, no I/O while measuring.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

#define BURST 32
#define ROUNDS 4001

#if defined(__x86_64__)
#include <x86intrin.h>
#define UNIT "cycles (TSC)"

static uint64_t now(void)
{
	_mm_lfence();
	return __rdtsc();
}
#else
#include <time.h>
#define UNIT "ns"

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
#endif

struct bench {
	struct esp_rig rig;
	struct esp_packet packets[BURST];
	uint8_t *sealed[BURST]; /* the frames as they came, to open them again */
	uint64_t times[ROUNDS];
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double report(struct bench *bench, const char *what, size_t inner_len)
{
	qsort(bench->times, ROUNDS, sizeof(bench->times[0]), compare);
	printf("%-9s %-16s %5zu %9.1f %9.1f %9.1f\n", bench->rig.provider->name, what, inner_len,
	       (double)bench->times[ROUNDS / 4] / BURST, (double)bench->times[ROUNDS / 2] / BURST,
	       (double)bench->times[ROUNDS * 3 / 4] / BURST);
	return (double)bench->times[ROUNDS / 2] / BURST;
}

static void restore(struct bench *bench)
{
	for (size_t i = 0; i < BURST; i++)
		memcpy(bench->packets[i].frame, bench->sealed[i], bench->packets[i].frame_len);
}

static double measure_pipeline(struct bench *bench, size_t inner_len)
{
	for (size_t round = 0; round < ROUNDS; round++) {
		uint64_t start;

		restore(bench);
		replay_init(&bench->rig.sa->replay, 64, false, 0);
		start = now();
		esp_open_burst(bench->rig.crypto, bench->packets, BURST, ESP_RIG_NOW);
		bench->times[round] = now() - start;
		for (size_t i = 0; i < BURST; i++)
			if (bench->packets[i].reason != XESP_REASON_DELIVERED)
				abort();
	}
	return report(bench, "esp_open_burst", inner_len);
}

/* After measure_pipeline(): the ops are those that it filled. */
static double measure_crypto(struct bench *bench, size_t inner_len)
{
	struct crypto_op *ops[BURST];

	for (size_t i = 0; i < BURST; i++)
		ops[i] = &bench->packets[i].op;
	for (size_t round = 0; round < ROUNDS; round++) {
		uint64_t start;

		restore(bench);
		start = now();
		bench->rig.provider->open_burst(bench->rig.crypto, ops, BURST);
		bench->times[round] = now() - start;
		for (size_t i = 0; i < BURST; i++)
			if (ops[i]->status)
				abort();
	}
	return report(bench, "crypto alone", inner_len);
}

static void measure(const struct crypto_provider *provider, size_t inner_len)
{
	const struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct bench *bench = calloc(1, sizeof(*bench));
	uint8_t inner[2000];
	double pipeline;

	if (!bench)
		abort();
	esp_rig_setup(&bench->rig, &params, provider);
	for (size_t i = 0; i < BURST; i++) {
		size_t len = packet_udp4(inner, inner_len - 28);

		bench->packets[i] =
			esp_rig_seal_payload(&bench->rig, i, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
		bench->sealed[i] = malloc(bench->packets[i].frame_len);
		if (!bench->sealed[i])
			abort();
		memcpy(bench->sealed[i], bench->packets[i].frame, bench->packets[i].frame_len);
	}
	pipeline = measure_pipeline(bench, inner_len);
	printf("%-9s %-16s %5zu %19.1f\n", provider->name, "above crypto", inner_len,
	       pipeline - measure_crypto(bench, inner_len));
	for (size_t i = 0; i < BURST; i++)
		free(bench->sealed[i]);
	esp_rig_teardown(&bench->rig);
	free(bench);
}

int main(void)
{
	static const struct crypto_provider *const providers[] = {&crypto_ipsec_mb, &crypto_openssl};

	printf("%s a packet, bursts of %d, AES-128-GCM, tunnel mode\n", UNIT, BURST);
	printf("%-9s %-16s %5s %9s %9s %9s\n", "provider", "what", "bytes", "quartile", "median", "quartile");
	for (size_t i = 0; i < 2; i++) {
		struct crypto_ctx *ctx;

		if (providers[i]->ctx_new(&ctx)) {
			printf("%s: not on this machine\n", providers[i]->name);
			continue;
		}
		providers[i]->ctx_free(ctx);
		measure(providers[i], 64);
		measure(providers[i], 1400);
	}
	return 0;
}
