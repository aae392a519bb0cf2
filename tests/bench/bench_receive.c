// SPDX-License-Identifier: BSD-2-Clause
/*
 * Packets a second that a worker opens behind veth and AF_XDP: into the null sink, and merged into a TUN
 * device, beside a program that only receives and recycles, each for a while in turn. Packets are made inside
 * the kernel on one CPU, which also runs the driver and the XDP program; the receiver has another.
 * AES-128-GCM in UDP, tunnel mode; sizes are of the inner packets, imix is 7 of 64, 4 of 576, 1 of 1400
 * bytes. All are segments of one TCP flow. They come again and again, so the SA has no window. Also what gets
 * lost where 90 % of what the null sink took is offered. Everything is in a network namespace of this
 * process. Needs root.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpf/xesp.skel.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netlink/netlink.h>
#include <netlink/route/link/veth.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/sadb.h"
#include "dataplane/worker.h"
#include "host/tun.h"
#include "host/xsk_open.h"
#include "tests/lib/esp_rig.h"
#include "tests/lib/figure.h"
#include "tests/lib/live_frames.h"
#include "tests/lib/packet.h"
#include "tests/lib/stopwatch.h"
#include "tests/lib/xdp_bench.h"

#define ROUNDS 7
#define ROUNDS_QUICK 3
#define SECONDS 0.7
#define SECONDS_QUICK 0.25
#define CHUNK 16384 /* frames in one go, as fast as it can */
#define SMALL_CHUNK 512
#define CPU_SENDS 0
#define CPU_RECEIVES 1
#define TUN_NAME "bench0"
#define LOAD_WIDE (BPF_LD | BPF_DW | BPF_IMM)

enum way { WAY_RECYCLE, WAY_NULL, WAY_TUN, WAYS };

static const char *const way_names[WAYS] = {"recycle", "null", "tun"};

struct bench {
	struct esp_rig rig;
	struct sa_params params;
	struct ipc_link_state link; /* the receiver's end of the cable */
	uint32_t sender;	    /* ifindex of the other */
	int tun;
	struct live_frames live;
	double rates[WAYS][ROUNDS];
	double lost[ROUNDS];
};

/* One receiver while it runs. */
struct receiver {
	enum way way;
	struct xsk_opened opened;
	int prog;
	/* recycle */
	int map;
	struct xsk xsk;
	pthread_t thread;
	_Atomic bool stop;
	/* null, tun */
	struct xesp_bpf *object;
	struct classifier *classifier;
	struct sadb *db;
	struct worker_group *group;
};

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* ---- packets ------------------------------------------------------------------------------------------- */

/* The next segment of the flow, `len` bytes with headers. */
static void segment(uint8_t *ip, size_t len, uint32_t seq)
{
	const struct packet_spec spec = {.family = 4,
					 .protocol = IPPROTO_TCP,
					 .src = packet_addr(4, 1),
					 .dst = packet_addr(4, 3),
					 .sport = 1000,
					 .dport = 2000,
					 .seq = seq,
					 .flags = TH_ACK,
					 .data_len = len - 40};

	packet_build(&spec, ip);
	packet_ipv4_set16(ip, 6, IP_DF);
}

static size_t size_of(size_t i, size_t size)
{
	static const size_t imix[] = {64, 576, 64, 64, 576, 64, 1400, 64, 576, 64, 64, 576};

	return size ? size : imix[i % (sizeof(imix) / sizeof(imix[0]))];
}

/* 0: imix. */
static int make_packets(struct bench *bench, size_t size)
{
	static const struct frame_spec spec = {.src = {AF_INET, {192, 0, 2, 2}},
					       .dst = {AF_INET, {192, 0, 2, 1}},
					       .sport = 4500,
					       .dport = 4500};
	CLEANUP_FREE struct live_template *templates = calloc(LIVE_TEMPLATES, sizeof(*templates));
	CLEANUP_FREE struct frame *frame = calloc(1, sizeof(*frame));
	size_t headers = esp_rig_headers(&esp_rig_udp4);
	uint32_t seq = 1;

	if (!templates || !frame)
		return -ENOMEM;
	for (size_t i = 0; i < LIVE_TEMPLATES; i++) {
		size_t len = size_of(i, size);
		struct esp_packet packet;
		uint8_t inner[1500];

		segment(inner, len, seq);
		seq += (uint32_t)len - 40;
		packet = esp_rig_seal_payload(&bench->rig, 0, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
		/* The rig leaves of the outer headers what only the classifier looks at. */
		frame_udp(frame, &spec, packet.frame + headers, packet.frame_len - headers);
		templates[i].len = (uint32_t)frame->len;
		memcpy(templates[i].bytes, frame->bytes, frame->len);
	}
	return live_frames_open(&bench->live, bench->sender, templates);
}

/* ---- receive and recycle --------------------------------------------------------------------------------
 */

static int recycle_program(struct receiver *receiver)
{
	uint32_t queue = 0;
	int err;

	receiver->map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "recycle", 4, 4, 1, NULL);
	if (receiver->map < 0)
		return receiver->map;
	err = bpf_map_update_elem(receiver->map, &queue, &receiver->opened.socket, BPF_ANY);
	if (err)
		return err;
	const struct bpf_insn insns[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_W,
		 .dst_reg = 2,
		 .src_reg = 1,
		 .off = 16}, /* rx_queue_index */
		{.code = LOAD_WIDE, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = receiver->map},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_XDP_HAS_FRAGS);

	receiver->prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "recycle", "Dual BSD/GPL", insns,
				       sizeof(insns) / sizeof(insns[0]), &opts);
	return receiver->prog < 0 ? receiver->prog : 0;
}

/* What a worker does with its socket, and nothing else. */
static void *recycle(void *arg)
{
	struct receiver *receiver = arg;
	struct xsk_packet packets[XESP_BURST_MAX];

	stay_on(CPU_RECEIVES);
	while (!atomic_load(&receiver->stop)) {
		struct pollfd fd = {.fd = receiver->xsk.socket, .events = POLLIN};
		uint32_t count = xsk_receive(&receiver->xsk, packets, XESP_BURST_MAX);

		for (uint32_t i = 0; i < count; i++)
			xsk_return(&receiver->xsk, packets[i].addr);
		xsk_flush(&receiver->xsk);
		if (!count)
			poll(&fd, 1, 10);
	}
	return NULL;
}

static int start_recycle(struct receiver *receiver)
{
	int err = recycle_program(receiver);

	if (!err)
		err = xsk_map(&receiver->opened.info, receiver->opened.socket, receiver->opened.umem,
			      &receiver->xsk);
	if (err)
		return err;
	receiver->opened.socket = -1; /* the mapping's */
	return -pthread_create(&receiver->thread, NULL, recycle, receiver);
}

/* ---- a worker -------------------------------------------------------------------------------------------
 */

static int add_sa(struct bench *bench, struct receiver *receiver)
{
	struct classifier_fds fds;
	struct sadb_config config = {
		.provider = bench->rig.provider, .crypto = bench->rig.crypto, .capacity = 16};
	const struct sa *sa;
	const char *what;
	int err = xdp_bench_classifier(16, receiver->opened.socket, &receiver->object, &fds);

	if (!err)
		err = classifier_fds_new(&fds, false, &receiver->classifier);
	config.classifier = receiver->classifier;
	if (!err)
		err = sadb_new(&config, &receiver->db);
	if (!err)
		err = sadb_add(receiver->db, &bench->params, &sa, &what);
	if (!err)
		receiver->prog = dup(xdp_bench_program(receiver->object));
	return err;
}

static int start_worker(struct bench *bench, struct receiver *receiver)
{
	bool tun = receiver->way == WAY_TUN;
	struct worker_queue queue = {.info = receiver->opened.info,
				     .socket = receiver->opened.socket,
				     .umem = receiver->opened.umem,
				     .sink = -1};
	struct failure failure;
	int err = add_sa(bench, receiver);

	if (!err && tun)
		err = tun_open_queue(TUN_NAME, &queue.sink, &failure);
	if (!err)
		err = worker_group_new(1, bench->rig.provider, tun ? &sink_tun : &sink_null,
				       &receiver->group);
	stay_on(CPU_RECEIVES); /* workers get the CPUs that this thread may use */
	if (!err)
		err = worker_group_add(receiver->group, &queue);
	stay_on(CPU_SENDS);
	if (err) {
		cleanup_fd(&queue.sink);
		return err;
	}
	receiver->opened.socket = receiver->opened.umem = -1;
	return worker_group_start(receiver->group, receiver->db);
}

/* ---- measuring ------------------------------------------------------------------------------------------
 */

static int start(struct bench *bench, enum way way, struct receiver *receiver)
{
	struct failure failure;
	int err;

	*receiver = (struct receiver){.way = way, .prog = -1, .map = -1};
	err = xsk_open(&bench->link, 0, false, 1000, &receiver->opened, &failure);
	if (err) {
		fprintf(stderr, "bench_receive: %s\n", failure.reason);
		return err;
	}
	err = way == WAY_RECYCLE ? start_recycle(receiver) : start_worker(bench, receiver);
	if (!err)
		err = bpf_xdp_attach((int)bench->link.ifindex, receiver->prog, XDP_FLAGS_DRV_MODE, NULL);
	return err;
}

static void stop(struct bench *bench, struct receiver *receiver)
{
	bpf_xdp_detach((int)bench->link.ifindex, XDP_FLAGS_DRV_MODE, NULL);
	if (receiver->thread) {
		atomic_store(&receiver->stop, true);
		pthread_join(receiver->thread, NULL);
		xsk_unmap(&receiver->xsk);
	}
	worker_group_free(receiver->group);
	sadb_free(receiver->db);
	classifier_free(receiver->classifier);
	xesp_bpf__destroy(receiver->object);
	xsk_opened_close(&receiver->opened);
	cleanup_fd(&receiver->prog);
	cleanup_fd(&receiver->map);
}

static uint64_t received(const struct receiver *receiver)
{
	uint64_t counters[XESP_REASON_END] = {0};

	if (receiver->way == WAY_RECYCLE)
		return atomic_load(&receiver->xsk.received);
	worker_group_counters(receiver->group, counters);
	return counters[XESP_REASON_DELIVERED];
}

/* Sends for so long, not more than `rate` a second (0: whatever goes). Returns packets a second, or -1. */
static double offer(const struct bench *bench, double rate, double seconds, double *ret_took)
{
	uint32_t chunk = rate > 0 ? SMALL_CHUNK : CHUNK;
	double begin = stopwatch_wall(), sent = 0;

	while (stopwatch_wall() - begin < seconds) {
		if (rate > 0 && sent > rate * (stopwatch_wall() - begin))
			continue;
		if (live_frames_send(&bench->live, chunk))
			return -1;
		sent += chunk;
	}
	*ret_took = stopwatch_wall() - begin;
	return sent / *ret_took;
}

/* Packets a second that were received; of those offered, the share that was not. */
static int measure(struct bench *bench, enum way way, double rate, double *ret_rate, double *ret_lost)
{
	double seconds = figure_quick() ? SECONDS_QUICK : SECONDS, took = seconds, sent;
	struct receiver receiver;
	uint64_t before, got;
	int err = start(bench, way, &receiver);

	if (!err && offer(bench, rate, 0.05, &took) < 0)
		err = -errno;
	if (err) {
		stop(bench, &receiver);
		return err;
	}
	usleep(10000); /* the rest of these may still be on its way */
	before = received(&receiver);
	sent = offer(bench, rate, seconds, &took);
	usleep(10000);
	got = received(&receiver) - before;
	stop(bench, &receiver);
	if (sent <= 0 || !got)
		return -EIO;
	*ret_rate = (double)got / took;
	*ret_lost = 1 - (double)got / (sent * took);
	return 0;
}

static int measure_size(struct bench *bench, size_t size)
{
	size_t rounds = figure_quick() ? ROUNDS_QUICK : ROUNDS;
	char sizes[24] = "imix", name[64];
	double ignored;
	int err = make_packets(bench, size);

	if (size)
		snprintf(sizes, sizeof(sizes), "%zu", size);
	for (size_t round = 0; round < rounds && !err; round++) {
		for (enum way way = 0; way < WAYS && !err; way++)
			err = measure(bench, way, 0, &bench->rates[way][round], &ignored);
		if (!err)
			err = measure(bench, WAY_NULL, 0.9 * bench->rates[WAY_NULL][round], &ignored,
				      &bench->lost[round]);
	}
	live_frames_close(&bench->live);
	if (err)
		return err;
	for (enum way way = 0; way < WAYS; way++) {
		snprintf(name, sizeof(name), "receive.%s.%s", way_names[way], sizes);
		figure_rounds(name, "packets/s", bench->rates[way], rounds);
		printf("%-8s %-5s %6.2f M packets a second\n", way_names[way], sizes,
		       figure_median(bench->rates[way], rounds) / 1e6);
	}
	snprintf(name, sizeof(name), "receive.lost_at_90.%s", sizes);
	figure_rounds(name, "share", bench->lost, rounds);
	printf("%-8s %-5s %6.2f %% lost at 90 %% of that\n", "null", sizes,
	       100 * figure_median(bench->lost, rounds));
	return 0;
}

/* ---- all of it ------------------------------------------------------------------------------------------
 */

static int set_interface_up(const char *name)
{
	CLEANUP_FD int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_flags = IFF_UP};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	return control < 0 || ioctl(control, SIOCSIFFLAGS, &ifr) ? -errno : 0;
}

/* s0 sends, r0 receives. */
static int make_cable(void)
{
	struct nl_sock *sock = nl_socket_alloc();
	int err = sock ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;

	if (!err)
		err = rtnl_link_veth_add(sock, "s0", "r0", getpid());
	nl_socket_free(sock);
	if (err)
		return -EIO;
	err = set_interface_up("s0");
	return err ? err : set_interface_up("r0");
}

static int set_up(struct bench *bench)
{
	struct failure failure;
	bool udp_segments;
	int err;

	if (unshare(CLONE_NEWNET))
		return -errno;
	err = make_cable();
	if (err)
		return err;
	bench->sender = if_nametoindex("s0");
	bench->link = (struct ipc_link_state){.dev = "r0",
					      .ifindex = if_nametoindex("r0"),
					      .up = 1,
					      .running = 1,
					      .mtu = 1500,
					      .queues = 1};
	bench->params = esp_rig_params(SA_MODE_TUNNEL);
	bench->params.replay_window = 0;
	bench->params.encap.present = true;
	bench->params.encap.type = XESP_ENCAP_RFC3948;
	bench->params.encap.dport = 4500;
	esp_rig_setup(&bench->rig, &bench->params, NULL);
	return tun_create(TUN_NAME, &udp_segments, &bench->tun, &failure);
}

int main(void)
{
	static const size_t sizes[] = {64, 0, 1400};
	struct bench *bench = calloc(1, sizeof(*bench));
	int err = bench ? 0 : -ENOMEM;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		fprintf(stderr, "bench_receive: needs two CPUs, one that sends and one that receives\n");
		free(bench);
		return FIGURE_LEFT_OUT;
	}
	if (!err)
		err = set_up(bench);
	if (!err) {
		stay_on(CPU_SENDS);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !err; i++)
			err = measure_size(bench, sizes[i]);
		cleanup_fd(&bench->tun);
		esp_rig_teardown(&bench->rig);
	}
	if (err)
		fprintf(stderr, "bench_receive: %s%s\n", strerror(-err), err == -EPERM ? ": needs root" : "");
	free(bench);
	return err != 0;
}
