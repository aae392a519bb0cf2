/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a gateway sink saves: opened packets to a host at the other end of a veth pair, in another network
 * namespace, once through the TUN device and the kernel's forwarding, once straight out of the inside
 * interface, merged and one by one. Packets a second of this thread's CPU time, kernel included, in turn,
 * with the ratios of each round. Needs root. One thread.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/inside.h"
#include "dataplane/port.h"
#include "dataplane/sink.h"
#include "host/port_open.h"
#include "host/tun.h"
#include "tests/lib/packet.h"

#define ROUNDS 21
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

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

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

		packet_put16(ip + 4, (uint16_t)(i / flows));
		packet_put16(ip + 10, 0);
		packet_put16(ip + 10, packet_checksum(0, ip, HEADER));
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

static int make_network(struct bench *bench)
{
	struct failure failure;
	bool udp_segments;
	int keep, socket;

	if (unshare(CLONE_NEWNET))
		return -1;
	bench->host = fork();
	if (!bench->host) {
		if (!unshare(CLONE_NEWNET))
			pause();
		_exit(1);
	}
	if (tun_create("bench0", &udp_segments, &keep, &failure) ||
	    tun_open_queue("bench0", &bench->sink.fd, &failure))
		return -1;
	usleep(100000); /* the other namespace is there */
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
	double start = seconds();

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
	return BURSTS * XESP_BURST_MAX / (seconds() - start);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure(struct bench *bench, const char *what)
{
	static const struct sink_ops *const sinks[] = {&sink_tun, &sink_dev, &sink_tun_single,
						       &sink_dev_single};
	double times[4][ROUNDS], ratio[2][ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		for (size_t j = 0; j < 4; j++)
			times[j][i] = run(bench, sinks[j]);
		ratio[0][i] = times[1][i] / times[0][i];
		ratio[1][i] = times[3][i] / times[2][i];
	}
	for (size_t j = 0; j < 4; j++)
		qsort(times[j], ROUNDS, sizeof(double), compare);
	for (size_t j = 0; j < 2; j++)
		qsort(ratio[j], ROUNDS, sizeof(double), compare);
	for (size_t j = 0; j < 2; j++)
		printf("%-28s %-10s TUN %5.2f M, inside %5.2f M packets a second; ratio %.2f (quartiles %.2f to %.2f)\n",
		       what, j ? "one by one" : "merged", times[2 * j][ROUNDS / 2] / 1e6,
		       times[2 * j + 1][ROUNDS / 2] / 1e6, ratio[j][ROUNDS / 2], ratio[j][ROUNDS / 4],
		       ratio[j][ROUNDS * 3 / 4]);
}

int main(void)
{
	static struct bench bench;

	if (make_network(&bench)) {
		perror("no network");
		return 1;
	}
	make_way(&bench);
	fill(&bench, 1200, 1);
	measure(&bench, "UDP, 1 flow, 1200 bytes");
	fill(&bench, 1200, 64);
	measure(&bench, "UDP, 64 flows, 1200 bytes");
	fill(&bench, 64, 64);
	measure(&bench, "UDP, 64 flows, 64 bytes");
	kill(bench.host, SIGKILL);
	waitpid(bench.host, NULL, 0);
	return 0;
}
