// SPDX-License-Identifier: BSD-2-Clause
/*
 * Packets a second that a worker opens behind veth and AF_XDP: into the null sink, merged into a TUN device,
 * and merged out of the inside interface of a gateway, beside a program that only receives and recycles, each
 * for a while in turn. Packets are made inside the kernel on one CPU, which also runs the driver and the XDP
 * program; the receiver has another. AES-128-GCM in UDP, tunnel mode; sizes are of the inner packets, imix is
 * 7 of 64, 4 of 576, 1 of 1400 bytes. All are segments of one TCP flow. They come again and again, so the SA
 * has no window. Also what gets lost where 90 % of what a sink took is offered to it. Everything is in a
 * network namespace of this process, but for the host behind the inside interface. Needs root.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/tun.h"
#include "tests/lib/cable.h"
#include "tests/lib/figure.h"
#include "tests/lib/inside_host.h"
#include "tests/lib/live_esp.h"
#include "tests/lib/live_worker.h"
#include "tests/lib/packet.h"

#define ROUNDS 7
#define ROUNDS_QUICK 3
#define SECONDS 0.5
#define SECONDS_QUICK 0.15
#define SHARE 0.9 /* of the most, at which losses are counted */
#define CPU_SENDS 0
#define CPU_RECEIVES 1
#define TUN_NAME "bench0"
#define LOAD_WIDE (BPF_LD | BPF_DW | BPF_IMM)

enum way { WAY_RECYCLE, WAY_NULL, WAY_TUN, WAY_DEV, WAYS };

static const struct {
	const char *name;
	const struct sink_ops *sink; /* NULL: no worker */
	enum xesp_reason reason;     /* of what is received */
} ways[WAYS] = {
	[WAY_RECYCLE] = {"recycle", NULL, XESP_REASON_DELIVERED},
	[WAY_NULL] = {"null", &sink_null, XESP_REASON_DELIVERED},
	[WAY_TUN] = {"tun", &sink_tun, XESP_REASON_DELIVERED},
	[WAY_DEV] = {"dev", &sink_dev, XESP_REASON_FORWARDED},
};

struct bench {
	struct esp_rig rig;
	struct cable cable;
	struct inside_host host;
	int tun;
	struct live_frames live;
	double rates[WAYS][ROUNDS];
	double lost[WAYS][ROUNDS];
};

/* Receives and recycles. */
struct recycler {
	struct xsk_opened opened;
	struct xsk xsk;
	int map;
	int prog;
	pthread_t thread;
	_Atomic bool stop;
};

/* One receiver while it runs. */
struct receiver {
	enum way way;
	struct recycler recycler;
	struct live_worker worker;
};

/* ---- receive and recycle --------------------------------------------------------------------------------
 */

static int recycle_program(struct recycler *recycler)
{
	uint32_t queue = 0;
	int err;

	recycler->map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "recycle", 4, 4, 1, NULL);
	if (recycler->map < 0)
		return recycler->map;
	err = bpf_map_update_elem(recycler->map, &queue, &recycler->opened.socket, BPF_ANY);
	if (err)
		return err;
	const struct bpf_insn insns[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_W,
		 .dst_reg = 2,
		 .src_reg = 1,
		 .off = 16}, /* rx_queue_index */
		{.code = LOAD_WIDE, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = recycler->map},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_XDP_HAS_FRAGS);

	recycler->prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "recycle", "Dual BSD/GPL", insns,
				       sizeof(insns) / sizeof(insns[0]), &opts);
	return recycler->prog < 0 ? recycler->prog : 0;
}

/* What a worker does with its socket, and nothing else. */
static void *recycle(void *arg)
{
	struct recycler *recycler = arg;
	struct xsk_packet packets[XESP_BURST_MAX];

	cable_stay_on(CPU_RECEIVES);
	while (!atomic_load(&recycler->stop)) {
		struct pollfd fd = {.fd = recycler->xsk.socket, .events = POLLIN};
		uint32_t count = xsk_receive(&recycler->xsk, packets, XESP_BURST_MAX);

		for (uint32_t i = 0; i < count; i++)
			xsk_return(&recycler->xsk, packets[i].addr);
		xsk_flush(&recycler->xsk);
		if (!count)
			poll(&fd, 1, 10);
	}
	return NULL;
}

static int start_recycler(const struct cable *cable, struct recycler *recycler)
{
	struct failure failure;
	int err;

	*recycler = (struct recycler){.opened = {.socket = -1, .umem = -1}, .map = -1, .prog = -1};
	err = xsk_open(&cable->link, 0, false, 1000, &recycler->opened, &failure);
	if (!err)
		err = recycle_program(recycler);
	if (!err)
		err = xsk_map(&recycler->opened.info, recycler->opened.socket, recycler->opened.umem,
			      &recycler->xsk);
	if (err)
		return err;
	recycler->opened.socket = -1; /* the mapping's */
	err = -pthread_create(&recycler->thread, NULL, recycle, recycler);
	return err ? err : bpf_xdp_attach((int)cable->link.ifindex, recycler->prog, XDP_FLAGS_DRV_MODE, NULL);
}

static void stop_recycler(const struct cable *cable, struct recycler *recycler)
{
	bpf_xdp_detach((int)cable->link.ifindex, XDP_FLAGS_DRV_MODE, NULL);
	if (recycler->thread) {
		atomic_store(&recycler->stop, true);
		pthread_join(recycler->thread, NULL);
		xsk_unmap(&recycler->xsk);
	}
	xsk_opened_close(&recycler->opened);
	cleanup_fd(&recycler->prog);
	cleanup_fd(&recycler->map);
}

/* ---- measuring ------------------------------------------------------------------------------------------
 */

static int start_worker(struct bench *bench, enum way way, struct live_worker *worker)
{
	const struct live_worker_config config = {.link = &bench->cable.link,
						  .provider = bench->rig.provider,
						  .crypto = bench->rig.crypto,
						  .capacity = 16,
						  .sink = ways[way].sink,
						  .tun = way == WAY_NULL ? NULL : TUN_NAME,
						  .inside = bench->host.inside,
						  .cpu = CPU_RECEIVES};
	const struct sa_params params = live_esp_params(0);
	const struct sa *sa;
	const char *what;
	int err = live_worker_start(&config, worker);

	return err ? err : sadb_add(worker->db, &params, &sa, &what);
}

static int start(struct bench *bench, enum way way, struct receiver *receiver)
{
	*receiver = (struct receiver){.way = way};
	if (way == WAY_RECYCLE)
		return start_recycler(&bench->cable, &receiver->recycler);
	return start_worker(bench, way, &receiver->worker);
}

static void stop(struct bench *bench, struct receiver *receiver)
{
	if (receiver->way == WAY_RECYCLE)
		stop_recycler(&bench->cable, &receiver->recycler);
	else
		live_worker_stop(&receiver->worker);
}

static uint64_t received(const struct receiver *receiver)
{
	if (receiver->way == WAY_RECYCLE)
		return atomic_load(&receiver->recycler.xsk.received);
	return live_worker_count(&receiver->worker, ways[receiver->way].reason);
}

/* Packets a second that were received; of those offered, the share that was not. */
static int measure(struct bench *bench, enum way way, double rate, double *ret_rate, double *ret_lost)
{
	double seconds = figure_quick() ? SECONDS_QUICK : SECONDS, took = seconds, sent;
	struct receiver receiver;
	uint64_t before, got;
	int err = start(bench, way, &receiver);

	if (!err && live_esp_offer(&bench->live, rate, 0.05, &took) < 0)
		err = -errno;
	if (err) {
		stop(bench, &receiver);
		return err;
	}
	usleep(10000); /* the rest of these may still be on its way */
	before = received(&receiver);
	sent = live_esp_offer(&bench->live, rate, seconds, &took);
	usleep(10000);
	got = received(&receiver) - before;
	stop(bench, &receiver);
	if (sent <= 0 || !got)
		return -EIO;
	*ret_rate = (double)got / took;
	*ret_lost = 1 - (double)got / (sent * took);
	return 0;
}

static int measure_round(struct bench *bench, size_t round)
{
	double ignored;
	int err = 0;

	for (enum way way = 0; way < WAYS && !err; way++)
		err = measure(bench, way, 0, &bench->rates[way][round], &ignored);
	for (enum way way = WAY_NULL; way < WAYS && !err; way++)
		err = measure(bench, way, SHARE * bench->rates[way][round], &ignored,
			      &bench->lost[way][round]);
	return err;
}

static void report(struct bench *bench, const char *sizes, size_t rounds)
{
	char name[64];

	for (enum way way = 0; way < WAYS; way++) {
		snprintf(name, sizeof(name), "receive.%s.%s", ways[way].name, sizes);
		figure_rounds(name, "packets/s", bench->rates[way], rounds);
		snprintf(name, sizeof(name), "receive.lost_at_90.%s.%s", ways[way].name, sizes);
		if (way != WAY_RECYCLE)
			figure_rounds(name, "share", bench->lost[way], rounds);
		printf("%-8s %-5s %6.2f M packets a second", ways[way].name, sizes,
		       figure_median(bench->rates[way], rounds) / 1e6);
		if (way != WAY_RECYCLE)
			printf(", %6.2f %% lost at 90 %% of that",
			       100 * figure_median(bench->lost[way], rounds));
		printf("\n");
	}
}

static int measure_size(struct bench *bench, size_t size)
{
	size_t rounds = figure_quick() ? ROUNDS_QUICK : ROUNDS;
	char sizes[24] = "imix";
	int err = live_esp_open(&bench->rig, bench->cable.sender, size, 1, &bench->live);

	if (err)
		return err;
	if (size)
		snprintf(sizes, sizeof(sizes), "%zu", size);
	for (size_t round = 0; round < rounds && !err; round++)
		err = measure_round(bench, round);
	live_frames_close(&bench->live);
	if (!err)
		report(bench, sizes, rounds);
	return err;
}

/* ---- all of it ------------------------------------------------------------------------------------------
 */

static int set_up(struct bench *bench)
{
	const struct sa_params params = live_esp_params(0);
	struct failure failure;
	bool udp_segments;
	int err = cable_new(&bench->cable);

	if (!err)
		err = inside_host_open(packet_addr(4, 3), &bench->host);
	if (!err)
		err = tun_create(TUN_NAME, &udp_segments, &bench->tun, &failure);
	if (!err)
		esp_rig_setup(&bench->rig, &params, NULL);
	return err;
}

static int measure_all(struct bench *bench)
{
	static const size_t sizes[] = {64, 0, 1400};
	int err = 0;

	cable_stay_on(CPU_SENDS);
	for (size_t i = 0; i < ARRAY_SIZE(sizes) && !err; i++)
		err = measure_size(bench, sizes[i]);
	esp_rig_teardown(&bench->rig);
	return err;
}

int main(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	int err = bench ? 0 : -ENOMEM;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		fprintf(stderr, "bench_receive: needs two CPUs, one that sends and one that receives\n");
		free(bench);
		return FIGURE_LEFT_OUT;
	}
	if (!err) {
		bench->tun = -1;
		err = set_up(bench);
	}
	if (!err)
		err = measure_all(bench);
	if (err)
		fprintf(stderr, "bench_receive: %s%s\n", strerror(-err), err == -EPERM ? ": needs root" : "");
	if (bench) {
		inside_host_close(&bench->host);
		cleanup_fd(&bench->tun);
	}
	free(bench);
	return err != 0;
}
