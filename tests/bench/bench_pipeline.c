/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What opening ESP costs, by suite, packet size and burst size: cycles a packet of esp_open_burst(), of the
 * crypto provider alone on the same bytes, and the difference; with AES-GCM also of libipsec-mb alone, called
 * as its documentation says and with nothing around it. 64 packets each time, in bursts of 1, 8, 32 and 64:
 * what the last is ahead of the first is what packets side by side gain. Medians of many rounds, all measured
 * in turn. One thread, no I/O while measuring. Arguments: suites by (part of) their name; default all.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/burst_bench.h"
#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

struct bench {
	struct esp_rig rig;
	struct esp_packet packets[BURST_BENCH_PACKETS];
	struct crypto_op *ops[BURST_BENCH_PACKETS];
	uint8_t *frames[BURST_BENCH_PACKETS];
	uint8_t *sealed[BURST_BENCH_PACKETS]; /* the frames as they came, to open them again */
};

static struct sa_params params(void)
{
	return esp_rig_params(SA_MODE_TUNNEL);
}

static void move_packet(struct bench *bench, size_t i)
{
	struct esp_packet *packet = &bench->packets[i];

	bench->sealed[i] = malloc(packet->frame_len);
	if (!bench->sealed[i])
		abort();
	memcpy(bench->sealed[i], packet->frame, packet->frame_len);
	packet->frame = bench->frames[i];
}

static void set_up(void *context, const struct sa_params *sa, const struct crypto_provider *provider,
		   size_t inner_len)
{
	struct bench *bench = context;
	uint8_t inner[BURST_BENCH_INNER_MAX];
	size_t len = packet_udp4(inner, inner_len - 28);

	esp_rig_setup(&bench->rig, sa, provider);
	for (size_t i = 0; i < BURST_BENCH_PACKETS; i++) {
		bench->packets[i] =
			esp_rig_seal_payload(&bench->rig, i, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
		bench->ops[i] = &bench->packets[i].op;
		move_packet(bench, i);
	}
}

static void tear_down(void *context)
{
	struct bench *bench = context;

	for (size_t i = 0; i < BURST_BENCH_PACKETS; i++)
		free(bench->sealed[i]);
	esp_rig_teardown(&bench->rig);
}

static void restore(void *context, enum burst_bench_way way)
{
	struct bench *bench = context;

	(void)way;
	for (size_t i = 0; i < BURST_BENCH_PACKETS; i++)
		memcpy(bench->packets[i].frame, bench->sealed[i], bench->packets[i].frame_len);
	replay_init(&bench->rig.sa->replay, 64, false, 0);
}

static void run(void *context, enum burst_bench_way way, size_t burst, struct bare_gcm *bare)
{
	struct bench *bench = context;

	if (way == BURST_BENCH_ALONE)
		for (size_t i = 0; i < BURST_BENCH_PACKETS; i++)
			bare_gcm_open(bare, bench->ops[i]->esp, bench->ops[i]->text_len);
	else if (way == BURST_BENCH_CRYPTO)
		for (size_t i = 0; i < BURST_BENCH_PACKETS; i += burst)
			bench->rig.provider->open_burst(bench->rig.crypto, bench->ops + i, burst);
	else
		for (size_t i = 0; i < BURST_BENCH_PACKETS; i += burst)
			esp_open_burst(bench->rig.crypto, bench->packets + i, burst, ESP_RIG_NOW);
}

/* Bare calls check their ICVs themselves. */
static void check(void *context, enum burst_bench_way way)
{
	const struct bench *bench = context;

	for (size_t i = 0; i < BURST_BENCH_PACKETS; i++)
		if (way == BURST_BENCH_WHOLE ? bench->packets[i].reason != XESP_REASON_DELIVERED
					     : bench->ops[i]->status != 0)
			abort();
}

int main(int argc, char **argv)
{
	static const struct burst_bench_ops ops = {.figure = "open",
						   .done = "opened",
						   .params = params,
						   .set_up = set_up,
						   .tear_down = tear_down,
						   .restore = restore,
						   .run = run,
						   .check = check};
	static struct bench bench;

	burst_bench_frames_new(bench.frames);
	burst_bench_run(&ops, &bench, argc - 1, argv + 1);
	burst_bench_frames_free(bench.frames);
	return 0;
}
