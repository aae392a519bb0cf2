/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What opening ESP costs, by suite, packet size and burst size: cycles a packet of esp_open_burst(), of the
 * bare crypto provider on the same bytes, and the difference. 32 packets each time, in bursts of 1, 8 and 32:
 * what the last is ahead of the first is what packets side by side gain. Medians of many rounds, the two
 * measured in turn. One thread, no I/O while measuring. Arguments: suites by (part of) their name; default
 * all below.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

#define PACKETS 32
#define ROUNDS 1001

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
	uint64_t pipeline[ROUNDS];
	uint64_t crypto[ROUNDS];
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double median(uint64_t *times)
{
	qsort(times, ROUNDS, sizeof(times[0]), compare);
	return (double)times[ROUNDS / 2] / PACKETS;
}

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

/* Returns what the crypto takes a packet. */
static double measure(struct bench *bench, const struct suite *suite, size_t inner_len, size_t burst)
{
	double pipeline, crypto;

	for (size_t round = 0; round < ROUNDS; round++) {
		bench->pipeline[round] = round_pipeline(bench, burst);
		bench->crypto[round] = round_crypto(bench, burst);
	}
	pipeline = median(bench->pipeline);
	crypto = median(bench->crypto);
	printf("%-9s %-17s %5zu %5zu %9.1f %9.1f %8.1f\n", bench->rig.provider->name, suite->name, inner_len,
	       burst, pipeline, crypto, pipeline - crypto);
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

static void measure_size(struct bench *bench, const struct crypto_provider *provider,
			 const struct suite *suite, size_t inner_len)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	uint8_t inner[2000];
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
	single = measure(bench, suite, inner_len, 1);
	measure(bench, suite, inner_len, 8);
	many = measure(bench, suite, inner_len, PACKETS);
	printf("%-9s %-17s %5zu 32 bursts of 1 take %.1f times as long as one of 32\n", provider->name,
	       suite->name, inner_len, single / many);
	for (size_t i = 0; i < PACKETS; i++)
		free(bench->sealed[i]);
	esp_rig_teardown(&bench->rig);
}

static struct bench *bench_new(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	/* As in a UMEM, headroom included. */
	uint8_t *memory = aligned_alloc(XESP_FRAME_SIZE, (size_t)(PACKETS + 1) * XESP_FRAME_SIZE);

	if (!bench || !memory)
		abort();
	memset(memory, 0, (size_t)(PACKETS + 1) * XESP_FRAME_SIZE);
	for (size_t i = 0; i < PACKETS; i++)
		bench->frames[i] = memory + i * XESP_FRAME_SIZE + 256;
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
	static const struct crypto_provider *const providers[] = {&crypto_ipsec_mb, &crypto_openssl};
	struct bench *bench = bench_new();

	printf("%s a packet, tunnel mode\n", UNIT);
	printf("%-9s %-17s %5s %5s %9s %9s %8s\n", "provider", "suite", "bytes", "burst", "opened", "crypto",
	       "above");
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
			measure_size(bench, providers[i], &suites[j], 64);
			measure_size(bench, providers[i], &suites[j], 1400);
		}
	}
	bench_free(bench);
	return 0;
}
