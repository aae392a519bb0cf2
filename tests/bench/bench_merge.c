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
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/sink.h"
#include "tests/lib/packet.h"

#define ROUNDS 21
#define BURSTS 500
#define ROOM 2048
#define HEADROOM 64

#if defined(__x86_64__)
#include <x86intrin.h>
#define UNIT "cycles (TSC)"

static uint64_t now(void)
{
	_mm_lfence();
	return __rdtsc();
}
#else
#define UNIT "ns"

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
#endif

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct bench {
	uint8_t bytes[XESP_BURST_MAX][ROOM];
	struct esp_packet packets[XESP_BURST_MAX];
	struct sink sink;
};

/* How many flows, in turn; 0: packets that nothing can be merged with. */
static void fill(struct bench *bench, uint8_t protocol, size_t payload, size_t flows)
{
	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		uint8_t *ip = bench->bytes[i] + HEADROOM, *l4 = ip + 20;
		size_t turn = flows ? i / flows : 0;
		struct packet_spec spec = {.family = 4,
					   .protocol = protocol,
					   .src = packet_addr(4, 0),
					   .dst = packet_addr(4, 1),
					   .sport = (uint16_t)(1000 + (flows ? i % flows : i)),
					   .dport = 7777,
					   .data_len = payload};
		size_t len = packet_build(&spec, ip);
		uint32_t sum = 0;

		packet_put16(ip + 4, (uint16_t)turn);
		packet_put16(ip + 10, 0);
		packet_put16(ip + 10, packet_checksum(0, ip, 20));
		if (protocol == IPPROTO_TCP) {
			uint32_t seq = (uint32_t)(turn * payload);

			packet_put16(l4 + 4, (uint16_t)(seq >> 16));
			packet_put16(l4 + 6, (uint16_t)seq);
			l4[12] = 5 << 4;
			l4[13] = 0x10;
			packet_put16(l4 + 16, 0);
			sum = (uint16_t)~packet_checksum(0, ip + 12, 8);
			packet_put16(l4 + 16,
				     packet_checksum(sum + protocol + (uint32_t)len - 20, l4, len - 20));
		}
		bench->packets[i] = (struct esp_packet){
			.packet = ip, .packet_len = (uint32_t)len, .reason = XESP_REASON_DELIVERED};
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* ---- merging alone ------------------------------------------------------------------------------------ */

static void measure_merge(struct bench *bench, const char *what)
{
	struct merge *merge = &bench->sink.merge;
	static double times[1001];

	for (size_t round = 0; round < 1001; round++) {
		uint64_t start = now();

		merge_begin(merge, true);
		for (uint8_t i = 0; i < XESP_BURST_MAX; i++)
			merge_add(merge, i, bench->packets[i].packet, bench->packets[i].packet_len);
		for (size_t i = 0; i < merge->count; i++) {
			struct virtio_net_hdr header;
			uint8_t headers[MERGE_HEADER_MAX];

			if (merge->groups[i].count > 1)
				merge_headers(&merge->groups[i], &header, headers);
		}
		times[round] = (double)(now() - start) / XESP_BURST_MAX;
	}
	qsort(times, 1001, sizeof(double), compare);
	printf("merge: %-34s %6.1f " UNIT " a packet, %d packets become %u\n", what, times[500],
	       XESP_BURST_MAX, merge->count);
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
	double start = seconds();

	for (size_t i = 0; i < BURSTS; i++)
		ops->deliver(&bench->sink, bench->packets, XESP_BURST_MAX);
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		if (bench->packets[i].reason != XESP_REASON_DELIVERED)
			abort();
	return BURSTS * XESP_BURST_MAX / (seconds() - start);
}

static void measure_sink(struct bench *bench, const char *what)
{
	double merged[ROUNDS], single[ROUNDS], ratio[ROUNDS];

	run(bench, &sink_tun);
	run(bench, &sink_tun_single);
	for (size_t i = 0; i < ROUNDS; i++) {
		merged[i] = run(bench, &sink_tun);
		single[i] = run(bench, &sink_tun_single);
		ratio[i] = merged[i] / single[i];
	}
	qsort(merged, ROUNDS, sizeof(double), compare);
	qsort(single, ROUNDS, sizeof(double), compare);
	qsort(ratio, ROUNDS, sizeof(double), compare);
	printf("TUN:   %-34s merged %5.2f M, one by one %5.2f M packets a second; ratio %.2f (quartiles "
	       "%.2f to %.2f)\n",
	       what, merged[ROUNDS / 2] / 1e6, single[ROUNDS / 2] / 1e6, ratio[ROUNDS / 2], ratio[ROUNDS / 4],
	       ratio[ROUNDS * 3 / 4]);
}

int main(void)
{
	static const struct {
		const char *what;
		uint8_t protocol;
		size_t payload;
		size_t flows;
	} rows[] = {
		{"TCP, 1 flow, 1400 bytes", IPPROTO_TCP, 1400, 1},
		{"TCP, 8 flows in turn, 1400 bytes", IPPROTO_TCP, 1400, 8},
		{"TCP, 1 flow, 64 bytes", IPPROTO_TCP, 64, 1},
		{"UDP, 1 flow, 1200 bytes", IPPROTO_UDP, 1200, 1},
		{"UDP, 64 flows, 64 bytes", IPPROTO_UDP, 64, 64},
		{"TCP, 64 flows, 1400 bytes", IPPROTO_TCP, 1400, 64},
	};
	static struct bench bench;

	bench.sink.ops = &sink_tun;
	bench.sink.fd = open_tun();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fill(&bench, rows[i].protocol, rows[i].payload, rows[i].flows);
		measure_merge(&bench, rows[i].what);
		if (bench.sink.fd >= 0)
			measure_sink(&bench, rows[i].what);
	}
	if (bench.sink.fd < 0)
		perror("no TUN device");
	return bench.sink.fd < 0;
}
