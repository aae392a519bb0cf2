/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gateway sink between two socket pairs, which are the TUN device and the inside interface: which packets
 * go where, and that nothing of them changes but the TTL.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/gso.h"
#include "dataplane/inside.h"
#include "dataplane/port.h"
#include "dataplane/sink.h"
#include "tests/lib/packet.h"

#define FRONT 64 /* bytes in front of the opened packets */
#define ROOM 2048

static const uint8_t link4[] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0};

static struct {
	struct inside *inside;
	struct nexthop hops[2]; /* IPv4, IPv6 */
	struct port *port;
	struct sink sink;
	int tun, wire; /* the other ends */
	bool refuse_pieces;
	unsigned int refused;
	uint8_t frames[XESP_BURST_MAX][FRONT + ROOM];
	struct esp_packet packets[XESP_BURST_MAX];
	uint8_t before[XESP_BURST_MAX][ROOM];
	size_t count;
} bench;

/* In place of the C library's: a kernel before 6.2 refuses what it cannot make sense of, here by its several
 * parts. */
int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (bench.refuse_pieces && messages[i].msg_hdr.msg_iovlen > 1) {
			bench.refused += i == 0;
			errno = EINVAL;
			break;
		}
		if (sendmsg(fd, &messages[i].msg_hdr, flags) < 0)
			break;
	}
	return i ? (int)i : -1;
}

static void pair(int *ret_ours, int *ret_theirs)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
}

static void set_way(uint8_t family, uint8_t state, uint32_t mtu)
{
	struct nexthop_way way = {.state = state, .mtu = mtu, .port = bench.port};

	memcpy(way.link, link4, sizeof(link4));
	if (family == 6)
		packet_put16(way.link + 12, 0x86dd);
	nexthop_write(&bench.hops[family == 6], &way);
}

static int set_up(void **state)
{
	struct ip_addr dst = {.family = AF_INET};
	int port;

	(void)state;
	memset(&bench, 0, sizeof(bench));
	bench.sink.ops = &sink_dev;
	pair(&bench.sink.fd, &bench.tun);
	pair(&port, &bench.wire);
	assert_int_equal(port_new(7, &bench.port), 0);
	port_add(bench.port, 0, port);
	assert_int_equal(inside_new(1, &bench.inside), 0);
	bench.sink.inside = bench.inside;
	memcpy(dst.bytes, packet_addr(4, 1), 4);
	assert_true(inside_has_room(bench.inside, &dst));
	inside_add(bench.inside, &dst, &bench.hops[0]);
	dst.family = AF_INET6;
	memcpy(dst.bytes, packet_addr(6, 1), 16);
	inside_add(bench.inside, &dst, &bench.hops[1]);
	set_way(4, NEXTHOP_USABLE, 1500);
	set_way(6, NEXTHOP_USABLE, 1500);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	port_free(bench.port);
	inside_free(bench.inside);
	close(bench.sink.fd);
	close(bench.tun);
	close(bench.wire);
	return 0;
}

static struct esp_packet *opened(uint8_t family, unsigned int dst, size_t data_len)
{
	struct esp_packet *packet = &bench.packets[bench.count];
	const struct packet_spec spec = {.family = family,
					 .protocol = IPPROTO_UDP,
					 .src = packet_addr(family, 0),
					 .dst = packet_addr(family, dst),
					 .sport = (uint16_t)(bench.count + 1),
					 .dport = (uint16_t)(bench.count * 7 + 1), /* no two are merged */
					 .data_len = data_len};

	*packet = (struct esp_packet){.frame = bench.frames[bench.count],
				      .frame_len = FRONT + ROOM,
				      .reason = XESP_REASON_DELIVERED,
				      .packet = bench.frames[bench.count] + FRONT};
	packet->packet_len = (uint32_t)packet_build(&spec, packet->packet);
	memcpy(bench.before[bench.count++], packet->packet, packet->packet_len);
	return packet;
}

static void deliver(void)
{
	bench.sink.ops->deliver(&bench.sink, bench.packets, bench.count);
}

/* The next frame on the wire is packet `i`, with a TTL less by one and else as it was. */
static void expect_on_wire(size_t i)
{
	uint8_t bytes[ROOM];
	ssize_t n = read(bench.wire, bytes, sizeof(bytes));
	const struct esp_packet *packet = &bench.packets[i];
	uint8_t *ip = bytes + PORT_FRONT + 14, *before = bench.before[i];
	bool ipv4 = before[0] >> 4 == 4;

	assert_int_equal(packet->reason, XESP_REASON_FORWARDED);
	assert_int_equal(n, PORT_FRONT + 14 + packet->packet_len);
	assert_memory_equal(bytes + PORT_FRONT, link4, 12);
	assert_int_equal(packet_get16(bytes + PORT_FRONT + 12), ipv4 ? 0x0800 : 0x86dd);
	before[ipv4 ? 8 : 7]--;
	if (ipv4) {
		assert_true(packet_ipv4_checksum_good(ip));
		memcpy(before + 10, ip + 10, 2);
	}
	assert_memory_equal(ip, before, packet->packet_len);
}

static void expect_in_tun(size_t i)
{
	uint8_t bytes[ROOM];
	ssize_t n = read(bench.tun, bytes, sizeof(bytes));
	const struct esp_packet *packet = &bench.packets[i];

	assert_int_equal(packet->reason, XESP_REASON_DELIVERED);
	assert_int_equal(n, sizeof(struct virtio_net_hdr) + packet->packet_len);
	assert_memory_equal(bytes + sizeof(struct virtio_net_hdr), bench.before[i], packet->packet_len);
}

static void expect_no_more(void)
{
	uint8_t byte;

	assert_int_equal(read(bench.wire, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(read(bench.tun, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_to_hosts_inside(void **state)
{
	(void)state;
	for (size_t i = 0; i < 8; i++)
		opened(i % 2 ? 6 : 4, 1, i * 100);
	deliver();
	for (size_t i = 0; i < 8; i++)
		expect_on_wire(i);
	expect_no_more();
}

static void test_to_others(void **state)
{
	struct ip_addr wanted;

	(void)state;
	opened(4, 2, 10); /* not known: asked for */
	opened(4, 1, 10);
	opened(6, 2, 10);
	deliver();
	expect_on_wire(1);
	expect_in_tun(0);
	expect_in_tun(2);
	expect_no_more();
	assert_true(inside_wanted(bench.inside, &wanted));
	assert_true(inside_wanted(bench.inside, &wanted));
	assert_false(inside_wanted(bench.inside, &wanted));
}

/* The kernel answers what a router has to answer. */
static void test_what_takes_more(void **state)
{
	struct esp_packet *last_hop, *begin;

	(void)state;
	last_hop = opened(6, 1, 10);
	last_hop->packet[7] = bench.before[0][7] = 1;
	opened(4, 1, 1473); /* longer than the MTU by one byte */
	opened(4, 1, 1472);
	begin = opened(4, 1, 10);
	begin->frame = begin->packet - PORT_FRONT - NEXTHOP_LINK_BYTES + 1; /* no room */
	begin = opened(4, 1, 10);
	begin->frame = begin->packet - PORT_FRONT - NEXTHOP_LINK_BYTES;
	deliver();
	expect_on_wire(2);
	expect_on_wire(4);
	expect_in_tun(0);
	expect_in_tun(1);
	expect_in_tun(3);
	expect_no_more();
}

static void test_ways_that_are_not_usable(void **state)
{
	struct port *empty;

	(void)state;
	set_way(4, NEXTHOP_RESOLVING, 1500);
	set_way(6, NEXTHOP_NONE, 1500);
	opened(4, 1, 10);
	opened(6, 1, 10);
	deliver();
	expect_in_tun(0);
	expect_in_tun(1);
	assert_int_equal(port_new(7, &empty), 0);
	nexthop_write(&bench.hops[0],
		      &(struct nexthop_way){.state = NEXTHOP_USABLE, .mtu = 1500, .port = empty});
	bench.count = 0;
	opened(4, 1, 10);
	deliver();
	expect_in_tun(0); /* the interface has no socket to send through */
	bench.count = 0;
	bench.sink.inside = NULL;
	opened(6, 1, 10);
	deliver();
	expect_in_tun(0);
	expect_no_more();
	port_free(empty);
}

static void test_not_opened(void **state)
{
	(void)state;
	opened(4, 1, 10)->reason = XESP_REASON_SELECTOR;
	opened(4, 1, 10)->reason = XESP_REASON_NESTED_UDP; /* somebody else's ESP: as it is, by the kernel */
	opened(4, 1, 10)->reason = XESP_REASON_NONE;
	deliver();
	assert_int_equal(bench.packets[0].reason, XESP_REASON_SELECTOR);
	assert_int_equal(bench.packets[1].reason, XESP_REASON_NESTED_UDP);
	assert_int_equal(bench.packets[2].reason, XESP_REASON_NONE);
	bench.packets[1].reason = XESP_REASON_DELIVERED;
	expect_in_tun(1);
	expect_no_more();
}

/* What the interface does not take is dropped, not sent by another way. */
static void test_full_interface(void **state)
{
	uint32_t sent = 0, full = 0;

	(void)state;
	for (int round = 0; round < 100; round++) {
		bench.count = 0;
		for (size_t i = 0; i < XESP_BURST_MAX; i++)
			opened(4, 1, 1400);
		deliver();
		for (size_t i = 0; i < XESP_BURST_MAX; i++) {
			sent += bench.packets[i].reason == XESP_REASON_FORWARDED;
			full += bench.packets[i].reason == XESP_REASON_SINK_FULL;
		}
	}
	assert_int_equal(sent + full, 100 * XESP_BURST_MAX);
	assert_true(sent > 0 && full > 0);
	assert_int_equal(atomic_load(&bench.port->sent), sent);
	assert_int_equal(atomic_load(&bench.port->failed), full);
	assert_int_equal(read(bench.tun, bench.before, 1), -1);
}

/* Consecutive datagrams of a flow, which a gateway sees as one piece. */
static void opened_flow(uint8_t family, size_t datagrams, size_t data_len)
{
	size_t first = bench.count;

	for (size_t i = 0; i < datagrams; i++) {
		struct esp_packet *packet = opened(family, 1, data_len);
		uint8_t *ip = packet->packet;
		struct packet_spec spec = {.family = family,
					   .protocol = IPPROTO_UDP,
					   .src = packet_addr(family, 0),
					   .dst = packet_addr(family, 1),
					   .sport = 7,
					   .dport = (uint16_t)(9 + first),
					   .data_len = data_len};

		packet_build(&spec, ip);
		if (family == 4) {
			packet_put16(ip + 4, (uint16_t)(500 + i));
			packet_put16(ip + 10, 0);
			packet_put16(ip + 10, packet_checksum(0, ip, 20));
		}
		memcpy(bench.before[bench.count - 1], ip, packet->packet_len);
	}
}

/* The next frame on the wire is packets `first` to `first + count - 1` in one piece. */
static void expect_piece(size_t first, size_t count)
{
	static uint8_t bytes[65536], packet[ROOM];
	ssize_t n = read(bench.wire, bytes, sizeof(bytes));
	struct virtio_net_hdr header;
	struct gso gso;

	assert_true(n > PORT_FRONT + 14);
	memcpy(&header, bytes, sizeof(header));
	assert_memory_equal(bytes + PORT_FRONT, link4, 12);
	assert_int_equal(header.hdr_len, 14 + (bench.before[first][0] >> 4 == 4 ? 28 : 48));
	header.csum_start -= 14;
	assert_int_equal(gso_parse(&header, bytes + PORT_FRONT + 14, (size_t)n - PORT_FRONT - 14, &gso), 0);
	assert_int_equal(gso.count, count);
	for (size_t i = 0; i < count; i++) {
		uint8_t *before = bench.before[first + i];

		assert_int_equal(bench.packets[first + i].reason, XESP_REASON_FORWARDED);
		assert_int_equal(gso_segment(&gso, (uint32_t)i, 0, packet),
				 bench.packets[first + i].packet_len);
		before[before[0] >> 4 == 4 ? 8 : 7]--;
		if (before[0] >> 4 == 4) {
			packet_put16(before + 10, 0);
			packet_put16(before + 10, packet_checksum(0, before, 20));
		}
		assert_memory_equal(packet, before, bench.packets[first + i].packet_len);
	}
}

static void test_flows_in_one_piece(void **state)
{
	(void)state;
	opened_flow(4, 10, 300);
	opened(4, 1, 10);
	opened_flow(6, 20, 40);
	opened(4, 2, 10); /* not inside */
	deliver();
	expect_piece(0, 10);
	expect_on_wire(10);
	expect_piece(11, 20);
	expect_in_tun(31);
	expect_no_more();
	assert_int_equal(atomic_load(&bench.port->sent), 31);
	assert_int_equal(atomic_load(&bench.port->calls), 3);
}

static void test_not_merged(void **state)
{
	(void)state;
	bench.sink.ops = &sink_dev_single;
	opened_flow(4, 5, 300);
	deliver();
	for (size_t i = 0; i < 5; i++)
		expect_on_wire(i);
	expect_no_more();
}

/* A kernel that knows no pieces of datagrams: one by one, this time and from then on. */
static void test_pieces_are_refused(void **state)
{
	(void)state;
	bench.refuse_pieces = true;
	for (int round = 0; round < 2; round++) {
		bench.count = 0;
		opened(4, 1, 10);
		opened_flow(4, 5, 300);
		opened(6, 1, 10);
		bench.refused = 0;
		deliver();
		assert_int_equal(bench.refused, round == 0);
		expect_on_wire(0);
		/* What follows may overtake them: it is of other flows. */
		if (round == 0)
			expect_on_wire(6);
		for (size_t i = 1; i < 6; i++)
			expect_on_wire(i);
		if (round == 1)
			expect_on_wire(6);
		expect_no_more();
	}
	assert_int_equal(atomic_load(&bench.port->failed), 0);
	assert_int_equal(atomic_load(&bench.port->sent), 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_to_hosts_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_to_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_takes_more, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ways_that_are_not_usable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_opened, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_interface, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flows_in_one_piece, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_merged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pieces_are_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
