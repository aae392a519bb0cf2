/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the send path's pure parts cost: nanoseconds a lookup in tables of outbound selectors of some sizes,
 * hits and misses in random order; adds and removes a second; and nanoseconds a packet of esp_out_burst() and
 * esp_out_headers(), beside the bare crypto provider on the same bytes, in bursts of 32. CPU time of one
 * thread: of lookups the best of some rounds, of sealing the median.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/spd.h"
#include "tests/lib/figure.h"
#include "tests/lib/seal_rig.h"

#define FLOWS (1u << 16)
#define BURST 32
#define ROUNDS 2001

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* ---- selectors ----------------------------------------------------------------------------------------- */

/* Hosts behind one address range in each of `shapes` kinds of selectors. */
static struct sa_selector selector_of(uint32_t i, uint32_t shapes)
{
	struct sa_selector sel = {
		.dst = {{AF_INET, {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}}, 32}};

	sel.dst.length = (uint8_t)(32 - i % shapes);
	sel.dst.addr.bytes[3] &= (uint8_t)(0xff << i % shapes);
	return sel;
}

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

static void measure_lookups(const struct spd *spd, uint32_t entries, uint32_t shapes)
{
	struct spd_flow *flows = calloc(FLOWS, sizeof(*flows));
	double times[2] = {0};
	uint32_t random = 1;
	uintptr_t sum = 0;

	if (!flows)
		abort();
	for (unsigned int miss = 0; miss < 2; miss++) {
		for (uint32_t i = 0; i < FLOWS; i++) {
			const struct sa_selector sel = selector_of(next_random(&random) % entries, shapes);

			flows[i] = (struct spd_flow){.family = 4, .protocol = 17, .has_ports = true};
			memcpy(flows[i].dst, sel.dst.addr.bytes, 16);
			flows[i].dst[0] = miss ? 11 : 10;
		}
		times[miss] = 1e9;
		for (uint32_t round = 0; round < 20; round++) {
			double start = now_ns(), took;

			for (uint32_t i = 0; i < FLOWS; i++)
				sum += (uintptr_t)spd_find(spd, &flows[i]);
			took = (now_ns() - start) / FLOWS;
			times[miss] = took < times[miss] ? took : times[miss];
		}
	}
	printf("spd: %7u entries of %u kinds: %5.1f ns a hit, %5.1f ns a miss%s\n", entries, shapes, times[0],
	       times[1], sum ? "" : " (none found)");
	free(flows);
}

static void measure_spd(uint32_t entries, uint32_t shapes)
{
	struct sa_out *sas = aligned_alloc(64, entries * sizeof(*sas));
	double start, added, removed;
	struct spd *spd;

	if (!sas || spd_new(&spd))
		abort();
	memset(sas, 0, entries * sizeof(*sas));
	start = now_ns();
	for (uint32_t i = 0; i < entries; i++) {
		const struct sa_selector sel = selector_of(i, shapes);

		if (spd_add(spd, &sel, 1000, &sas[i]))
			abort();
	}
	added = now_ns() - start;
	spd_reap_begin(spd);
	spd_reap(spd);
	measure_lookups(spd, entries, shapes);
	start = now_ns();
	for (uint32_t i = 0; i < entries; i++)
		spd_remove(spd, &sas[i]);
	removed = now_ns() - start;
	if (entries > 1)
		printf("spd: %.0f adds, %.0f removes a second\n", entries / added * 1e9,
		       entries / removed * 1e9);
	spd_free(spd);
	free(sas);
}

/* ---- sealing ------------------------------------------------------------------------------------------- */

struct bench {
	struct seal_rig rig;
	struct seal_packet packets[BURST];
	struct esp_out outs[BURST];
	double times[3][ROUNDS]; /* crypto alone, burst, headers */
};

static void seal_rounds(struct bench *bench)
{
	const struct crypto_provider *provider = bench->rig.peer.provider;
	struct crypto_op *ops[BURST];
	uint8_t headers[ESP_OUT_HEADER_MAX];

	for (size_t i = 0; i < BURST; i++)
		ops[i] = &bench->outs[i].op;
	esp_out_burst(bench->rig.peer.crypto, bench->outs, BURST);
	for (size_t round = 0; round < ROUNDS; round++) {
		double start = now_ns(), sealed;

		provider->seal_burst(bench->rig.peer.crypto, ops, BURST);
		sealed = now_ns();
		bench->times[0][round] = (sealed - start) / BURST;
		esp_out_burst(bench->rig.peer.crypto, bench->outs, BURST);
		start = now_ns();
		bench->times[1][round] = (start - sealed) / BURST;
		for (size_t i = 0; i < BURST; i++)
			esp_out_headers(bench->rig.sa, &bench->packets[i].split, bench->outs[i].esp,
					bench->outs[i].esp_len, true, headers);
		bench->times[2][round] = (now_ns() - start) / BURST;
	}
	for (size_t i = 0; i < 3; i++)
		qsort(bench->times[i], ROUNDS, sizeof(double), compare);
}

static void measure_sealing(struct bench *bench, const char *what, const char *figure,
			    const struct sa_params *params, size_t data_len)
{
	uint8_t inner[1500];
	char name[64];
	size_t len = seal_rig_inner(params, 4, IPPROTO_UDP, data_len, inner);

	seal_rig_setup(&bench->rig, params, NULL);
	for (size_t i = 0; i < BURST; i++) {
		if (seal_rig_prepare(&bench->rig, i, inner, len, 0, &bench->packets[i]))
			abort();
		bench->outs[i] = bench->packets[i].out;
	}
	seal_rounds(bench);
	printf("seal: %-22s %4zu bytes: crypto %7.1f ns, esp_out_burst %7.1f ns, headers %5.1f ns a packet\n",
	       what, len, bench->times[0][ROUNDS / 2], bench->times[1][ROUNDS / 2],
	       bench->times[2][ROUNDS / 2]);
	snprintf(name, sizeof(name), "seal.%s.%zu.crypto", figure, len);
	figure_value(name, "ns a packet", bench->times[0][ROUNDS / 2]);
	snprintf(name, sizeof(name), "seal.%s.%zu.burst", figure, len);
	figure_value(name, "ns a packet", bench->times[1][ROUNDS / 2]);
	snprintf(name, sizeof(name), "seal.%s.%zu.headers", figure, len);
	figure_value(name, "ns a packet", bench->times[2][ROUNDS / 2]);
	seal_rig_teardown(&bench->rig);
}

int main(void)
{
	static struct bench bench;
	struct sa_params gcm = seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
	struct sa_params cbc = gcm;

	esp_rig_suite(&cbc, ALGO_AES_CBC, 16, ALGO_HMAC_SHA256, 0);
	measure_spd(1, 1);
	measure_spd(1000, 1);
	measure_spd(65536, 1);
	measure_spd(65536, 4);
	measure_spd(1u << 20, 1);
	for (size_t data_len = 36; data_len < 1400; data_len += 1336) {
		measure_sealing(&bench, "AES-128-GCM", "aes128gcm16", &gcm, data_len);
		measure_sealing(&bench, "AES-128-CBC, SHA-256", "aes128cbc-sha256", &cbc, data_len);
	}
	return 0;
}
