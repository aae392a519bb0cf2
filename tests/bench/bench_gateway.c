/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a gateway sink saves: opened packets to a host at the other end of a veth pair, in another network
 * namespace, once through the TUN device and the kernel's forwarding, once straight out of the inside
 * interface, merged and one by one. Packets a second of this thread's CPU time, kernel included, in turn,
 * with the ratios of each round. Needs root. One thread.
 */
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/sink.h"
#include "host/tun.h"
#include "tests/lib/figure.h"
#include "tests/lib/inside_host.h"
#include "tests/lib/packet.h"
#include "tests/lib/stopwatch.h"

#define ROUNDS 21
#define ROUNDS_QUICK 5
#define UNIT "packets a second of CPU time"
#define BURSTS 200
#define ROOM 2048
#define HEADROOM 64
#define HEADER 20

struct bench {
	uint8_t bytes[XESP_BURST_MAX][HEADROOM + ROOM];
	uint8_t headers[XESP_BURST_MAX][HEADER];
	struct esp_packet packets[XESP_BURST_MAX];
	struct sink sink;
	struct inside_host host;
};

/* Datagrams of so many flows, in turn. */
static void fill(struct bench *bench, size_t payload, size_t flows)
{
	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		uint8_t *ip = bench->bytes[i] + HEADROOM;
		const struct packet_spec spec = {.family = 4,
						 .protocol = IPPROTO_UDP,
						 .src = packet_addr(4, 3),
						 .dst = packet_addr(4, 1),
						 .sport = (uint16_t)(1000 + i % flows),
						 .dport = 7777,
						 .data_len = payload};
		size_t len = packet_build(&spec, ip);

		packet_ipv4_set16(ip, 4, (uint16_t)(i / flows));
		memcpy(bench->headers[i], ip, HEADER);
		bench->packets[i] = (struct esp_packet){.frame = bench->bytes[i],
							.frame_len = HEADROOM + ROOM,
							.packet = ip,
							.packet_len = (uint32_t)len};
	}
}

/* The kernel forwards to the host as well: it has an address there, and knows its neighbour. */
static int make_network(struct bench *bench)
{
	struct failure failure;
	bool udp_segments;
	int keep;

	if (unshare(CLONE_NEWNET) || tun_create("bench0", &udp_segments, &keep, &failure) ||
	    tun_open_queue("bench0", &bench->sink.fd, &failure) ||
	    inside_host_open(packet_addr(4, 1), &bench->host))
		return -1;
	bench->sink.inside = bench->host.inside;
	return system("ip addr add 192.0.2.254/24 dev " INSIDE_HOST_DEV /* NOLINT(cert-env33-c): a constant */
		      " && ip neigh add 192.0.2.2 lladdr " INSIDE_HOST_MAC " dev " INSIDE_HOST_DEV
		      " && sysctl -q -w net.ipv4.ip_forward=1");
}

static double run(struct bench *bench, const struct sink_ops *ops)
{
	double start = stopwatch_cpu();

	bench->sink.ops = ops;
	for (size_t i = 0; i < BURSTS; i++) {
		for (size_t j = 0; j < XESP_BURST_MAX; j++) {
			memcpy(bench->packets[j].packet, bench->headers[j], HEADER);
			bench->packets[j].reason = XESP_REASON_DELIVERED;
		}
		ops->deliver(&bench->sink, bench->packets, XESP_BURST_MAX);
	}
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		if (bench->packets[i].reason != (ops->rest ? XESP_REASON_FORWARDED : XESP_REASON_DELIVERED))
			abort();
	return BURSTS * XESP_BURST_MAX / (stopwatch_cpu() - start);
}

static void report(const char *what, const char *figure, double rates[4][ROUNDS], size_t rounds, size_t first)
{
	const char *merged = first ? "single" : "merged";
	struct figure_quartiles gain;
	char name[64];

	snprintf(name, sizeof(name), "gateway.gain.%s.%s", merged, figure);
	gain = figure_ratio(name, rates[first + 1], rates[first], rounds);
	snprintf(name, sizeof(name), "gateway.tun.%s.%s", merged, figure);
	figure_samples(name, UNIT, rates[first], rounds);
	snprintf(name, sizeof(name), "gateway.inside.%s.%s", merged, figure);
	figure_samples(name, UNIT, rates[first + 1], rounds);
	printf("%-28s %-10s TUN %5.2f M, inside %5.2f M packets a second; ratio %.2f (quartiles %.2f to %.2f)\n",
	       what, first ? "one by one" : "merged", figure_median(rates[first], rounds) / 1e6,
	       figure_median(rates[first + 1], rounds) / 1e6, gain.median, gain.q1, gain.q3);
}

static void measure(struct bench *bench, const char *what, const char *figure)
{
	static const struct sink_ops *const sinks[] = {&sink_tun, &sink_dev, &sink_tun_single,
						       &sink_dev_single};
	size_t rounds = figure_quick() ? ROUNDS_QUICK : ROUNDS;
	double rates[4][ROUNDS];

	for (size_t i = 0; i < rounds; i++)
		for (size_t j = 0; j < 4; j++)
			rates[j][i] = run(bench, sinks[j]);
	report(what, figure, rates, rounds, 0);
	report(what, figure, rates, rounds, 2);
}

int main(void)
{
	static struct bench bench;

	if (make_network(&bench)) {
		perror("bench_gateway: no network");
		return 1;
	}
	fill(&bench, 1200, 1);
	measure(&bench, "UDP, 1 flow, 1200 bytes", "udp1.1200");
	fill(&bench, 1200, 64);
	measure(&bench, "UDP, 64 flows, 1200 bytes", "udp64.1200");
	fill(&bench, 64, 64);
	measure(&bench, "UDP, 64 flows, 64 bytes", "udp64.64");
	inside_host_close(&bench.host);
	return 0;
}
