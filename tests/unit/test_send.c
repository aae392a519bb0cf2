/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the TUN device to the wire: whatever the host hands over, the peer opens the same; what can look alike
 * goes out as one frame; what is not sent is counted, and its sender told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/send_rig.h"

#define MTU 1500

static struct sa_params tunnel(void)
{
	return seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
}

/* ---- what comes out ---------------------------------------------------------------------------------------
 */

static void check_single(const struct sa_params *params, uint8_t family)
{
	uint8_t inner[1500];

	set_up(params, MTU);
	for (uint32_t data = 0; data < 1350; data += 119) {
		uint32_t len = inner_udp(family, data, false, inner);

		host_sends(inner, len);
		run();
		assert_int_equal(bench.packets, 1);
		seal_rig_expect(params, inner);
		expect_opened(0, inner, len);
	}
	assert_int_equal(count_of(XESP_REASON_SENT), bench.in);
	assert_int_equal(atomic_load(&bench.rig.sa->counters.packets), bench.in);
	assert_int_equal(atomic_load(&bench.rig.sa->counters.last_used), ESP_RIG_NOW);
	expect_sum(0);
	tear_down();
}

static void test_modes_and_forms(void **state)
{
	const enum sa_mode modes[] = {SA_MODE_TUNNEL, SA_MODE_TRANSPORT, SA_MODE_BEET};

	(void)state;
	for (size_t m = 0; m < 3; m++)
		for (unsigned int form = XESP_FORM_NATIVE; form <= XESP_FORM_UDP_IKE; form++)
			for (uint8_t inner = 4; inner <= 6; inner += 2)
				for (uint8_t outer = 4; outer <= 6; outer += 2) {
					struct sa_params params =
						seal_rig_params(modes[m], inner, outer, (enum xesp_form)form);

					if (modes[m] == SA_MODE_TRANSPORT && inner != outer)
						continue;
					check_single(&params, inner);
					esp_rig_suite(&params, ALGO_AES_CBC, 16, ALGO_HMAC_SHA256, 16);
					check_single(&params, inner);
				}
}

static void test_flows(void **state)
{
	const enum sa_mode modes[] = {SA_MODE_TUNNEL, SA_MODE_TRANSPORT, SA_MODE_BEET};

	(void)state;
	for (size_t m = 0; m < 3; m++)
		for (unsigned int form = XESP_FORM_NATIVE; form <= XESP_FORM_UDP_IKE; form++)
			for (uint8_t family = 4; family <= 6; family += 2) {
				struct sa_params params =
					seal_rig_params(modes[m], family, family, (enum xesp_form)form);

				params.replay_window = 1024;
				set_up(&params, MTU);
				check_flow(&params, family, 40000, 1300);
				/* Cut by the host's kernel as one frame each, but for native ESP. */
				assert_int_equal(bench.frames, form == XESP_FORM_NATIVE ? bench.packets : 1);
				check_flow(&params, family, 65000, 1300);
				check_flow(&params, family, 1300, 1300);
				check_flow(&params, family, 3000, 40);
				atomic_store(&bench.port->segments, false);
				check_flow(&params, family, 20000, 1200);
				assert_int_equal(bench.frames, bench.packets);
				assert_int_equal(count_of(XESP_REASON_SENT), bench.in);
				assert_int_equal(atomic_load(&bench.port->sent),
						 atomic_load(&bench.rig.sa->counters.packets));
				expect_sum(0);
				tear_down();
			}
}

/* ---- frames
 * ------------------------------------------------------------------------------------------------ */

/* Sends packets with so many bytes of data and DS fields, and returns the frames that they were. */
static uint32_t frames_of(const uint32_t *data, const uint8_t *ds, uint32_t count)
{
	uint8_t inner[64][1500];
	uint32_t len[64];

	for (uint32_t i = 0; i < count; i++) {
		len[i] = inner_udp(4, data[i], false, inner[i]);
		inner[i][1] = ds ? ds[i] : 0;
		packet_put16(inner[i] + 10, 0);
		packet_put16(inner[i] + 10, packet_checksum(0, inner[i], 20));
		host_sends(inner[i], len[i]);
	}
	run();
	assert_int_equal(bench.packets, count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(bench.packet[i].bytes[1], ds ? ds[i] : 0);
		expect_opened(i, inner[i], len[i]);
	}
	return bench.frames;
}

static void test_frames(void **state)
{
	const uint32_t same[64] = {40, 40, 40, 40, 40, 40}, shorter[] = {400, 400, 40, 40},
		       longer[] = {40, 400};
	const uint8_t ds[] = {0, 0, 2, 2, 3, 0};
	struct sa_params params = tunnel();
	uint32_t many[64];

	(void)state;
	params.replay_window = 1024;
	set_up(&params, MTU);
	for (uint32_t i = 0; i < 64; i++)
		many[i] = 1300;
	assert_int_equal(frames_of(same, NULL, 6), 1);
	assert_int_equal(frames_of(shorter, NULL, 4), 2); /* the shorter one is the last of its frame */
	assert_int_equal(frames_of(longer, NULL, 2), 2);
	assert_int_equal(frames_of(same, ds, 6), 4);
	assert_int_equal(frames_of(many, NULL, 64), 2); /* not more than 64 KB */
	atomic_store(&bench.port->segments, false);
	assert_int_equal(frames_of(same, NULL, 6), 6);
	tear_down();
}

/* ---- what is not sent
 * --------------------------------------------------------------------------------------- */

static void expect_answer(uint8_t type, uint8_t code, const uint8_t *about)
{
	uint8_t got[1500] = {0};
	uint32_t len = host_gets(got, sizeof(got)), l3 = l3_bytes(got);

	assert_true(len > l3 + 8 + 28);
	assert_int_equal(got[l3], type);
	assert_int_equal(got[l3 + 1], code);
	assert_memory_equal(got + l3 + 8, about, 28);
}

static void expect_not_sent(enum xesp_reason reason, uint8_t type, uint8_t code)
{
	uint64_t before = count_of(reason);
	uint8_t inner[200];

	host_sends(inner, inner_udp(4, 100, false, inner));
	run();
	assert_int_equal(bench.frames, 0);
	assert_int_equal(count_of(reason), before + 1);
	expect_sum(0);
	expect_answer(type, code, inner);
}

static void test_refused(void **state)
{
	struct sa_params params = tunnel();

	(void)state;
	set_up(&params, MTU);
	send_set_spd(bench.send, NULL, true);
	expect_not_sent(XESP_REASON_SEND_REFUSED, 3, 13);
	send_set_spd(bench.send, bench.spd, true);
	set_way(NEXTHOP_NONE, MTU);
	expect_not_sent(XESP_REASON_SEND_NO_ROUTE, 3, 1);
	bench.rig.sa->hop = NULL;
	expect_not_sent(XESP_REASON_SEND_NO_ROUTE, 3, 1);
	bench.rig.sa->hop = &bench.hop;
	set_way(NEXTHOP_USABLE, MTU);
	atomic_store(&bench.rig.sa->dead, true);
	expect_not_sent(XESP_REASON_SEND_ENDED, 3, 13);
	assert_int_equal(atomic_load(&bench.rig.sa->counters.refused), 3);
	atomic_store(&bench.rig.sa->dead, false);
	/* The flow is known; its SA is taken out. */
	spd_remove(bench.spd, bench.rig.sa);
	expect_not_sent(XESP_REASON_SEND_REFUSED, 3, 13);
	tear_down();
}

static void test_last_numbers(void **state)
{
	struct sa_params params = tunnel();
	uint8_t inner[200];

	(void)state;
	params.send_seq = params.replay_seq = UINT32_MAX - 3;
	set_up(&params, MTU);
	atomic_store(&bench.rig.sa->last_seq, UINT32_MAX - 3);
	for (int i = 0; i < 5; i++)
		host_sends(inner, inner_udp(4, 100, false, inner));
	run();
	assert_int_equal(bench.packets, 3);
	assert_int_equal(count_of(XESP_REASON_SENT), 3);
	assert_int_equal(count_of(XESP_REASON_SEND_ENDED), 2);
	expect_answer(3, 13, inner);
	expect_sum(0);
	tear_down();
}

static void test_hard_lifetime(void **state)
{
	struct sa_params params = tunnel();
	uint8_t inner[200];

	(void)state;
	params.limits.packet_hard = 2;
	set_up(&params, MTU);
	for (int i = 0; i < 3; i++) {
		host_sends(inner, inner_udp(4, 100, false, inner));
		run();
		assert_int_equal(bench.packets, i < 2);
	}
	assert_int_equal(count_of(XESP_REASON_SEND_ENDED), 1);
	tear_down();
}

static void test_malformed(void **state)
{
	static uint8_t bytes[65536 + 20];
	struct sa_params params = seal_rig_params(SA_MODE_TRANSPORT, 4, 4, XESP_FORM_UDP);
	struct virtio_net_hdr odd = {.gso_type = VIRTIO_NET_HDR_GSO_UDP};
	uint8_t inner[200];
	uint32_t len;

	(void)state;
	set_up(&params, MTU);
	len = inner_udp(4, 100, true, inner);
	host_sends_piece(&odd, inner, len);
	host_sends(inner, 0);
	host_sends(inner, 10);
	host_sends(inner, len - 1);
	host_sends(bytes, 65536);
	packet_put16(inner + 6, 0x2000); /* no fragments in transport mode */
	host_sends(inner, len);
	run();
	assert_int_equal(bench.frames, 0);
	assert_int_equal(count_of(XESP_REASON_SEND_MALFORMED), 6);
	expect_sum(0);
	tear_down();
}

static void test_errors_are_limited(void **state)
{
	struct sa_params params = tunnel();
	uint8_t inner[1500];
	uint32_t answers = 0;

	(void)state;
	set_up(&params, MTU);
	send_set_spd(bench.send, NULL, true);
	for (int i = 0; i < 2 * XESP_REFUSALS_PER_SECOND; i++) {
		host_sends(inner, inner_udp(4, 100, false, inner));
		run();
		answers += host_gets(inner, sizeof(inner)) > 0;
	}
	assert_int_equal(answers, XESP_REFUSALS_PER_SECOND);
	assert_int_equal(count_of(XESP_REASON_SEND_REFUSED), 2 * XESP_REFUSALS_PER_SECOND);
	tear_down();
}

/* ---- waiting
 * ------------------------------------------------------------------------------------------------ */

static void test_waits(void **state)
{
	struct sa_params params = tunnel();
	uint8_t inner[3][300];

	(void)state;
	set_up(&params, MTU);
	set_way(NEXTHOP_RESOLVING, MTU);
	for (uint32_t i = 0; i < 3; i++)
		host_sends(inner[i], inner_udp(4, 100 + i, false, inner[i]));
	run();
	assert_int_equal(bench.frames, 0);
	assert_true(send_timeout(bench.send) > 0);
	expect_sum(3);
	set_way(NEXTHOP_USABLE, MTU);
	run();
	assert_int_equal(bench.packets, 3);
	for (uint32_t i = 0; i < 3; i++)
		expect_opened(i, inner[i], 128 + i);
	assert_int_equal(send_timeout(bench.send), -1);
	expect_sum(0);
	tear_down();
}

/* Pieces of all sizes, many times more than there is room for: those that go on are the newest, in order. */
static void test_waits_bounded(void **state)
{
	static uint8_t inner[9000];
	struct sa_params params = tunnel();
	uint32_t seed = 1;

	(void)state;
	params.replay_window = 1024;
	for (uint32_t most = 200; most < 9000; most *= 6) {
		set_up(&params, 65535);
		set_way(NEXTHOP_RESOLVING, 65535);
		for (uint32_t i = 0; i < 400; i++) {
			uint32_t len;

			seed = seed * 1664525 + 1013904223;
			len = inner_udp(4, 8 + (seed >> 8) % most, false, inner);
			packet_put16(inner + 4, (uint16_t)i);
			packet_put16(inner + 10, 0);
			packet_put16(inner + 10, packet_checksum(0, inner, 20));
			host_sends(inner, len);
			run();
		}
		assert_int_equal(bench.send->waiting.count + count_of(XESP_REASON_SEND_WAITED), 400);
		assert_true(bench.send->waiting.count >= 25);
		set_way(NEXTHOP_USABLE, 65535);
		run();
		for (uint32_t i = 0; i < bench.packets; i++) {
			struct esp_packet packet = peer_opens(i);

			assert_int_equal(packet_get16(packet.packet + 4), 400 - bench.packets + i);
		}
		expect_sum(0);
		tear_down();
	}
}

static void test_waits_not_for_ever(void **state)
{
	struct sa_params params = tunnel();
	uint8_t inner[200];

	(void)state;
	set_up(&params, MTU);
	set_way(NEXTHOP_RESOLVING, MTU);
	host_sends(inner, inner_udp(4, 100, false, inner));
	run();
	assert_int_equal(bench.send->waiting.count, 1);
	bench.send->waiting.packets[0].since -= SEND_WAIT_MS;
	run();
	assert_int_equal(bench.send->waiting.count, 0);
	assert_int_equal(count_of(XESP_REASON_SEND_WAITED), 1);
	expect_sum(0);
	tear_down();
}

/* ---- a port that is full
 * ------------------------------------------------------------------------------------- */

static void test_full(void **state)
{
	struct sa_params params = tunnel();
	uint8_t inner[1500];
	uint32_t sent = 0;

	(void)state;
	set_up(&params, MTU);
	while (send_blocked(bench.send) < 0) {
		assert_true(++sent < 100000);
		host_sends(inner, inner_udp(4, 1300, false, inner));
		send_step(bench.send, ESP_RIG_NOW);
	}
	assert_int_equal(count_of(XESP_REASON_SENT), sent - 1);
	assert_int_equal(count_of(XESP_REASON_SEND_FAILED), 1);
	assert_int_equal(atomic_load(&bench.port->failed), 1);
	assert_int_equal(send_blocked(bench.send), port_socket(bench.port, 0));
	/* Nothing is read until the socket takes more. */
	host_sends(inner, inner_udp(4, 1300, false, inner));
	bench.send->blocked_until = UINT64_MAX;
	assert_false(send_step(bench.send, ESP_RIG_NOW));
	expect_sum(1);
	while (read(bench.wire, inner, sizeof(inner)) > 0)
		;
	run();
	assert_int_equal(count_of(XESP_REASON_SENT), sent);
	expect_sum(0);
	tear_down();
}

static void test_no_socket(void **state)
{
	struct sa_params params = tunnel();
	uint8_t inner[200];
	struct port *port;

	(void)state;
	set_up(&params, MTU);
	assert_int_equal(port_new(8, &port), 0);
	bench.way.port = port;
	nexthop_write(&bench.hop, &bench.way);
	host_sends(inner, inner_udp(4, 100, false, inner));
	run();
	assert_int_equal(count_of(XESP_REASON_SEND_FAILED), 1);
	assert_int_equal(atomic_load(&bench.rig.sa->counters.refused), 1);
	port_free(port);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes_and_forms),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_last_numbers),
		cmocka_unit_test(test_hard_lifetime),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_errors_are_limited),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_waits_bounded),
		cmocka_unit_test(test_waits_not_for_ever),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_no_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
