/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that a gateway takes from its inside interface, to the wire: the peer opens the same with a TTL
 * less by one and a finished checksum; each is counted where it ends, and what cannot be sent is answered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/send_rig.h"

#define MTU 1500
#define PACKET_MAX 2048

static uint8_t room[SEND_VNET_BYTES + PACKET_MAX + SEND_HEADER_KEPT];

static struct sa_params tunnel(uint8_t family)
{
	return seal_rig_params(SA_MODE_TUNNEL, family, 4, XESP_FORM_UDP);
}

static void routed(const uint8_t *packet, uint32_t len)
{
	memcpy(room + SEND_VNET_BYTES, packet, len);
	send_routed(bench.send, room + SEND_VNET_BYTES, len, ESP_RIG_NOW);
	memset(room, 0xee, sizeof(room)); /* it is no longer needed */
	bench.in++;
}

static void age(uint8_t *packet)
{
	if (packet[0] >> 4 == 6) {
		packet[7]--;
		return;
	}
	packet[8]--;
	packet_put16(packet + 10, 0);
	packet_put16(packet + 10, packet_checksum(0, packet, 20));
}

/* A packet as another container on this machine hands it over, and as it has to come out. */
static uint32_t unfinished(uint8_t family, uint8_t protocol, uint32_t data, uint8_t *out, uint8_t *want)
{
	uint32_t len = (uint32_t)seal_rig_inner(&bench.rig.sa->params, family, protocol, data, out);
	uint32_t at = l3_bytes(out) + (protocol == IPPROTO_TCP ? 16 : 6);

	memcpy(want, out, len);
	age(want);
	packet_put16(out + at, (uint16_t)~pseudo_checksum(out, len));
	return len;
}

static void test_bursts(void **state)
{
	static uint8_t packet[PACKET_MAX], want[64][PACKET_MAX];
	uint32_t len[64];

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct sa_params params = tunnel(family);

		set_up(&params, MTU);
		for (uint32_t i = 0; i < 64; i++) {
			len[i] = unfinished(family, i % 2 ? IPPROTO_TCP : IPPROTO_UDP, i * 20, packet,
					    want[i]);
			if (i % 3 == 0) { /* finished by its sender */
				memcpy(packet, want[i], len[i]);
				packet[family == 4 ? 8 : 7]++;
				if (family == 4) {
					packet_put16(packet + 10, 0);
					packet_put16(packet + 10, packet_checksum(0, packet, 20));
				}
			}
			routed(packet, len[i]);
		}
		send_flush(bench.send);
		run();
		assert_int_equal(bench.packets, 64);
		for (uint32_t i = 0; i < 64; i++) {
			expect_opened(i, want[i], len[i]);
			assert_true(packet_upper_checksum_good(want[i], len[i]));
		}
		assert_int_equal(count_of(XESP_REASON_SENT), 64);
		expect_sum(0);
		tear_down();
	}
}

/* The classifier looks at the same, so these do not come; if they do, they are not sent. */
static void test_not_to_be_passed_on(void **state)
{
	struct sa_params params = tunnel(4);
	uint8_t packet[PACKET_MAX];
	uint32_t len;

	(void)state;
	set_up(&params, MTU);
	len = inner_udp(4, 100, false, packet);
	packet[8] = 1;
	packet_put16(packet + 10, 0);
	packet_put16(packet + 10, packet_checksum(0, packet, 20));
	routed(packet, len);
	routed(packet, len - 1);
	routed(packet, 0);
	send_flush(bench.send);
	run();
	assert_int_equal(bench.packets, 0);
	assert_int_equal(count_of(XESP_REASON_SEND_MALFORMED), 3);
	expect_sum(0);
	tear_down();
}

static void test_refusals_are_told(void **state)
{
	struct sa_params params = tunnel(4);
	uint8_t packet[PACKET_MAX], answer[PACKET_MAX];
	uint32_t len;

	(void)state;
	set_up(&params, MTU);
	len = inner_udp(4, 1450, false, packet);
	routed(packet, len);
	send_flush(bench.send);
	assert_int_equal(count_of(XESP_REASON_SEND_TOO_BIG), 1);
	assert_true(host_gets(answer, sizeof(answer)) > 0);
	assert_int_equal(answer[20], 3); /* fragmentation needed */
	assert_int_equal(answer[21], 4);
	len = inner_udp(4, 100, false, packet);
	packet[19] ^= 0x40; /* no SA is for this destination */
	packet_put16(packet + 10, 0);
	packet_put16(packet + 10, packet_checksum(0, packet, 20));
	spd_remove(bench.spd, bench.rig.sa);
	routed(packet, len);
	send_flush(bench.send);
	assert_int_equal(count_of(XESP_REASON_SEND_REFUSED), 1);
	assert_true(host_gets(answer, sizeof(answer)) > 0);
	run();
	assert_int_equal(bench.packets, 0);
	expect_sum(0);
	assert_int_equal(spd_add(bench.spd, &params.selector, 0, bench.rig.sa), 0);
	tear_down();
}

/* While the neighbour is asked for, packets wait with those of the host, in one queue. */
static void test_waiting(void **state)
{
	struct sa_params params = tunnel(4);
	uint8_t packet[PACKET_MAX];
	uint32_t len;

	(void)state;
	set_up(&params, MTU);
	set_way(NEXTHOP_RESOLVING, MTU);
	len = inner_udp(4, 100, false, packet);
	routed(packet, len);
	send_flush(bench.send);
	run();
	assert_int_equal(bench.packets, 0);
	expect_sum(1);
	set_way(NEXTHOP_USABLE, MTU);
	run();
	assert_int_equal(bench.packets, 1);
	age(packet);
	expect_opened(0, packet, len);
	expect_sum(0);
	tear_down();
}

/* An interface that takes no more: dropped, each counted, and as many numbers of the SA taken as were sealed.
 */
static void test_full_interface(void **state)
{
	struct sa_params params = tunnel(4);
	uint8_t packet[PACKET_MAX];
	uint32_t len;

	(void)state;
	params.replay_window = 65536;
	set_up(&params, MTU);
	len = inner_udp(4, 1200, false, packet);
	for (uint32_t i = 0; i < 20000 && send_blocked(bench.send) < 0; i++) {
		routed(packet, len);
		if (i % 64 == 63)
			send_flush(bench.send);
	}
	assert_true(send_blocked(bench.send) >= 0);
	routed(packet, len);
	send_flush(bench.send);
	assert_true(count_of(XESP_REASON_SEND_FAILED) > 0);
	assert_int_equal(count_of(XESP_REASON_SENT) + count_of(XESP_REASON_SEND_FAILED), bench.in);
	expect_sum(0);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_not_to_be_passed_on),
		cmocka_unit_test(test_refusals_are_told),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_full_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
