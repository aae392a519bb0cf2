/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker's send step between sockets: the test is the host on one side, and the wire and the peer on the
 * other. Nothing of what cuts UDP segments there is the code under test.
 */
#ifndef XESP_TESTS_SEND_RIG_H
#define XESP_TESTS_SEND_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/send_private.h"
#include "tests/lib/packet.h"
#include "tests/lib/seal_rig.h"

#define LINK 14
#define WIRE_MAX (PORT_FRONT + LINK + 65535)
#define PACKETS_MAX 256

/* A packet on the wire, without link-layer header. */
struct wire_packet {
	uint32_t len;
	uint8_t bytes[9216];
};

static struct {
	struct seal_rig rig;
	struct spd *spd;
	struct nexthop hop;
	struct nexthop_way way;
	struct port *port;
	struct send *send;
	int host;    /* the host's end of the TUN device */
	int wire;    /* the wire's end of the packet socket */
	uint64_t in; /* pieces */
	_Atomic uint64_t counters[XESP_REASON_END - XESP_ENGINE_REASON_FIRST];
	/* what the wire got */
	uint32_t frames;
	uint32_t packets;
	struct wire_packet packet[PACKETS_MAX];
} bench;

static inline void socket_pair(int *ret_ours, int *ret_theirs)
{
	int ends[2], bytes = 4 * 1024 * 1024;

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
}

static inline void set_way(enum nexthop_state state, uint32_t mtu)
{
	bench.way = (struct nexthop_way){.state = (uint8_t)state, .mtu = mtu, .port = bench.port};
	memcpy(bench.way.link, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	packet_put16(bench.way.link + 12, bench.rig.sa->params.dst.family == AF_INET ? 0x0800 : 0x86dd);
	nexthop_write(&bench.hop, &bench.way);
}

static inline void set_up(const struct sa_params *params, uint32_t mtu)
{
	const struct xesp_config jumbo = {.enabled = 1, .packet_max = 65535, .multi_buffer = 1};
	struct send_config config = {.counters = bench.counters};
	int port, tun;

	memset(&bench, 0, sizeof(bench));
	seal_rig_setup(&bench.rig, params, NULL);
	assert_int_equal(bench.rig.classifier->ops->set_config(bench.rig.classifier, &jumbo), 0);
	bench.rig.sa->hop = &bench.hop;
	assert_int_equal(spd_new(&bench.spd), 0);
	assert_int_equal(spd_add(bench.spd, &params->selector, 0, bench.rig.sa), 0);
	assert_int_equal(port_new(7, &bench.port), 0);
	socket_pair(&port, &bench.wire);
	port_add(bench.port, 0, port);
	atomic_store(&bench.port->segments, true);
	socket_pair(&bench.host, &tun);
	config.tun = tun;
	config.crypto = bench.rig.peer.crypto;
	assert_int_equal(send_new(&config, &bench.send), 0);
	send_set_spd(bench.send, bench.spd, true);
	set_way(NEXTHOP_USABLE, mtu);
}

static inline void tear_down(void)
{
	close(bench.send->config.tun);
	send_free(bench.send);
	spd_remove(bench.spd, bench.rig.sa);
	spd_free(bench.spd);
	port_free(bench.port);
	close(bench.host);
	close(bench.wire);
	seal_rig_teardown(&bench.rig);
}

/* ---- the host ---------------------------------------------------------------------------------------------
 */

static inline void host_sends_piece(const struct virtio_net_hdr *header, const uint8_t *packet, uint32_t len)
{
	static uint8_t bytes[SEND_IN_BYTES + 100];

	memcpy(bytes, header, sizeof(*header));
	memcpy(bytes + sizeof(*header), packet, len);
	assert_int_equal(write(bench.host, bytes, sizeof(*header) + len), sizeof(*header) + len);
	bench.in++;
}

static inline void host_sends(const uint8_t *packet, uint32_t len)
{
	static const struct virtio_net_hdr plain;

	host_sends_piece(&plain, packet, len);
}

/* What comes back to the host; 0: nothing. */
static inline uint32_t host_gets(uint8_t *packet, uint32_t max)
{
	uint8_t bytes[2048];
	ssize_t n = read(bench.host, bytes, sizeof(bytes));

	if (n < 0)
		return 0;
	assert_true((size_t)n > SEND_VNET_BYTES && (size_t)n - SEND_VNET_BYTES <= max);
	memcpy(packet, bytes + SEND_VNET_BYTES, (size_t)n - SEND_VNET_BYTES);
	return (uint32_t)n - SEND_VNET_BYTES;
}

/* A UDP packet that the SA may carry. DF is set in IPv4 unless `may_cut`. */
static inline uint32_t inner_udp(uint8_t family, uint32_t data, bool may_cut, uint8_t *out)
{
	uint32_t len = (uint32_t)seal_rig_inner(&bench.rig.sa->params, family, IPPROTO_UDP, data, out);

	if (family == 4) {
		packet_put16(out + 6, may_cut ? 0 : 0x4000);
		packet_put16(out + 10, 0);
		packet_put16(out + 10, packet_checksum(0, out, 20));
	}
	return len;
}

static inline uint64_t count_of(enum xesp_reason reason)
{
	return bench.counters[reason - XESP_ENGINE_REASON_FIRST];
}

/* Each piece has one exit, or waits. */
static inline void expect_sum(uint32_t waiting)
{
	uint64_t sum = waiting;

	for (unsigned int i = 0; i < XESP_REASON_END - XESP_ENGINE_REASON_FIRST; i++)
		sum += bench.counters[i];
	assert_int_equal(sum, bench.in);
}

/* ---- the wire ---------------------------------------------------------------------------------------------
 */

static inline uint32_t l3_bytes(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? (ip[0] & 15) * 4u : 40;
}

static inline void wire_keeps(const uint8_t *ip, uint32_t len)
{
	struct wire_packet *packet = &bench.packet[bench.packets++];

	assert_true(bench.packets <= PACKETS_MAX && len <= sizeof(packet->bytes));
	packet->len = len;
	memcpy(packet->bytes, ip, len);
}

/* One segment as a packet of its own, checksum off. */
static inline void wire_cuts(const uint8_t *ip, uint32_t headers, uint32_t i, const uint8_t *payload,
			     uint32_t bytes)
{
	uint8_t packet[9216];
	uint32_t l3 = l3_bytes(ip);

	assert_true(headers + bytes <= sizeof(packet));
	memcpy(packet, ip, headers);
	memcpy(packet + headers, payload, bytes);
	packet_put16(packet + l3 + 4, (uint16_t)(8 + bytes));
	if (ip[0] >> 4 == 4) {
		packet_put16(packet + 2, (uint16_t)(headers + bytes));
		packet_put16(packet + 4, (uint16_t)(packet_get16(ip + 4) + i));
		packet_put16(packet + 10, 0);
		packet_put16(packet + 10, packet_checksum(0, packet, l3));
		packet_put16(packet + l3 + 6, 0);
	} else {
		packet_put16(packet + 4, (uint16_t)(headers - 40 + bytes));
		packet_put16(packet + l3 + 6, 0);
		packet_put16(packet + l3 + 6,
			     packet_checksum((uint16_t)~packet_checksum((uint32_t)IPPROTO_UDP + 8 + bytes,
									packet + 8, 32),
					     packet + l3, 8 + bytes));
	}
	wire_keeps(packet, headers + bytes);
}

/* Of the pseudo-header of the packet's TCP or UDP, folded and complemented. */
static inline uint16_t pseudo_checksum(const uint8_t *ip, uint32_t len)
{
	uint32_t upper = len - l3_bytes(ip);

	return ip[0] >> 4 == 4 ? packet_checksum(ip[9] + upper, ip + 12, 8)
			       : packet_checksum(ip[6] + upper, ip + 8, 32);
}

/* That sum stands for the checksum, of all that the header says. */
static inline void expect_partial(const uint8_t *ip, uint32_t len)
{
	uint32_t l3 = l3_bytes(ip);

	assert_int_equal(packet_get16(ip + l3 + 4), len - l3);
	assert_int_equal(packet_get16(ip + l3 + 6), (uint16_t)~pseudo_checksum(ip, len));
}

static inline void wire_takes(const uint8_t *frame, uint32_t len)
{
	const uint8_t *ip = frame + LINK, *at;
	struct virtio_net_hdr header;
	uint32_t i = 0;

	memcpy(&header, frame - PORT_FRONT, sizeof(header));
	assert_memory_equal(frame, bench.way.link, LINK);
	len -= LINK;
	assert_int_equal(len, ip[0] >> 4 == 4 ? packet_get16(ip + 2) : 40u + packet_get16(ip + 4));
	if (ip[0] >> 4 == 4)
		assert_int_equal(packet_checksum(0, ip, l3_bytes(ip)), 0);
	bench.frames++;
	if (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		assert_int_equal(header.csum_start, LINK + l3_bytes(ip));
		assert_int_equal(header.csum_offset, 6);
		assert_int_equal(header.hdr_len, header.csum_start + 8);
		expect_partial(ip, len);
	}
	if (header.gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		wire_keeps(ip, len);
		return;
	}
	assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_UDP_L4);
	assert_true(header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
	for (at = frame + header.hdr_len; at < ip + len; at += header.gso_size) {
		uint32_t left = (uint32_t)(ip + len - at);

		wire_cuts(ip, header.hdr_len - LINK, i++, at,
			  left < header.gso_size ? left : header.gso_size);
	}
	assert_true(i > 1 && i <= PORT_SEGMENTS_MAX);
}

/* Steps until nothing is left to be read, and takes what comes out, in `frames` and `packet`. */
static inline void run(void)
{
	static uint8_t bytes[WIRE_MAX];
	ssize_t n;

	bench.frames = bench.packets = 0;
	while (send_step(bench.send, ESP_RIG_NOW))
		while ((n = read(bench.wire, bytes, sizeof(bytes))) > 0)
			wire_takes(bytes + PORT_FRONT, (uint32_t)n - PORT_FRONT);
	while ((n = read(bench.wire, bytes, sizeof(bytes))) > 0)
		wire_takes(bytes + PORT_FRONT, (uint32_t)n - PORT_FRONT);
}

/* ---- the peer ---------------------------------------------------------------------------------------------
 */

/* What of packet `i` comes out at the peer's; it must. */
static inline struct esp_packet peer_opens(uint32_t i)
{
	const struct wire_packet *wire = &bench.packet[i];
	uint8_t *frame = esp_rig_frame_end(&bench.rig.peer, 0) - LINK - wire->len;
	struct classifier_result result;
	struct esp_packet packet = {.frame = frame, .frame_len = LINK + wire->len, .sa = bench.rig.peer.sa};

	memcpy(frame, bench.way.link, LINK);
	memcpy(frame + LINK, wire->bytes, wire->len);
	assert_int_equal(
		bench.rig.classifier->ops->run(bench.rig.classifier, frame, packet.frame_len, &result), 0);
	assert_int_equal(result.reason, XESP_REASON_TO_ENGINE);
	packet.meta = result.meta;
	esp_rig_open(&bench.rig.peer, &packet);
	assert_int_equal(packet.reason, XESP_REASON_DELIVERED);
	return packet;
}

static inline void expect_opened(uint32_t i, const uint8_t *inner, uint32_t len)
{
	struct esp_packet packet = peer_opens(i);

	assert_int_equal(packet.packet_len, len);
	assert_memory_equal(packet.packet, inner, len);
}

/* A TCP flow of `payload` bytes in one piece; every segment is as gso_segment() makes it. */
static inline void check_flow(const struct sa_params *params, uint8_t family, uint32_t payload, uint16_t mss)
{
	static uint8_t inner[65536], want[9216];
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4
								: VIRTIO_NET_HDR_GSO_TCPV6,
					.gso_size = mss,
					.csum_offset = 16};
	uint32_t len = (uint32_t)seal_rig_inner(params, family, IPPROTO_TCP, payload, inner);
	struct gso gso;

	header.csum_start = (uint16_t)l3_bytes(inner);
	packet_put16(inner + header.csum_start + 16, (uint16_t)~pseudo_checksum(inner, len));
	host_sends_piece(&header, inner, len);
	run();
	assert_int_equal(gso_parse(&header, inner, len, &gso), 0);
	assert_int_equal(bench.packets, gso.count);
	for (uint32_t i = 0; i < gso.count; i++) {
		uint32_t bytes = gso_segment(&gso, i, 0, want);

		seal_rig_expect(params, want);
		expect_opened(i, want, bytes);
	}
}

#endif
