/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dummy packets from the SA to the wire and the peer: it takes each for a dummy, an observer for a small
 * packet; they take numbers and count as others do, and none goes where nothing may go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/send_dummy.h"
#include "tests/unit/send_rig.h"

#define MTU 1500
#define DUMMIES 70 /* more than the peer's window */

static struct send_dummy *sender;

static void begin(const struct sa_params *params, uint32_t mtu)
{
	set_up(params, mtu);
	assert_int_equal(send_dummy_new(bench.rig.peer.crypto, &sender), 0);
}

static void end(void)
{
	send_dummy_free(sender);
	tear_down();
}

static bool send_one(void)
{
	return send_dummy(sender, bench.rig.sa, ESP_RIG_NOW);
}

static struct sa_params tunnel(void)
{
	return seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
}

static void peer_takes_for_dummy(void)
{
	const struct wire_packet *wire = &bench.packet[0];
	uint8_t *frame = esp_rig_frame_end(&bench.rig.peer, 0) - LINK - wire->len;
	struct classifier_result result;
	struct esp_packet packet = {.frame = frame, .frame_len = LINK + wire->len, .sa = bench.rig.peer.sa};

	memcpy(frame, bench.way.link, LINK);
	memcpy(frame + LINK, wire->bytes, wire->len);
	assert_int_equal(
		bench.rig.classifier->ops->run(bench.rig.classifier, frame, packet.frame_len, &result), 0);
	assert_int_equal(result.reason, XESP_REASON_TO_ENGINE);
	packet.meta = result.meta;
	assert_int_equal(esp_rig_open(&bench.rig.peer, &packet), XESP_REASON_DUMMY);
}

/* Sends one, all the way; returns its bytes. */
static uint32_t peer_gets_dummy(void)
{
	assert_true(send_one());
	run();
	assert_int_equal(bench.packets, 1);
	peer_takes_for_dummy();
	return bench.packet[0].len;
}

static void check_params(const struct sa_params *params)
{
	const struct sa_out_counters *counters;
	uint32_t least = UINT32_MAX, most = 0;

	begin(params, MTU);
	counters = &bench.rig.sa->counters;
	for (uint32_t i = 0; i < DUMMIES; i++) {
		uint32_t len = peer_gets_dummy();

		least = len < least ? len : least;
		most = len > most ? len : most;
	}
	/* 70 lengths of 256 possible ones lie within 100 of each other less than once in 10^25 times. */
	assert_true(most - least > 100);
	assert_int_equal(sa_out_left(bench.rig.sa), bench.rig.sa->seq_limit - DUMMIES);
	assert_int_equal(atomic_load(&counters->packets), DUMMIES);
	assert_in_range(atomic_load(&counters->bytes), DUMMIES * SEND_DUMMY_BYTES_MIN,
			DUMMIES * SEND_DUMMY_BYTES_MAX);
	assert_int_equal(atomic_load(&counters->first_used), ESP_RIG_NOW);
	assert_int_equal(atomic_load(&counters->last_used), ESP_RIG_NOW);
	assert_int_equal(atomic_load(&bench.port->sent), DUMMIES);
	end();
}

static void test_modes_and_forms(void **state)
{
	const enum sa_mode modes[] = {SA_MODE_TUNNEL, SA_MODE_TRANSPORT, SA_MODE_BEET};

	(void)state;
	for (size_t m = 0; m < 3; m++)
		for (unsigned int form = XESP_FORM_NATIVE; form <= XESP_FORM_UDP_IKE; form++)
			for (uint8_t outer = 4; outer <= 6; outer += 2) {
				struct sa_params params =
					seal_rig_params(modes[m], outer, outer, (enum xesp_form)form);

				check_params(&params);
				esp_rig_suite(&params, ALGO_AES_CBC, 16, ALGO_HMAC_SHA256, 16);
				check_params(&params);
			}
}

/* The outer header is that of a packet with DF, checksum for checksum. */
static void test_outer_header(void **state)
{
	struct sa_params params = tunnel();
	uint8_t inner[1500], real[64];
	uint32_t len;

	(void)state;
	begin(&params, MTU);
	len = inner_udp(4, 100, false, inner);
	inner[1] = 0;
	packet_put16(inner + 10, 0);
	packet_put16(inner + 10, packet_checksum(0, inner, 20));
	host_sends(inner, len);
	run();
	memcpy(real, bench.packet[0].bytes, 28);
	peer_gets_dummy();
	/* But for lengths, identification and the header's checksum. */
	memcpy(real + 2, bench.packet[0].bytes + 2, 4);
	memcpy(real + 10, bench.packet[0].bytes + 10, 2);
	memcpy(real + 24, bench.packet[0].bytes + 24, 2);
	assert_memory_equal(bench.packet[0].bytes, real, 28);
	end();
}

/* Packets of other kinds and dummies have one series of numbers. */
static void test_between_others(void **state)
{
	struct sa_params params = tunnel();
	uint8_t inner[1500];
	uint32_t len;

	(void)state;
	begin(&params, MTU);
	for (uint32_t i = 0; i < 5; i++) {
		len = inner_udp(4, 10, false, inner);
		host_sends(inner, len);
		run();
		expect_opened(0, inner, len);
		peer_gets_dummy();
		assert_int_equal(packet_get16(bench.packet[0].bytes + 28 + 6), 2 * i + 2);
	}
	end();
}

static void test_tfc_padding(void **state)
{
	struct sa_params params = tunnel();
	uint32_t len;

	(void)state;
	params.tfc_pad = 1000;
	begin(&params, MTU);
	len = peer_gets_dummy();
	assert_in_range(len, 28 + 8 + 8 + 1000 + 2 + 16, 28 + 8 + 8 + 1000 + 2 + 16 + 3);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(peer_gets_dummy(), len);
	end();
	/* As far as the path takes it. */
	params.tfc_pad = XESP_TFC_PAD_MAX;
	begin(&params, MTU);
	assert_in_range(peer_gets_dummy(), MTU - 3, MTU);
	set_way(NEXTHOP_USABLE, 9100);
	assert_in_range(peer_gets_dummy(), XESP_TFC_PAD_MAX, 9100);
	end();
}

static void expect_none(void)
{
	assert_false(send_one());
	run();
	assert_int_equal(bench.packets, 0);
	assert_int_equal(atomic_load(&bench.rig.sa->counters.packets), 0);
}

static void test_nowhere_to_go(void **state)
{
	struct sa_params params = tunnel();
	struct sa_out_ends ends, unknown;

	(void)state;
	begin(&params, MTU);
	set_way(NEXTHOP_NONE, MTU);
	expect_none();
	set_way(NEXTHOP_RESOLVING, MTU);
	expect_none();
	set_way(NEXTHOP_USABLE, 100);
	expect_none();
	set_way(NEXTHOP_USABLE, MTU);
	sa_out_get_ends(bench.rig.sa, &ends);
	unknown = ends;
	unknown.src.family = AF_UNSPEC;
	sa_out_set_ends(bench.rig.sa, &unknown);
	expect_none();
	sa_out_set_ends(bench.rig.sa, &ends);
	bench.rig.sa->hop = NULL;
	expect_none();
	bench.rig.sa->hop = &bench.hop;
	/* None of them took a number. */
	assert_int_equal(sa_out_left(bench.rig.sa), bench.rig.sa->seq_limit);
	assert_true(send_one());
	end();
}

static void expect_event(enum event_type type)
{
	struct event event;

	assert_true(send_dummy_event(sender, &event));
	assert_int_equal(event.type, type);
	assert_true(event.outbound);
	assert_int_equal(event.sa_generation, bench.rig.sa->generation);
}

static void test_lifetimes(void **state)
{
	struct sa_params params = tunnel();
	struct event event;

	(void)state;
	params.limits.packet_soft = 2;
	params.limits.packet_hard = 3;
	begin(&params, MTU);
	assert_true(send_one());
	expect_event(EVENT_FIRST_USE);
	assert_true(send_one());
	expect_event(EVENT_SOFT_LIFETIME);
	assert_true(send_one());
	expect_event(EVENT_HARD_LIFETIME);
	assert_false(send_one());
	assert_false(send_dummy_event(sender, &event));
	run();
	assert_int_equal(bench.packets, 3);
	end();
}

static void test_lifetime_in_bytes(void **state)
{
	struct sa_params params = tunnel();
	uint32_t sent = 0;

	(void)state;
	params.limits.byte_hard = 1000;
	begin(&params, MTU);
	while (send_one())
		assert_in_range(++sent, 1, 1000 / SEND_DUMMY_BYTES_MIN);
	assert_in_range(atomic_load(&bench.rig.sa->counters.bytes), 1000 - SEND_DUMMY_BYTES_MAX + 1, 1000);
	expect_event(EVENT_FIRST_USE);
	expect_event(EVENT_HARD_LIFETIME);
	run();
	assert_int_equal(bench.packets, sent);
	end();
}

static void test_deleted(void **state)
{
	struct sa_params params = tunnel();

	(void)state;
	begin(&params, MTU);
	atomic_store(&bench.rig.sa->dead, true);
	expect_none();
	end();
}

/* The interface takes no more: the number is spent, nothing counts as sent. */
static void test_not_taken(void **state)
{
	struct sa_params params = tunnel();
	uint32_t sent = 0;

	(void)state;
	begin(&params, MTU);
	while (send_one())
		assert_true(++sent < 1000000);
	assert_int_equal(atomic_load(&bench.rig.sa->counters.packets), sent);
	assert_int_equal(atomic_load(&bench.rig.sa->last_seq), sent + 1);
	assert_int_equal(atomic_load(&bench.port->failed), 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes_and_forms),	  cmocka_unit_test(test_outer_header),
		cmocka_unit_test(test_between_others),	  cmocka_unit_test(test_tfc_padding),
		cmocka_unit_test(test_nowhere_to_go),	  cmocka_unit_test(test_lifetimes),
		cmocka_unit_test(test_lifetime_in_bytes), cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_not_taken),
	};

	return cmocka_run_group_tests_name("send_dummy", tests, NULL, NULL);
}
