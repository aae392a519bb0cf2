/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What opening ESP costs, by suite, packet size and burst size: cycles a packet of esp_open_burst(), of the
 * crypto provider alone on the same bytes, and the difference; with AES-GCM also of libipsec-mb alone, called
 * as its documentation says and with nothing around it. 64 packets each time, in bursts of 1, 8, 32 and 64:
 * what the last is ahead of the first is what packets side by side gain. Medians of many rounds, all measured
 * in turn. One thread, no I/O while measuring. Arguments: suites by (part of) their name; default all below.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/bare_gcm.h"
#include "tests/lib/esp_rig.h"
#include "tests/lib/figure.h"
#include "tests/lib/packet.h"

#define PACKETS XESP_BURST_MAX
#define ROUNDS 1001
#define ROUNDS_MIN 101
#define ROUNDS_QUICK 4 /* times fewer */
#define INNER_MAX 9000
/* Of a frame: headroom, outer headers, ESP around the longest packet. */
#define FRAME_BYTES 12288

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

struct bench {
	struct esp_rig rig;
	struct esp_packet packets[PACKETS];
	struct crypto_op *ops[PACKETS];
	uint8_t *frames[PACKETS];
	uint8_t *sealed[PACKETS]; /* the frames as they came, to open them again */
	struct bare_gcm *bare;	  /* NULL: not AES-GCM, or no libipsec-mb */
	size_t rounds;
	double pipeline[ROUNDS];
	double crypto[ROUNDS];
	double alone[ROUNDS]; /* libipsec-mb */
	double above[ROUNDS]; /* pipeline above crypto, or above the library where there is a bare one */
	double ratio[ROUNDS];
};

static void restore(struct bench *bench)
{
	for (size_t i = 0; i < PACKETS; i++)
		memcpy(bench->packets[i].frame, bench->sealed[i], bench->packets[i].frame_len);
}

static uint64_t round_pipeline(struct bench *bench, size_t burst)
{
	uint64_t start;

	restore(bench);
	replay_init(&bench->rig.sa->replay, 64, false, 0);
	start = now();
	for (size_t i = 0; i < PACKETS; i += burst)
		esp_open_burst(bench->rig.crypto, bench->packets + i, burst, ESP_RIG_NOW);
	start = now() - start;
	for (size_t i = 0; i < PACKETS; i++)
		if (bench->packets[i].reason != XESP_REASON_DELIVERED)
			abort();
	return start;
}

/* After round_pipeline(): the ops are those that it filled. */
static uint64_t round_crypto(struct bench *bench, size_t burst)
{
	uint64_t start;

	restore(bench);
	start = now();
	for (size_t i = 0; i < PACKETS; i += burst)
		bench->rig.provider->open_burst(bench->rig.crypto, bench->ops + i, burst);
	start = now() - start;
	for (size_t i = 0; i < PACKETS; i++)
		if (bench->ops[i]->status)
			abort();
	return start;
}

static uint64_t round_alone(struct bench *bench)
{
	uint64_t start;

	restore(bench);
	start = now();
	for (size_t i = 0; i < PACKETS; i++)
		bare_gcm_open(bench->bare, bench->ops[i]->esp, bench->ops[i]->text_len);
	return now() - start;
}

static void print_figures(struct bench *bench, const struct suite *suite, size_t inner_len, size_t burst)
{
	const char *over = bench->bare ? "library" : "crypto";
	char name[96];
	int len = snprintf(name, sizeof(name), "open.%s.%s.%zu.%zu", bench->rig.provider->name, suite->name,
			   inner_len, burst);

	figure_samples(name, UNIT " a packet", bench->pipeline, bench->rounds);
	snprintf(name + len, sizeof(name) - (size_t)len, ".above_%s", over);
	figure_samples(name, UNIT " a packet", bench->above, bench->rounds);
	snprintf(name + len, sizeof(name) - (size_t)len, ".over_%s", over);
	figure_samples(name, "times", bench->ratio, bench->rounds);
}

/* Returns what the crypto takes a packet. */
static double measure(struct bench *bench, const struct suite *suite, size_t inner_len, size_t burst)
{
	double pipeline, crypto, above;

	for (size_t round = 0; round < bench->rounds; round++) {
		double alone;

		bench->pipeline[round] = (double)round_pipeline(bench, burst) / PACKETS;
		bench->crypto[round] = (double)round_crypto(bench, burst) / PACKETS;
		alone = bench->bare ? (double)round_alone(bench) / PACKETS : bench->crypto[round];
		bench->above[round] = bench->pipeline[round] - alone;
		bench->ratio[round] = bench->pipeline[round] / alone;
		bench->alone[round] = alone;
	}
	print_figures(bench, suite, inner_len, burst);
	pipeline = figure_median(bench->pipeline, bench->rounds);
	crypto = figure_median(bench->crypto, bench->rounds);
	above = figure_median(bench->above, bench->rounds);
	printf("%-9s %-17s %5zu %5zu %9.1f %9.1f %9.1f %8.1f %6.2f\n", bench->rig.provider->name, suite->name,
	       inner_len, burst, pipeline, crypto, figure_median(bench->alone, bench->rounds), above,
	       figure_median(bench->ratio, bench->rounds));
	return crypto;
}

/* Frames in plain memory: beside the inaccessible pages of the rig, loads of idle lanes are slow, which the
 * CPU suppresses the faults of. */
static void move_packet(struct bench *bench, size_t i)
{
	struct esp_packet *packet = &bench->packets[i];

	bench->sealed[i] = malloc(packet->frame_len);
	if (!bench->sealed[i])
		abort();
	memcpy(bench->sealed[i], packet->frame, packet->frame_len);
	packet->frame = bench->frames[i];
}

/* Long packets vary less, and there is an end to patience. */
static size_t rounds_for(size_t inner_len)
{
	size_t rounds = ROUNDS_MIN + (ROUNDS - ROUNDS_MIN) * 64 / inner_len;

	return figure_quick() ? rounds / ROUNDS_QUICK : rounds;
}

static void measure_size(struct bench *bench, const struct crypto_provider *provider,
			 const struct suite *suite, size_t inner_len)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	uint8_t inner[INNER_MAX];
	double single, many;

	esp_rig_suite(&params, suite->cipher, suite->cipher_key_bytes, suite->auth, suite->icv_bytes);
	esp_rig_setup(&bench->rig, &params, provider);
	for (size_t i = 0; i < PACKETS; i++) {
		size_t len = packet_udp4(inner, inner_len - 28);

		bench->packets[i] =
			esp_rig_seal_payload(&bench->rig, i, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
		bench->ops[i] = &bench->packets[i].op;
		move_packet(bench, i);
	}
	bench->rounds = rounds_for(inner_len);
	bench->bare = NULL;
	if (provider == &crypto_ipsec_mb && suite->cipher == ALGO_AES_GCM)
		bench->bare = bare_gcm_new(params.key, suite->cipher_key_bytes);
	single = measure(bench, suite, inner_len, 1);
	measure(bench, suite, inner_len, 8);
	measure(bench, suite, inner_len, 32);
	many = measure(bench, suite, inner_len, PACKETS);
	printf("%-9s %-17s %5zu %d bursts of 1 take %.1f times as long as one of %d\n", provider->name,
	       suite->name, inner_len, PACKETS, single / many, PACKETS);
	bare_gcm_free(bench->bare);
	for (size_t i = 0; i < PACKETS; i++)
		free(bench->sealed[i]);
	esp_rig_teardown(&bench->rig);
}

static struct bench *bench_new(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	/* As in a UMEM, headroom included. */
	uint8_t *memory = aligned_alloc(XESP_FRAME_SIZE, (size_t)PACKETS * FRAME_BYTES);

	if (!bench || !memory)
		abort();
	memset(memory, 0, (size_t)PACKETS * FRAME_BYTES);
	for (size_t i = 0; i < PACKETS; i++)
		bench->frames[i] = memory + i * FRAME_BYTES + 256;
	return bench;
}

static void bench_free(struct bench *bench)
{
	free(bench->frames[0] - 256);
	free(bench);
}

static bool is_wanted(const char *name, int count, char *const *names)
{
	for (int i = 0; i < count; i++)
		if (strstr(name, names[i]))
			return true;
	return count == 0;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {64, 128, 256, 576, 1400, INNER_MAX};
	static const struct crypto_provider *const providers[] = {&crypto_ipsec_mb, &crypto_openssl};
	struct bench *bench = bench_new();

	printf("%s a packet, tunnel mode\n", UNIT);
	printf("%-9s %-17s %5s %5s %9s %9s %9s %8s %6s\n", "provider", "suite", "bytes", "burst", "opened",
	       "crypto", "alone", "above", "ratio");
	for (size_t i = 0; i < 2; i++) {
		struct crypto_ctx *ctx;

		if (providers[i]->ctx_new(&ctx)) {
			printf("%s: not on this machine\n", providers[i]->name);
			continue;
		}
		printf("%s\n", providers[i]->ctx_describe(ctx));
		providers[i]->ctx_free(ctx);
		for (size_t j = 0; j < sizeof(suites) / sizeof(suites[0]); j++) {
			if (!is_wanted(suites[j].name, argc - 1, argv + 1))
				continue;
			for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
				measure_size(bench, providers[i], &suites[j], sizes[k]);
		}
	}
	bench_free(bench);
	return 0;
}
