/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What merging costs and saves. Cycles a packet of merge_add() and merge_headers() alone, by kind of packets;
 * and packets a second of CPU time through the sink into a TUN device, merged and one by one, measured in
 * turn, with the ratio of each pair of rounds. The device is in a network namespace of this process, whose
 * kernel has no address that the packets are for: it drops them when it has looked at their IP header. Needs
 * root. One thread.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/sink.h"
#include "tests/lib/figure.h"
#include "tests/lib/packet.h"
#include "tests/lib/stopwatch.h"

#define UNIT "packets a second of CPU time"

#define ROUNDS 21
#define ROUNDS_QUICK 5
#define CYCLE_ROUNDS 1001
#define BURSTS 500
#define ROOM 2048
#define HEADROOM 64

struct row {
	const char *what;
	const char *figure; /* its name there */
	uint8_t protocol;
	size_t payload;
	size_t flows; /* in turn */
};

struct bench {
	uint8_t bytes[XESP_BURST_MAX][ROOM];
	struct esp_packet packets[XESP_BURST_MAX];
	struct sink sink;
};

static void fill(struct bench *bench, const struct row *row)
{
	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		uint8_t *ip = bench->bytes[i] + HEADROOM;
		size_t turn = i / row->flows;
		const struct packet_spec spec = {.family = 4,
						 .protocol = row->protocol,
						 .src = packet_addr(4, 0),
						 .dst = packet_addr(4, 1),
						 .sport = (uint16_t)(1000 + i % row->flows),
						 .dport = 7777,
						 .seq = (uint32_t)(turn * row->payload),
						 .flags = TH_ACK,
						 .data_len = row->payload};
		size_t len = packet_build(&spec, ip);

		packet_ipv4_set16(ip, 4, (uint16_t)turn);
		bench->packets[i] = (struct esp_packet){
			.packet = ip, .packet_len = (uint32_t)len, .reason = XESP_REASON_DELIVERED};
	}
}

/* ---- merging alone ------------------------------------------------------------------------------------ */

static void measure_merge(struct bench *bench, const struct row *row)
{
	struct merge *merge = &bench->sink.merge;
	double cycles[CYCLE_ROUNDS];
	char name[64];

	for (size_t round = 0; round < CYCLE_ROUNDS; round++) {
		uint64_t start = stopwatch_cycles();

		merge_begin(merge, true);
		for (uint8_t i = 0; i < XESP_BURST_MAX; i++)
			merge_add(merge, i, bench->packets[i].packet, bench->packets[i].packet_len);
		for (size_t i = 0; i < merge->count; i++) {
			struct virtio_net_hdr header;
			uint8_t headers[MERGE_HEADER_MAX];

			if (merge->groups[i].count > 1)
				merge_headers(&merge->groups[i], &header, headers);
		}
		cycles[round] = (double)(stopwatch_cycles() - start) / XESP_BURST_MAX;
	}
	snprintf(name, sizeof(name), "merge.alone.%s", row->figure);
	figure_samples(name, STOPWATCH_CYCLES " a packet", cycles, CYCLE_ROUNDS);
	printf("merge: %-34s %6.1f " STOPWATCH_CYCLES " a packet, %d packets become %u\n", row->what,
	       figure_median(cycles, CYCLE_ROUNDS), XESP_BURST_MAX, merge->count);
}

/* ---- into the device ---------------------------------------------------------------------------------- */

static int open_tun(void)
{
	struct ifreq ifr = {.ifr_name = "bench0", .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	int fd, control;

	if (unshare(CLONE_NEWNET))
		return -1;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	control = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || control < 0 || ioctl(fd, TUNSETIFF, &ifr))
		return -1;
	ifr.ifr_flags = IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, &ifr))
		return -1;
	close(control);
	return fd;
}

/* Packets a second of this thread's CPU time, in which the kernel takes them. */
static double run(struct bench *bench, const struct sink_ops *ops)
{
	double start = stopwatch_cpu();

	for (size_t i = 0; i < BURSTS; i++)
		ops->deliver(&bench->sink, bench->packets, XESP_BURST_MAX);
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		if (bench->packets[i].reason != XESP_REASON_DELIVERED)
			abort();
	return BURSTS * XESP_BURST_MAX / (stopwatch_cpu() - start);
}

static void measure_sink(struct bench *bench, const struct row *row)
{
	size_t rounds = figure_quick() ? ROUNDS_QUICK : ROUNDS;
	double merged[ROUNDS], single[ROUNDS];
	struct figure_quartiles ratio;
	char name[64];

	run(bench, &sink_tun);
	run(bench, &sink_tun_single);
	for (size_t i = 0; i < rounds; i++) {
		merged[i] = run(bench, &sink_tun);
		single[i] = run(bench, &sink_tun_single);
	}
	snprintf(name, sizeof(name), "merge.gain.%s", row->figure);
	ratio = figure_ratio(name, merged, single, rounds);
	snprintf(name, sizeof(name), "merge.merged.%s", row->figure);
	figure_samples(name, UNIT, merged, rounds);
	snprintf(name, sizeof(name), "merge.single.%s", row->figure);
	figure_samples(name, UNIT, single, rounds);
	printf("TUN:   %-34s merged %5.2f M, one by one %5.2f M packets a second; ratio %.2f (quartiles "
	       "%.2f to %.2f)\n",
	       row->what, figure_median(merged, rounds) / 1e6, figure_median(single, rounds) / 1e6,
	       ratio.median, ratio.q1, ratio.q3);
}

int main(void)
{
	static const struct row rows[] = {
		{"TCP, 1 flow, 1400 bytes", "tcp1.1400", IPPROTO_TCP, 1400, 1},
		{"TCP, 8 flows in turn, 1400 bytes", "tcp8.1400", IPPROTO_TCP, 1400, 8},
		{"TCP, 1 flow, 64 bytes", "tcp1.64", IPPROTO_TCP, 64, 1},
		{"UDP, 1 flow, 1200 bytes", "udp1.1200", IPPROTO_UDP, 1200, 1},
		{"UDP, 64 flows, 64 bytes", "udp64.64", IPPROTO_UDP, 64, 64},
		{"TCP, 64 flows, 1400 bytes", "tcp64.1400", IPPROTO_TCP, 1400, 64},
	};
	static struct bench bench;

	bench.sink.ops = &sink_tun;
	bench.sink.fd = open_tun();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fill(&bench, &rows[i]);
		measure_merge(&bench, &rows[i]);
		if (bench.sink.fd >= 0)
			measure_sink(&bench, &rows[i]);
	}
	if (bench.sink.fd < 0)
		perror("bench_merge: no TUN device");
	return bench.sink.fd < 0;
}
