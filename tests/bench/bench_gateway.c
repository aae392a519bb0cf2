/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a gateway sink saves: opened packets to a host at the other end of a veth pair, in another network
 * namespace, once through the TUN device and the kernel's forwarding, once straight out of the inside
 * interface, merged and one by one. Packets a second of this thread's CPU time, kernel included, in turn,
 * with the ratios of each round. Needs root. One thread.
 */
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/inside.h"
#include "dataplane/port.h"
#include "dataplane/sink.h"
#include "host/port_open.h"
#include "host/tun.h"
#include "tests/lib/figure.h"
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
	struct nexthop hop;
	struct port *port;
	pid_t host; /* in the other namespace */
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

__attribute__((format(printf, 1, 2))) static int sh(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command); /* NOLINT(cert-env33-c): constants */
}

/* A process in a network namespace of its own, which ends with this one. */
static int make_host(struct bench *bench)
{
	int ready[2];
	ssize_t done;
	char byte;

	if (pipe2(ready, O_CLOEXEC))
		return -1;
	bench->host = fork();
	if (!bench->host) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!unshare(CLONE_NEWNET) && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	done = read(ready[0], &byte, 1);
	close(ready[0]);
	return done == 1 ? 0 : -1;
}

static int make_network(struct bench *bench)
{
	struct failure failure;
	bool udp_segments;
	int keep, socket;

	if (unshare(CLONE_NEWNET))
		return -1;
	if (make_host(bench))
		return -1;
	if (tun_create("bench0", &udp_segments, &keep, &failure) ||
	    tun_open_queue("bench0", &bench->sink.fd, &failure))
		return -1;
	if (sh("ip link add in0 type veth peer name in1 address 02:00:00:00:00:02 netns %d; ip link set in0 up; "
	       "nsenter -t %d -n ip link set in1 up; ip addr add 192.0.2.254/24 dev in0; "
	       "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev in0; sysctl -q -w net.ipv4.ip_forward=1",
	       bench->host, bench->host) ||
	    port_open(if_nametoindex("in0"), &socket, &failure) ||
	    port_new(if_nametoindex("in0"), &bench->port))
		return -1;
	port_add(bench->port, 0, socket);
	return 0;
}

static void make_way(struct bench *bench)
{
	struct nexthop_way way = {.state = NEXTHOP_USABLE, .mtu = 1500, .port = bench->port};
	struct ip_addr dst = {.family = AF_INET};

	memcpy(way.link, "\2\0\0\0\0\2\2\0\0\0\0\1\10\0", NEXTHOP_LINK_BYTES);
	nexthop_write(&bench->hop, &way);
	memcpy(dst.bytes, packet_addr(4, 1), 4);
	if (inside_new(1, &bench->sink.inside))
		abort();
	inside_add(bench->sink.inside, &dst, &bench->hop);
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
	make_way(&bench);
	fill(&bench, 1200, 1);
	measure(&bench, "UDP, 1 flow, 1200 bytes", "udp1.1200");
	fill(&bench, 1200, 64);
	measure(&bench, "UDP, 64 flows, 1200 bytes", "udp64.1200");
	fill(&bench, 64, 64);
	measure(&bench, "UDP, 64 flows, 64 bytes", "udp64.64");
	kill(bench.host, SIGKILL);
	waitpid(bench.host, NULL, 0);
	return 0;
}
