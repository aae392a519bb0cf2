/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker takes for a received packet, from the receive ring to the null sink and back into the fill
 * ring: worker_run_once() on rings and UMEM in plain memory (tests/unit/xsk_rig.h), so with metadata, the
 * look up of the SA, opening, the look for a second layer of ESP, counters and frames, without the kernel.
 * Cycles a packet of ESP in UDP, tunnel mode, as bench_pipeline has them of esp_open_burst() alone. One
 * thread. Arguments: suites by (part of) their name; default all.
 */
#include "tests/lib/burst_bench.h"
#include "tests/unit/worker_rig.h"

#define PACKETS BURST_BENCH_PACKETS
#define RING 256 /* frames: jumbo packets take three */
#define WINDOW 64
#define ESP_HEADER_BYTES 8

/* Beside the rig's `bench`. */
struct receiving {
	struct esp_packet packets[PACKETS]; /* as the classifier sends them */
	uint8_t *frames[PACKETS];	    /* ESP alone, for crypto alone */
	struct crypto_op jobs[PACKETS];
	struct crypto_op *ops[PACKETS];
	uint32_t descriptors; /* of a packet */
	uint64_t delivered;
};

static struct sa_params params(void)
{
	return nest_tunnel_params(&nest_kinds[0]);
}

static void make_packet(struct receiving *receiving, size_t i, const uint8_t *inner, size_t len)
{
	struct esp_packet *packet = &receiving->packets[i];
	const struct sa *sa = bench.nest.tunnel_sa;

	*packet = nest_wrap(&bench.nest, i, inner, len);
	receiving->jobs[i] = (struct crypto_op){.key = sa->key,
						.esp = receiving->frames[i],
						.seq = i + 1,
						.text_len = packet->meta.esp_length - ESP_HEADER_BYTES -
							    sa->iv_bytes - sa->icv_bytes};
	receiving->ops[i] = &receiving->jobs[i];
}

static void begin(void *context, const struct sa_params *tunnel, const struct crypto_provider *provider,
		  size_t inner_len)
{
	const struct sa_params transport = nest_transport_params(&nest_kinds[0]);
	struct receiving *receiving = context;
	uint8_t inner[BURST_BENCH_INNER_MAX];
	size_t len = packet_udp4(inner, inner_len - 28);

	(void)provider; /* the usual one, which nest_setup() takes */
	memset(&bench, 0, sizeof(bench));
	nest_setup(&bench.nest, &nest_kinds[0], tunnel, &transport);
	set_up_workers(RING);
	own(bench.nest.tunnel_sa, 0);
	bench.group->workers[0]->sink.ops = &sink_null;
	kernels[0].keep = true;
	for (size_t i = 0; i < PACKETS; i++)
		make_packet(receiving, i, inner, len);
	receiving->descriptors = (receiving->packets[0].frame_len + XESP_PACKET_MAX - 1) / XESP_PACKET_MAX;
	receiving->delivered = 0;
}

static void end(void *context)
{
	(void)context;
	bench.nest.tunnel.provider->forget(bench.nest.tunnel.crypto, bench.nest.tunnel_sa->key);
	tear_down();
}

/* For the worker all packets lie in the UMEM, but their descriptors are not shown yet. */
static void restore(void *context, enum burst_bench_way way)
{
	struct receiving *receiving = context;
	uint32_t shown = kernels[0].rx_producer;

	for (size_t i = 0; i < PACKETS; i++) {
		const struct esp_packet *packet = &receiving->packets[i];

		if (way == BURST_BENCH_WHOLE)
			send_packet(0, packet);
		else
			memcpy(receiving->frames[i], packet->frame + packet->meta.esp_offset,
			       packet->meta.esp_length);
	}
	kernels[0].rx_producer = shown;
	replay_init(&bench.nest.tunnel_sa->replay, WINDOW, false, 0);
}

static void run_worker(const struct receiving *receiving, size_t burst)
{
	struct worker *worker = bench.group->workers[0];

	for (size_t i = 0; i < PACKETS; i += burst) {
		kernels[0].rx_producer += (uint32_t)burst * receiving->descriptors;
		while (kernels[0].rx_consumer != kernels[0].rx_producer)
			worker_run_once(worker);
	}
}

static void run(void *context, enum burst_bench_way way, size_t burst, struct bare_gcm *bare)
{
	struct receiving *receiving = context;
	struct esp_rig *rig = &bench.nest.tunnel;

	if (way == BURST_BENCH_WHOLE)
		run_worker(receiving, burst);
	else if (way == BURST_BENCH_CRYPTO)
		for (size_t i = 0; i < PACKETS; i += burst)
			rig->provider->open_burst(rig->crypto, receiving->ops + i, burst);
	else
		for (size_t i = 0; i < PACKETS; i++)
			bare_gcm_open(bare, receiving->frames[i], receiving->jobs[i].text_len);
}

static void check(void *context, enum burst_bench_way way)
{
	struct receiving *receiving = context;

	if (way == BURST_BENCH_WHOLE) {
		receiving->delivered += PACKETS;
		if (count_of(XESP_REASON_DELIVERED) != receiving->delivered)
			abort();
	}
	for (size_t i = 0; i < PACKETS; i++)
		if (receiving->jobs[i].status)
			abort();
}

int main(int argc, char **argv)
{
	static const struct burst_bench_ops ops = {.figure = "worker",
						   .done = "received",
						   .usual_provider = true,
						   .params = params,
						   .set_up = begin,
						   .tear_down = end,
						   .restore = restore,
						   .run = run,
						   .check = check};
	static struct receiving receiving;

	burst_bench_frames_new(receiving.frames);
	burst_bench_run(&ops, &receiving, argc - 1, argv + 1);
	burst_bench_frames_free(receiving.frames);
	return 0;
}
