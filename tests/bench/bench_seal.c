/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the send path's pure parts cost. Nanoseconds a lookup in tables of outbound selectors of some sizes,
 * hits and misses in random order; adds and removes a second. And what sealing costs, as bench_pipeline does
 * it for opening: cycles a packet from inner packets that lie where ESP has its payload to outer ones, so
 * esp_out_split(), sa_out_take(), IVs, esp_out_burst() and esp_out_headers(); of the crypto provider alone;
 * and with AES-GCM of libipsec-mb alone. Medians of many rounds. One thread, no I/O while measuring.
 * Arguments: suites by (part of) their name; default all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dataplane/spd.h"
#include "tests/lib/burst_bench.h"
#include "tests/lib/figure.h"
#include "tests/lib/packet.h"
#include "tests/lib/seal_rig.h"
#include "tests/lib/stopwatch.h"

#define FLOWS (1u << 16)
#define SPD_ROUNDS 21
#define ESP_HEADER_BYTES 8
#define ICV_MAX 32
#define TEXT_MAX (BURST_BENCH_INNER_MAX + ESP_OUT_BACK_MAX)

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

static void make_flows(struct spd_flow *flows, uint32_t entries, uint32_t shapes, bool miss)
{
	uint32_t random = 1;

	for (uint32_t i = 0; i < FLOWS; i++) {
		const struct sa_selector sel = selector_of(next_random(&random) % entries, shapes);

		flows[i] = (struct spd_flow){.family = 4, .protocol = 17, .has_ports = true};
		memcpy(flows[i].dst, sel.dst.addr.bytes, 16);
		flows[i].dst[0] = miss ? 11 : 10;
	}
}

static void measure_lookups(const struct spd *spd, uint32_t entries, uint32_t shapes)
{
	CLEANUP_FREE struct spd_flow *flows = calloc(FLOWS, sizeof(*flows));
	double medians[2], times[SPD_ROUNDS];
	uint32_t found = 0;
	char name[64];

	if (!flows)
		abort();
	for (unsigned int miss = 0; miss < 2; miss++) {
		make_flows(flows, entries, shapes, miss);
		for (uint32_t round = 0; round < SPD_ROUNDS; round++) {
			double start = stopwatch_cpu();

			for (uint32_t i = 0; i < FLOWS; i++)
				found += spd_find(spd, &flows[i]) != NULL;
			times[round] = (stopwatch_cpu() - start) * 1e9 / FLOWS;
		}
		snprintf(name, sizeof(name), "seal.spd.%s.%u.%u", miss ? "miss" : "hit", entries, shapes);
		figure_samples(name, "ns", times, SPD_ROUNDS);
		medians[miss] = figure_median(times, SPD_ROUNDS);
	}
	if (found != SPD_ROUNDS * FLOWS)
		abort();
	printf("spd: %7u entries of %u kinds: %5.1f ns a hit, %5.1f ns a miss\n", entries, shapes, medians[0],
	       medians[1]);
}

static void measure_spd(uint32_t entries, uint32_t shapes)
{
	struct sa_out *sas = aligned_alloc(64, entries * sizeof(*sas));
	double start, added, removed;
	struct spd *spd;

	if (!sas || spd_new(&spd))
		abort();
	memset(sas, 0, entries * sizeof(*sas));
	start = stopwatch_cpu();
	for (uint32_t i = 0; i < entries; i++) {
		const struct sa_selector sel = selector_of(i, shapes);

		if (spd_add(spd, &sel, 1000, &sas[i]))
			abort();
	}
	added = stopwatch_cpu() - start;
	spd_reap_begin(spd);
	spd_reap(spd);
	measure_lookups(spd, entries, shapes);
	start = stopwatch_cpu();
	for (uint32_t i = 0; i < entries; i++)
		spd_remove(spd, &sas[i]);
	removed = stopwatch_cpu() - start;
	if (entries > 1)
		printf("spd: %.0f adds, %.0f removes a second\n", entries / added, entries / removed);
	spd_free(spd);
	free(sas);
}

/* ---- sealing ------------------------------------------------------------------------------------------- */

struct bench {
	struct seal_rig rig;
	uint8_t *frames[BURST_BENCH_PACKETS]; /* ESP begins here */
	struct esp_out outs[BURST_BENCH_PACKETS];
	struct crypto_op *ops[BURST_BENCH_PACKETS];
	uint8_t plain[TEXT_MAX]; /* the inner packet, which is the same for all, and its trailer */
	uint32_t inner_len;
	uint32_t text_len;
	uint8_t icvs[BURST_BENCH_PACKETS][ICV_MAX]; /* of the whole's */
};

static struct sa_params params(void)
{
	return seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
}

/* Where an ICV is. */
static uint8_t *icv_of(const struct bench *bench, size_t i)
{
	return bench->frames[i] + ESP_HEADER_BYTES + bench->rig.sa->iv_bytes + bench->text_len;
}

static void set_up(void *context, const struct sa_params *sa, const struct crypto_provider *provider,
		   size_t inner_len)
{
	struct bench *bench = context;
	uint32_t padding;

	seal_rig_setup(&bench->rig, sa, provider);
	bench->inner_len = (uint32_t)packet_udp4(bench->plain, inner_len - 28);
	bench->text_len = esp_out_bytes(bench->rig.sa, bench->inner_len, 0) - ESP_HEADER_BYTES -
			  bench->rig.sa->iv_bytes - bench->rig.sa->icv_bytes;
	padding = bench->text_len - bench->inner_len - 2;
	for (uint32_t i = 0; i < padding; i++)
		bench->plain[bench->inner_len + i] = (uint8_t)(i + 1);
	bench->plain[bench->text_len - 2] = (uint8_t)padding;
	bench->plain[bench->text_len - 1] = IPPROTO_IPIP;
	for (size_t i = 0; i < BURST_BENCH_PACKETS; i++)
		bench->ops[i] = &bench->outs[i].op;
}

static void tear_down(void *context)
{
	struct bench *bench = context;

	seal_rig_teardown(&bench->rig);
}

/* The text alone: number and IV stay those of the whole, and what is sealed without it is the same. */
static void restore(void *context, enum burst_bench_way way)
{
	struct bench *bench = context;

	(void)way;
	for (size_t i = 0; i < BURST_BENCH_PACKETS; i++) {
		memcpy(bench->frames[i] + ESP_HEADER_BYTES + bench->rig.sa->iv_bytes, bench->plain,
		       bench->text_len);
		memset(icv_of(bench, i), 0, bench->rig.sa->icv_bytes);
	}
}

/* From inner packets that lie where ESP has its payload to outer packets. */
static void seal_whole(struct bench *bench, size_t first, size_t count)
{
	struct sa_out *sa = bench->rig.sa;
	struct esp_out *outs = bench->outs + first;
	struct esp_out_split splits[BURST_BENCH_PACKETS];
	uint64_t seq = sa_out_take(sa, (uint32_t)count);

	for (size_t i = 0; i < count; i++) {
		if (esp_out_split(sa, bench->plain, bench->inner_len, &splits[i]))
			abort();
		outs[i].sa = sa;
		outs[i].esp = bench->frames[first + i];
		outs[i].payload_len = bench->inner_len;
		outs[i].pad_to = 0;
		outs[i].next_header = splits[i].next_header;
		outs[i].seq = seq + i;
		outs[i].iv = sa->iv_random ? iv_pool_take(bench->rig.ivs, sa->iv_bytes) : NULL;
	}
	esp_out_burst(bench->rig.peer.crypto, outs, count);
	for (size_t i = 0; i < count; i++) {
		uint32_t bytes = esp_out_header_bytes(sa, &splits[i]);

		esp_out_headers(sa, &splits[i], outs[i].esp, outs[i].esp_len, false, outs[i].esp - bytes);
	}
}

static void run(void *context, enum burst_bench_way way, size_t burst, struct bare_gcm *bare)
{
	struct bench *bench = context;
	const struct crypto_provider *provider = bench->rig.peer.provider;

	if (way == BURST_BENCH_ALONE)
		for (size_t i = 0; i < BURST_BENCH_PACKETS; i++)
			bare_gcm_seal(bare, bench->frames[i], bench->text_len);
	else if (way == BURST_BENCH_CRYPTO)
		for (size_t i = 0; i < BURST_BENCH_PACKETS; i += burst)
			provider->seal_burst(bench->rig.peer.crypto, bench->ops + i, burst);
	else
		for (size_t i = 0; i < BURST_BENCH_PACKETS; i += burst)
			seal_whole(bench, i, burst);
}

/* All ways lead to the same ICVs. */
static void check(void *context, enum burst_bench_way way)
{
	struct bench *bench = context;
	size_t bytes = bench->rig.sa->icv_bytes;

	for (size_t i = 0; i < BURST_BENCH_PACKETS; i++) {
		if (way == BURST_BENCH_WHOLE)
			memcpy(bench->icvs[i], icv_of(bench, i), bytes);
		if (bench->outs[i].status || bench->ops[i]->status ||
		    bench->ops[i]->text_len != bench->text_len ||
		    memcmp(bench->icvs[i], icv_of(bench, i), bytes) != 0)
			abort();
	}
}

int main(int argc, char **argv)
{
	static const struct burst_bench_ops ops = {.figure = "seal",
						   .done = "sealed",
						   .params = params,
						   .set_up = set_up,
						   .tear_down = tear_down,
						   .restore = restore,
						   .run = run,
						   .check = check};
	static struct bench bench;

	measure_spd(1, 1);
	measure_spd(1000, 1);
	measure_spd(65536, 1);
	measure_spd(65536, 4);
	measure_spd(1u << 20, 1);
	burst_bench_frames_new(bench.frames);
	burst_bench_run(&ops, &bench, argc - 1, argv + 1);
	burst_bench_frames_free(bench.frames);
	return 0;
}
