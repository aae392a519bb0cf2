/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker takes for a received packet, from the receive ring to the null sink and back into the fill
 * ring: worker_run_once() on rings and UMEM in plain memory (tests/unit/xsk_rig.h), so with metadata, the
 * look up of the SA, opening, the look for a second layer of ESP, counters and frames, without the kernel.
 * Cycles a packet of AES-128-GCM in UDP, tunnel mode, by size and burst, beside libipsec-mb alone on the same
 * bytes: medians of many rounds, in turn. One thread.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "tests/lib/burst_bench.h"
#include "tests/lib/figure.h"
#include "tests/lib/stopwatch.h"
#include "tests/unit/worker_rig.h"

#define PACKETS BURST_BENCH_PACKETS
#define RING 256 /* frames: jumbo packets take three */
#define ROUNDS 301
#define ROUNDS_QUICK 101
#define WINDOW 64

struct measuring {
	struct esp_packet packets[PACKETS]; /* as the classifier sends them */
	uint8_t *frames[PACKETS];	    /* ESP alone, for the library */
	struct bare_gcm *bare;		    /* NULL: no libipsec-mb */
	uint32_t text_len;
	uint64_t delivered;
	uint64_t clock; /* cycles that reading it twice takes */
	double whole[ROUNDS];
	double above[ROUNDS];
	double ratio[ROUNDS];
};

static uint64_t clock_cycles(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		uint64_t start = stopwatch_cycles(), took = stopwatch_cycles() - start;

		least = took < least ? took : least;
	}
	return least;
}

/* All packets, in bursts, of which each is there when the worker looks. */
static double run_worker(struct measuring *m, size_t burst)
{
	struct worker *worker = bench.group->workers[0];
	uint64_t cycles = 0;

	replay_init(&bench.nest.tunnel_sa->replay, WINDOW, false, 0);
	for (size_t i = 0; i < PACKETS; i += burst) {
		uint64_t start;

		for (size_t j = i; j < i + burst; j++)
			send_packet(0, &m->packets[j]);
		start = stopwatch_cycles();
		while (kernels[0].rx_consumer != kernels[0].rx_producer)
			worker_run_once(worker);
		cycles += stopwatch_cycles() - start - m->clock;
	}
	m->delivered += PACKETS;
	if (count_of(XESP_REASON_DELIVERED) != m->delivered)
		abort();
	return (double)cycles / PACKETS;
}

static double run_alone(struct measuring *m)
{
	uint64_t start;

	for (size_t i = 0; i < PACKETS; i++)
		memcpy(m->frames[i], m->packets[i].frame + m->packets[i].meta.esp_offset,
		       m->packets[i].meta.esp_length);
	start = stopwatch_cycles();
	for (size_t i = 0; i < PACKETS; i++)
		bare_gcm_open(m->bare, m->frames[i], m->text_len);
	return (double)(stopwatch_cycles() - start - m->clock) / PACKETS;
}

static void report(struct measuring *m, size_t inner_len, size_t burst, size_t rounds)
{
	char name[96];
	int len = snprintf(name, sizeof(name), "worker.%s.aes128gcm16.%zu.%zu",
			   bench.nest.tunnel.provider->name, inner_len, burst);

	figure_samples(name, STOPWATCH_CYCLES " a packet", m->whole, rounds);
	if (m->bare) {
		snprintf(name + len, sizeof(name) - (size_t)len, ".above_library");
		figure_samples(name, STOPWATCH_CYCLES " a packet", m->above, rounds);
		snprintf(name + len, sizeof(name) - (size_t)len, ".over_library");
		figure_samples(name, "times", m->ratio, rounds);
	}
	printf("%5zu bytes, bursts of %2zu: %8.1f", inner_len, burst, figure_median(m->whole, rounds));
	if (m->bare)
		printf(", %7.1f above the library alone, %5.2f times it", figure_median(m->above, rounds),
		       figure_median(m->ratio, rounds));
	printf("\n");
}

static void measure(struct measuring *m, size_t inner_len, size_t burst)
{
	size_t rounds = figure_quick() ? ROUNDS_QUICK : ROUNDS;

	for (size_t round = 0; round < rounds; round++) {
		double alone;

		m->whole[round] = run_worker(m, burst);
		if (!m->bare)
			continue;
		alone = run_alone(m);
		m->above[round] = m->whole[round] - alone;
		m->ratio[round] = m->whole[round] / alone;
	}
	report(m, inner_len, burst, rounds);
}

static void make_packets(struct measuring *m, size_t inner_len)
{
	uint8_t inner[BURST_BENCH_INNER_MAX];
	size_t len = packet_udp4(inner, inner_len - 28);

	for (size_t i = 0; i < PACKETS; i++)
		m->packets[i] = nest_wrap(&bench.nest, i, inner, len);
	m->text_len = m->packets[0].meta.esp_length - 8 - 8 - 16;
}

int main(void)
{
	static const size_t sizes[] = {64, 128, 256, 576, 1400, BURST_BENCH_INNER_MAX};
	static const size_t bursts[] = {1, 8, 32, PACKETS};
	static struct measuring m;
	struct sa_params params = nest_tunnel_params(&nest_kinds[0]);

	set_up_frames(&nest_kinds[0], RING);
	own(bench.nest.tunnel_sa, 0);
	bench.group->workers[0]->sink.ops = &sink_null;
	kernels[0].keep = true;
	burst_bench_frames_new(m.frames);
	if (bench.nest.tunnel.provider == &crypto_ipsec_mb)
		m.bare = bare_gcm_new(params.key, 16);
	m.clock = clock_cycles();
	printf("%s a packet, a worker with the null sink\n", STOPWATCH_CYCLES);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_packets(&m, sizes[i]);
		for (size_t j = 0; j < ARRAY_SIZE(bursts); j++)
			measure(&m, sizes[i], bursts[j]);
	}
	bare_gcm_free(m.bare);
	burst_bench_frames_free(m.frames);
	tear_down();
	return 0;
}
