/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that are too long for the path: whoever sent them is told a length that fits, or they arrive in
 * fragments that make the same packet; and TCP is told before it sends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/tcp_mss.h"
#include "tests/unit/send_rig.h"

/* Puts fragments of one packet together: of IPv4, or of IPv6 behind the fixed header. Returns its length. */
struct whole {
	uint8_t bytes[65536];
	uint32_t len, filled;
};

static void take_fragment(struct whole *whole, const uint8_t *ip, uint32_t len)
{
	bool v4 = ip[0] >> 4 == 4, more;
	uint32_t header = v4 ? (ip[0] & 15) * 4u : 48, offset, base = v4 ? header : 40;

	if (v4) {
		assert_int_equal(packet_checksum(0, ip, header), 0);
		assert_int_equal(packet_get16(ip + 2), len);
		more = packet_get16(ip + 6) & 0x2000;
		offset = (packet_get16(ip + 6) & 0x1fff) * 8u;
	} else {
		assert_int_equal(ip[6], IPPROTO_FRAGMENT);
		assert_int_equal(packet_get16(ip + 4) + 40u, len);
		more = ip[43] & 1;
		offset = packet_get16(ip + 42) & 0xfff8u;
	}
	if (more)
		assert_int_equal((len - header) % 8, 0);
	else
		whole->len = base + offset + len - header;
	if (offset == 0) {
		memcpy(whole->bytes, ip, base);
		if (!v4)
			whole->bytes[6] = ip[40];
	}
	memcpy(whole->bytes + base + offset, ip + header, len - header);
	whole->filled += len - header;
}

static void finish(struct whole *whole)
{
	uint8_t *ip = whole->bytes;

	assert_int_equal(whole->filled, whole->len - l3_bytes(ip));
	if (ip[0] >> 4 == 6) {
		packet_put16(ip + 4, (uint16_t)(whole->len - 40));
		return;
	}
	packet_put16(ip + 2, (uint16_t)whole->len);
	packet_put16(ip + 6, packet_get16(ip + 6) & 0x4000);
	packet_put16(ip + 10, 0);
	packet_put16(ip + 10, packet_checksum(0, ip, l3_bytes(ip)));
}

/* ---- ICMP
 * --------------------------------------------------------------------------------------------------- */

/* The MTU that the sender is told. */
static uint32_t told(uint8_t family)
{
	uint8_t got[1500] = {0};
	uint32_t l3;

	assert_true(host_gets(got, sizeof(got)) > 0);
	l3 = l3_bytes(got);
	assert_int_equal(got[0] >> 4, family);
	assert_int_equal(got[l3], family == 4 ? 3 : 2);
	assert_int_equal(got[l3 + 1], family == 4 ? 4 : 0);
	return (uint32_t)packet_get16(got + l3 + 4) << 16 | packet_get16(got + l3 + 6);
}

static void check_told(const struct sa_params *params, uint8_t family, uint32_t mtu)
{
	uint8_t inner[4000];
	uint32_t header = family == 4 ? 28 : 48, len, fits;

	set_up(params, mtu);
	len = inner_udp(family, 1600, false, inner);
	host_sends(inner, len);
	run();
	assert_int_equal(bench.frames, 0);
	assert_int_equal(count_of(XESP_REASON_SEND_TOO_BIG), 1);
	fits = told(family);
	assert_true(fits < len && fits > mtu - 150);
	/* What was told fits, and no byte more. */
	len = inner_udp(family, fits - header, false, inner);
	host_sends(inner, len);
	run();
	assert_int_equal(bench.packets, 1);
	assert_true(bench.packet[0].len <= mtu);
	expect_opened(0, inner, len);
	host_sends(inner, inner_udp(family, fits + 1 - header, false, inner));
	run();
	assert_int_equal(bench.frames, 0);
	assert_int_equal(told(family), fits);
	expect_sum(0);
	tear_down();
}

static void test_told(void **state)
{
	const enum sa_mode modes[] = {SA_MODE_TUNNEL, SA_MODE_TRANSPORT, SA_MODE_BEET};

	(void)state;
	for (size_t m = 0; m < 3; m++)
		for (unsigned int form = XESP_FORM_NATIVE; form <= XESP_FORM_UDP_IKE; form++)
			for (uint8_t family = 4; family <= 6; family += 2)
				for (uint32_t mtu = 1480; mtu < 1500; mtu++) {
					struct sa_params params = seal_rig_params(modes[m], family, family,
										  (enum xesp_form)form);

					check_told(&params, family, mtu);
				}
}

static void test_pieces_told(void **state)
{
	static uint8_t inner[65536];
	struct sa_params params = seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					.gso_size = 1460,
					.csum_start = 20,
					.csum_offset = 16};
	uint32_t len = (uint32_t)seal_rig_inner(&params, 4, IPPROTO_TCP, 14600, inner);

	(void)state;
	set_up(&params, 1500);
	packet_put16(inner + 6, 0x4000);
	host_sends_piece(&header, inner, len);
	run();
	assert_int_equal(bench.frames, 0);
	assert_int_equal(told(4), esp_out_inner_max(bench.rig.sa, 1500));
	assert_int_equal(atomic_load(&bench.rig.sa->counters.refused), 10);
	expect_sum(0);
	tear_down();
}

/* ---- fragments
 * ----------------------------------------------------------------------------------------------- */

static void test_inner_fragments(void **state)
{
	static uint8_t inner[9000];
	static struct whole whole;
	struct sa_params params = seal_rig_params(SA_MODE_TUNNEL, 4, 6, XESP_FORM_UDP);

	(void)state;
	params.replay_window = 1024;
	set_up(&params, 1400);
	for (uint32_t data = 1300; data < 8900; data += 371) {
		uint32_t len = inner_udp(4, data, true, inner);

		host_sends(inner, len);
		run();
		memset(&whole, 0, sizeof(whole));
		for (uint32_t i = 0; i < bench.packets; i++) {
			struct esp_packet packet = peer_opens(i);

			assert_true(bench.packet[i].len <= 1400);
			take_fragment(&whole, packet.packet, packet.packet_len);
		}
		finish(&whole);
		assert_int_equal(whole.len, len);
		assert_memory_equal(whole.bytes, inner, len);
	}
	assert_int_equal(count_of(XESP_REASON_SENT), bench.in);
	tear_down();
}

/* Sealed whole, in outer fragments. */
static void check_outer(const struct sa_params *params, uint8_t family, uint32_t data, bool may_cut,
			uint32_t mtu)
{
	static struct whole whole;
	uint8_t inner[9000];
	uint32_t len;

	memset(&whole, 0, sizeof(whole));
	set_up(params, mtu);
	len = inner_udp(family, data, may_cut, inner);
	host_sends(inner, len);
	run();
	assert_true(bench.packets > 1);
	for (uint32_t i = 0; i < bench.packets; i++) {
		assert_true(bench.packet[i].len <= mtu);
		take_fragment(&whole, bench.packet[i].bytes, bench.packet[i].len);
	}
	finish(&whole);
	memcpy(bench.packet[0].bytes, whole.bytes, whole.len);
	bench.packet[0].len = whole.len;
	expect_opened(0, inner, len);
	assert_int_equal(count_of(XESP_REASON_SENT), 1);
	assert_int_equal(atomic_load(&bench.rig.sa->counters.packets), 1);
	tear_down();
}

static void test_outer_fragments(void **state)
{
	struct sa_params params;

	(void)state;
	for (unsigned int form = XESP_FORM_NATIVE; form <= XESP_FORM_UDP_IKE; form++) {
		/* Only whole packets go into transport mode. */
		params = seal_rig_params(SA_MODE_TRANSPORT, 4, 4, (enum xesp_form)form);
		check_outer(&params, 4, 1470, true, 1500);
		check_outer(&params, 4, 8000, true, 1500);
		/* IPv6 has to carry 1280 bytes. */
		for (uint8_t outer = 4; outer <= 6; outer += 2) {
			params = seal_rig_params(SA_MODE_TUNNEL, 6, outer, (enum xesp_form)form);
			check_outer(&params, 6, 1232, false, 1280);
		}
		/* nopmtudisc */
		params = seal_rig_params(SA_MODE_TUNNEL, 4, 4, (enum xesp_form)form);
		params.flags = SA_FLAG_NO_PMTU_DISC;
		check_outer(&params, 4, 4000, false, 1500);
	}
}

/* ---- TCP's MSS
 * ------------------------------------------------------------------------------------------------ */

/* A SYN with the options given; its checksum is good, or the pseudo-header's sum. Returns its length. */
static uint32_t syn(uint8_t family, const uint8_t *options, uint32_t count, bool partial, uint8_t *out)
{
	const struct packet_spec spec = {.family = family,
					 .protocol = IPPROTO_TCP,
					 .src = packet_addr(family, 1),
					 .dst = packet_addr(family, 3),
					 .data_len = count};
	uint32_t len = (uint32_t)packet_build(&spec, out), l3 = l3_bytes(out);
	uint8_t *tcp = out + l3;

	tcp[12] = (uint8_t)((20 + count) / 4 << 4);
	tcp[13] = 0x02;
	memcpy(tcp + 20, options, count);
	packet_put16(tcp + 16, 0);
	packet_put16(tcp + 16,
		     partial ? (uint16_t)~pseudo_checksum(out, len)
			     : packet_checksum((uint16_t)~pseudo_checksum(out, len), tcp, len - l3));
	return len;
}

static void test_mss(void **state)
{
	/* At an even and an odd place, small enough, and with none that is read beyond its end. */
	static const uint8_t options[][8] = {{2, 4, 5, 0xb4, 1, 1, 1, 0}, {1, 2, 4, 5, 0xb4, 1, 1, 0},
					     {1, 1, 2, 4, 1, 0, 1, 0},	  {3, 3, 7, 0, 2, 4, 5, 0xb4},
					     {1, 1, 1, 1, 1, 1, 2, 4},	  {8, 20, 2, 4, 5, 0xb4, 0, 0},
					     {8, 0, 2, 4, 5, 0xb4, 0, 0}};
	static const int at[] = {2, 3, -1, -1, -1, -1, -1};

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		for (uint8_t family = 4; family <= 6; family += 2)
			for (int partial = 0; partial < 2; partial++) {
				uint8_t packet[200] = {0}, before[200];
				uint32_t len = syn(family, options[i], 8, partial, packet),
					 l3 = l3_bytes(packet);
				uint16_t most = 1400 - (family == 4 ? 40 : 60);

				memcpy(before, packet, len);
				tcp_mss_clamp(packet, len, 1400, partial);
				if (at[i] >= 0)
					packet_put16(before + l3 + 20 + at[i], most);
				if (at[i] >= 0 && !partial)
					memcpy(before + l3 + 16, packet + l3 + 16, 2);
				assert_memory_equal(packet, before, len);
				if (!partial)
					assert_true(packet_upper_checksum_good(packet, len));
				/* Only SYNs say it. */
				len = syn(family, options[i], 8, partial, packet);
				packet[l3 + 13] = 0x10;
				memcpy(before, packet, len);
				tcp_mss_clamp(packet, len, 1400, partial);
				assert_memory_equal(packet, before, len);
			}
}

static void test_mss_is_sent(void **state)
{
	static const uint8_t option[] = {2, 4, 5, 0xb4};
	struct sa_params params = seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
	struct esp_packet packet;
	uint8_t inner[200] = {0};
	uint32_t len;

	(void)state;
	set_up(&params, 1400);
	len = syn(4, option, 4, false, inner);
	host_sends(inner, len);
	run();
	packet = peer_opens(0);
	assert_int_equal(packet_get16(packet.packet + 42), esp_out_inner_max(bench.rig.sa, 1400) - 40);
	assert_true(packet_upper_checksum_good(packet.packet, packet.packet_len));
	tear_down();
}

/* Its answers would go into the SA. */
static void test_mss_is_opened(void **state)
{
	static const uint8_t option[] = {2, 4, 5, 0xb4};
	struct sa_params params = seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
	uint8_t packet[200] = {0}, before[200];
	uint32_t len;

	(void)state;
	params.selector.src = (struct ip_prefix){{AF_INET, {0}}, 32};
	params.selector.dst = params.selector.src;
	memcpy(params.selector.src.addr.bytes, packet_addr(4, 3), 4);
	memcpy(params.selector.dst.addr.bytes, packet_addr(4, 1), 4);
	set_up(&params, 1400);
	len = syn(4, option, 4, false, packet);
	memcpy(before, packet, len);
	send_set_spd(bench.send, bench.spd, false);
	send_clamp_opened(bench.send, packet, len);
	assert_memory_equal(packet, before, len);
	send_set_spd(bench.send, bench.spd, true);
	send_clamp_opened(bench.send, packet, len);
	assert_int_equal(packet_get16(packet + 42), esp_out_inner_max(bench.rig.sa, 1400) - 40);
	assert_true(packet_upper_checksum_good(packet, len));
	/* The other way round nothing is known of the path. */
	memcpy(before + 12, packet_addr(4, 3), 4);
	memcpy(before + 16, packet_addr(4, 1), 4);
	memcpy(packet, before, len);
	send_clamp_opened(bench.send, packet, len);
	assert_memory_equal(packet, before, len);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_pieces_told),
		cmocka_unit_test(test_inner_fragments),
		cmocka_unit_test(test_outer_fragments),
		cmocka_unit_test(test_mss),
		cmocka_unit_test(test_mss_is_sent),
		cmocka_unit_test(test_mss_is_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
