/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The classifier of an inside interface, in a network namespace with routes of its own: what the host would
 * route into its TUN device is taken, all else comes out as it came. Needs root.
 */
#include <bpf/bpf.h>
#include <bpf/xesp.skel.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "host/classifier_bpf.h"
#include "host/tun.h"
#include "tests/lib/packet.h"

#define LINK 14
#define MTU 1300 /* of the TUN device */
#define PACKET_MAX 2048
#define CAPACITY 16

static const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 1};

static struct {
	struct xesp_bpf *object;
	struct classifier *classifier;
	int socket;
	int tun;
	uint32_t ifindex;
	uint8_t frame[LINK + PACKET_MAX];
	uint32_t len;
	struct packet_spec spec;
} bench;

/* By its whole name: the shell of tests/vm has an `ip` of its own, which knows less. */
static void ip(const char *words)
{
	char command[256];

	snprintf(command, sizeof(command), "/usr/sbin/ip %s", words);
	if (system(command)) /* NOLINT(cert-env33-c): constants */
		fail_msg("%s", command);
}

static void write_sysctl(const char *name, const char *value)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(value, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* 192.0.2.0/25 and 2001:db8::/65 are behind the TUN device, the rest is on other ways. */
static void make_network(void)
{
	struct failure failure;
	bool udp_segments;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(tun_create("xesp0", &udp_segments, &bench.tun, &failure), 0);
	ip("link set lo up");
	ip("link set xesp0 mtu 1300");
	ip("link add in0 address 02:00:00:00:00:01 type veth peer in1");
	ip("link set in0 up");
	ip("link set in1 up");
	ip("link add out0 type veth peer out1");
	ip("link set out0 up");
	ip("link set out1 up");
	write_sysctl("ipv4/ip_forward", "1");
	write_sysctl("ipv6/conf/all/forwarding", "1");
	ip("addr add 198.51.100.1/24 dev in0");
	ip("-6 addr add fd01::1/64 dev in0 nodad");
	ip("route add 192.0.2.0/25 dev xesp0");
	ip("-6 route add 2001:db8::/65 dev xesp0");
	ip("route add 192.0.2.128/25 dev out0");
	ip("-6 route add 2001:db8:0:0:8000::/65 dev out0");
	ip("route add unreachable 192.0.2.3/32");
	ip("addr add 192.0.2.2/32 dev lo");
	ip("-6 route add unreachable 2001:db8::3");
	ip("-6 addr add 2001:db8::2/128 dev lo nodad");
}

static void load(uint32_t tun, bool pieces)
{
	const struct xesp_config config = {.enabled = 1, .packet_max = 1600};
	uint32_t queue = 0;
	struct classifier_fds fds;

	assert_int_equal(classifier_bpf_open(CAPACITY, &bench.object), 0);
	assert_int_equal(classifier_bpf_set_inside(bench.object, tun, own_mac, pieces), 0);
	assert_int_equal(xesp_bpf__load(bench.object), 0);
	fds = classifier_bpf_fds(bench.object);
	assert_int_equal(classifier_fds_new(&fds, false, &bench.classifier), 0);
	assert_int_equal(bench.classifier->ops->set_config(bench.classifier, &config), 0);
	assert_int_equal(bpf_map_update_elem(fds.sockets, &queue, &bench.socket, BPF_ANY), 0);
}

static void unload(void)
{
	classifier_free(bench.classifier);
	xesp_bpf__destroy(bench.object);
}

static int set_up(void **state)
{
	(void)state;
	memset(&bench, 0, sizeof(bench));
	make_network();
	bench.socket = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_true(bench.socket >= 0);
	bench.ifindex = if_nametoindex("in0");
	load(if_nametoindex("xesp0"), false);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unload();
	close(bench.socket);
	close(bench.tun);
	return 0;
}

/* A frame from a host inside to 192.0.2.`dst` or 2001:db8::`dst`. */
static uint8_t *frame(uint8_t family, uint8_t dst, uint8_t protocol, size_t data_len)
{
	const uint8_t to[2][16] = {{192, 0, 2, dst}, {0x20, 0x01, 0x0d, 0xb8, [15] = dst}};
	static const uint8_t hosts[2][16] = {{198, 51, 100, 9}, {0xfd, 1, [15] = 9}};

	bench.spec = (struct packet_spec){.family = family,
					  .protocol = protocol,
					  .src = hosts[family == 6],
					  .dst = to[family == 6],
					  .sport = 1000,
					  .dport = 2000,
					  .data_len = data_len};
	memcpy(bench.frame, own_mac, 6);
	memcpy(bench.frame + 6, "\2\0\0\0\0\2", 6);
	packet_put16(bench.frame + 12, family == 4 ? 0x0800 : 0x86dd);
	bench.len = LINK + (uint32_t)packet_build(&bench.spec, bench.frame + LINK);
	return bench.frame + LINK;
}

static void fix_header(uint8_t *header)
{
	packet_put16(header + 10, 0);
	packet_put16(header + 10, packet_checksum(0, header, 20));
}

/* The frame comes out as it went in. */
static uint32_t run(struct xesp_meta *ret_meta)
{
	uint8_t output[sizeof(bench.frame) + 256] = {0};
	struct xdp_md in = {.data_end = bench.len, .ingress_ifindex = bench.ifindex}, out = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bench.frame, .data_size_in = bench.len,
		    .data_out = output, .data_size_out = sizeof(output), .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(bench.object->progs.xesp_classify), &opts),
			 0);
	assert_int_equal(opts.data_size_out - out.data, bench.len);
	assert_memory_equal(output + out.data, bench.frame, bench.len);
	if (opts.retval == XDP_REDIRECT) {
		assert_int_equal(out.data, sizeof(*ret_meta));
		memcpy(ret_meta, output, sizeof(*ret_meta));
	}
	return opts.retval;
}

static uint64_t counted(void)
{
	uint64_t counters[XESP_CLASSIFIER_REASON_END];

	assert_int_equal(bench.classifier->ops->read_counters(bench.classifier, counters), 0);
	return counters[XESP_REASON_FROM_INSIDE];
}

static void expect_taken(void)
{
	uint64_t before = counted();
	struct xesp_meta meta;
	uint32_t header = bench.spec.family == 4 ? 20 : 40;

	assert_int_equal(run(&meta), XDP_REDIRECT);
	assert_int_equal(counted(), before + 1);
	assert_int_equal(meta.magic, XESP_META_MAGIC_INSIDE);
	assert_int_equal(meta.family, bench.spec.family);
	assert_int_equal(meta.l3_offset, LINK);
	assert_int_equal(meta.esp_offset, LINK + header);
	assert_int_equal(meta.esp_length, header == 20 ? packet_get16(bench.frame + LINK + 2)
						       : packet_get16(bench.frame + LINK + 4) + 40u);
}

static void expect_passed(const char *what)
{
	uint64_t before = counted();
	struct xesp_meta meta;

	if (run(&meta) != XDP_PASS || counted() != before)
		fail_msg("taken: %s", what);
}

static void test_taken(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
			for (uint8_t dst = 8; dst < 10; dst++) {
				frame(family, dst, protocols[i], 100 * i);
				expect_taken();
				bench.len += 6; /* padding of a short frame */
				memset(bench.frame + bench.len - 6, 0, 6);
				expect_taken();
			}
	frame(4, 8, IPPROTO_UDP, 10)[9] = IPPROTO_ICMP;
	fix_header(bench.frame + LINK);
	expect_taken();
	frame(6, 8, IPPROTO_UDP, 10)[6] = IPPROTO_ICMPV6;
	expect_taken();
}

/* xespd(8) says that the kernel's checks of sources are not made for what passes it by. */
static void test_source_is_the_hosts(void **state)
{
	(void)state;
	frame(4, 8, IPPROTO_UDP, 10)[15] = 1;
	fix_header(bench.frame + LINK);
	expect_taken();
	frame(6, 8, IPPROTO_UDP, 10)[23] = 1;
	expect_taken();
}

static void test_other_ways(void **state)
{
	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		frame(family, 2, IPPROTO_UDP, 10);
		expect_passed("to the host itself");
		frame(family, 3, IPPROTO_UDP, 10);
		expect_passed("unreachable");
		frame(family, 8, IPPROTO_UDP, 10)[family == 4 ? 19 : 32] ^= 0x80;
		if (family == 4)
			fix_header(bench.frame + LINK);
		expect_passed("out of another interface");
	}
	ip("route del 192.0.2.0/25 dev xesp0");
	ip("-6 route del 2001:db8::/65 dev xesp0");
	frame(4, 8, IPPROTO_UDP, 10);
	expect_passed("no route");
	frame(6, 8, IPPROTO_UDP, 10);
	expect_passed("no route");
	ip("route add 192.0.2.0/25 dev xesp0");
	ip("-6 route add 2001:db8::/65 dev xesp0");
	frame(4, 8, IPPROTO_UDP, 10);
	expect_taken();
}

/* A rule of the operator's counts here as in the kernel. */
static void test_rules(void **state)
{
	(void)state;
	ip("rule add from 198.51.100.9 ipproto 17 dport 2000 table 77");
	ip("route add 192.0.2.0/25 dev out0 table 77");
	frame(4, 8, IPPROTO_UDP, 10);
	expect_passed("a rule leads elsewhere");
	frame(4, 8, IPPROTO_TCP, 10);
	expect_taken();
	ip("rule del table 77");
	frame(4, 8, IPPROTO_UDP, 10);
	expect_taken();
}

static void test_no_router(void **state)
{
	(void)state;
	write_sysctl("ipv4/conf/in0/forwarding", "0");
	write_sysctl("ipv6/conf/in0/forwarding", "0");
	frame(4, 8, IPPROTO_UDP, 10);
	expect_passed("IPv4 is not forwarded");
	frame(6, 8, IPPROTO_UDP, 10);
	expect_passed("IPv6 is not forwarded");
}

static void test_too_long(void **state)
{
	(void)state;
	frame(4, 8, IPPROTO_UDP, MTU - 28);
	expect_taken();
	frame(4, 8, IPPROTO_UDP, MTU - 27);
	expect_passed("one byte longer than the way's MTU");
	frame(6, 8, IPPROTO_UDP, MTU - 48);
	expect_taken();
	frame(6, 8, IPPROTO_UDP, MTU - 47);
	expect_passed("one byte longer than the way's MTU");
	ip("link set xesp0 mtu 9000");
	frame(4, 8, IPPROTO_UDP, 1600 - LINK - 28);
	expect_taken();
	frame(4, 8, IPPROTO_UDP, 1600 - LINK - 27);
	expect_passed("longer than the socket takes");
}

static void test_frames(void **state)
{
	static const uint8_t vlan[] = {0x81, 0, 0, 5};

	(void)state;
	for (unsigned int bit = 0; bit < 48; bit++) {
		frame(4, 8, IPPROTO_UDP, 10);
		bench.frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
		expect_passed("to another MAC address");
	}
	frame(4, 8, IPPROTO_UDP, 10);
	memmove(bench.frame + 16, bench.frame + 12, bench.len - 12);
	memcpy(bench.frame + 12, vlan, sizeof(vlan));
	bench.len += 4;
	expect_passed("of a VLAN");
	frame(4, 8, IPPROTO_UDP, 10);
	packet_put16(bench.frame + 12, 0x0806);
	expect_passed("ARP");
	for (uint32_t len = frame(4, 8, IPPROTO_UDP, 10) ? bench.len : 0; bench.len > LINK;) {
		bench.len--;
		expect_passed("cut off");
		assert_true(bench.len < len);
	}
	frame(6, 8, IPPROTO_UDP, 10);
	while (bench.len > LINK) {
		bench.len--;
		expect_passed("cut off");
	}
}

/* Each changes one field of a packet that would be taken. */
static void test_ipv4_headers(void **state)
{
	static const uint8_t nops[4] = {1, 1, 1, 0};
	static const struct {
		const char *what;
		uint8_t offset, value;
	} changes[] = {
		{"version", 0, 0x65},
		{"TTL 1", 8, 1},
		{"TTL 0", 8, 0},
		{"first fragment", 6, 0x20},
		{"later fragment", 7, 1},
		{"SCTP", 9, IPPROTO_SCTP},
		{"GRE", 9, 47},
		{"IP in IP", 9, 4},
		{"from loopback", 12, 127},
		{"from nowhere", 12, 0},
		{"from multicast", 12, 224},
		{"to multicast", 16, 239},
		{"to loopback", 16, 127},
		{"to broadcast", 16, 255},
		{"length", 3, 19},
		{"length", 2, 1},
	};
	uint8_t *header;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		header = frame(4, 8, IPPROTO_UDP, 10);
		header[changes[i].offset] = changes[i].value;
		fix_header(header);
		expect_passed(changes[i].what);
	}
	header = frame(4, 8, IPPROTO_UDP, 10);
	header[10] ^= 1;
	expect_passed("header checksum");
	header = frame(4, 8, IPPROTO_UDP, 10);
	bench.len = LINK + (uint32_t)packet_insert(header, bench.len - LINK, 0, nops, sizeof(nops));
	expect_passed("options");
	header = frame(4, 8, IPPROTO_UDP, 10);
	header[12] = 169;
	header[13] = 254;
	fix_header(header);
	expect_passed("from a link-local address");
}

static void test_ipv6_headers(void **state)
{
	static const struct {
		const char *what;
		uint8_t offset, value;
	} changes[] = {
		{"version", 0, 0x50},		{"hop limit 1", 7, 1},	   {"hop limit 0", 7, 0},
		{"hop-by-hop options", 6, 0},	{"routing header", 6, 43}, {"fragment", 6, 44},
		{"destination options", 6, 60}, {"SCTP", 6, IPPROTO_SCTP}, {"from multicast", 8, 0xff},
		{"to multicast", 24, 0xff},	{"length", 4, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		frame(6, 8, IPPROTO_UDP, 10)[changes[i].offset] = changes[i].value;
		expect_passed(changes[i].what);
	}
	memcpy(frame(6, 8, IPPROTO_UDP, 10) + 8, "\xfe\x80", 2);
	expect_passed("from a link-local address");
	memcpy(frame(6, 8, IPPROTO_UDP, 10) + 24, "\xfe\xbf", 2);
	expect_passed("to a link-local address");
	memset(frame(6, 8, IPPROTO_UDP, 10) + 8, 0, 16);
	expect_passed("from nowhere");
}

static void test_switched_off(void **state)
{
	const struct xesp_config off = {.packet_max = 1600};
	int fd = bpf_map__fd(bench.object->maps.xesp_sockets);
	uint32_t queue = 0;

	(void)state;
	frame(4, 8, IPPROTO_UDP, 10);
	assert_int_equal(bpf_map_delete_elem(fd, &queue), 0);
	expect_passed("no socket");
	assert_int_equal(bpf_map_update_elem(fd, &queue, &bench.socket, BPF_ANY), 0);
	expect_taken();
	assert_int_equal(bench.classifier->ops->set_config(bench.classifier, &off), 0);
	expect_passed("disabled");
	unload();
	load(0, false);
	expect_passed("no inside interface");
}

/* As the kernel leaves it to a network card (CHECKSUM_PARTIAL). */
static void leave_checksum_out(uint8_t family, uint8_t *header)
{
	size_t addresses = family == 4 ? 12 : 8, udp = family == 4 ? 20 : 40;
	uint32_t sum = IPPROTO_UDP + packet_get16(header + udp + 4);

	packet_put16(header + udp + 6, (uint16_t)~packet_checksum(sum, header + addresses, udp - addresses));
}

/* Where pieces come it may be several datagrams, which must not become one. */
static void test_udp_in_pieces(void **state)
{
	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		leave_checksum_out(family, frame(family, 8, IPPROTO_UDP, 100));
		expect_taken();
	}
	unload();
	load(if_nametoindex("xesp0"), true);
	for (uint8_t family = 4; family <= 6; family += 2) {
		frame(family, 8, IPPROTO_UDP, 100);
		expect_taken();
		packet_put16(frame(family, 8, IPPROTO_UDP, 100) + (family == 4 ? 20 : 40) + 6, 0);
		expect_taken();
		frame(family, 8, IPPROTO_TCP, 100);
		expect_taken();
		leave_checksum_out(family, frame(family, 8, IPPROTO_UDP, 100));
		expect_passed("UDP without a checksum yet, where pieces come");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_source_is_the_hosts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rules, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_router, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_long, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_frames, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ipv4_headers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ipv6_headers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_switched_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_udp_in_pieces, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
