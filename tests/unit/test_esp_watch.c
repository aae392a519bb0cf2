/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What opened packets tell of their SA: first use, lifetimes in bytes and packets, the peer's address. Each
 * at its exact packet, once, and not lost if the ring is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/esp_event.h"
#include "dataplane/esp_watch.h"
#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

#define SPORT 31337 /* of the rig's packets */
#define INNER 100   /* bytes of an inner packet */

struct watch {
	struct esp_rig rig;
	struct event_ring *ring;
	uint64_t now;
	uint32_t mappings; /* that were told */
};

static void start(struct watch *watch, const struct sa_params *params)
{
	esp_rig_setup(&watch->rig, params, &crypto_openssl);
	watch->ring = aligned_alloc(64, sizeof(*watch->ring));
	assert_non_null(watch->ring);
	memset(watch->ring, 0, sizeof(*watch->ring));
	watch->now = 1000;
	watch->mappings = 0;
}

static void end(struct watch *watch)
{
	struct event event;

	assert_false(event_pop(watch->ring, &event));
	esp_rig_teardown(&watch->rig);
	free(watch->ring);
}

/* A packet with the next number, from this source port if it is not 0. */
static struct esp_packet make(struct watch *watch, const struct esp_rig_outer *outer, uint16_t sport)
{
	uint8_t inner[INNER];
	size_t len = packet_udp4(inner, INNER - 28);
	struct esp_packet packet = esp_rig_seal_payload(&watch->rig, 0, outer, inner, len, IPPROTO_IPIP);

	if (sport)
		packet_put16(packet.frame + 14 + (outer->family == 4 ? 20 : 40), sport);
	packet.events = watch->ring;
	return packet;
}

static enum xesp_reason open_one(struct watch *watch, struct esp_packet *packet)
{
	esp_open_burst(watch->rig.crypto, packet, 1, watch->now);
	return packet->reason;
}

static enum xesp_reason send_from(struct watch *watch, uint16_t sport)
{
	struct esp_packet packet = make(watch, &esp_rig_udp4, sport);

	return open_one(watch, &packet);
}

static void expect(struct watch *watch, enum event_type type, enum event_limit limit)
{
	struct event event;

	assert_true(event_pop(watch->ring, &event));
	assert_int_equal(event.type, type);
	assert_int_equal(event.limit, limit);
	assert_int_equal(event.spi, ESP_RIG_SPI);
}

static void expect_nothing(struct watch *watch)
{
	struct event event;

	assert_false(event_pop(watch->ring, &event));
}

static void expect_mapping(struct watch *watch, uint16_t old_sport, uint16_t sport)
{
	struct event event;

	assert_true(event_pop(watch->ring, &event));
	assert_int_equal(event.type, EVENT_MAPPING_CHANGE);
	assert_int_equal(event.family, 4);
	assert_int_equal(event.old_sport, old_sport);
	assert_int_equal(event.sport, sport);
	assert_memory_equal(event.src, packet_addr4[2], 4);
	assert_memory_equal(event.old_src, packet_addr4[2], 4);
	assert_memory_equal(event.dst, packet_addr4[0], 4);
	assert_int_equal(watch->rig.sa->watch.mappings, ++watch->mappings);
}

/* S12: also a packet that is dropped behind the ICV is a use. */
static void test_first_use_is_told_once(void **state)
{
	const struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct watch watch;
	struct esp_packet packet;

	(void)state;
	start(&watch, &params);
	packet = make(&watch, &esp_rig_udp4, 0);
	packet.frame[packet.frame_len - 1] ^= 1;
	assert_int_equal(open_one(&watch, &packet), XESP_REASON_AUTH_FAILED);
	expect_nothing(&watch);
	assert_int_equal(ESP_RIG_COUNTER(&watch.rig, first_used), 0);
	watch.now = 2000;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send_from(&watch, 0), XESP_REASON_DELIVERED);
		if (i == 0)
			expect(&watch, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
		watch.now++;
	}
	assert_int_equal(ESP_RIG_COUNTER(&watch.rig, first_used), 2000);
	assert_int_equal(ESP_RIG_COUNTER(&watch.rig, last_used), 2002);
	end(&watch);
}

static void test_packet_limits_at_their_packet(void **state)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct watch watch;

	(void)state;
	params.limits.packet_soft = 3;
	params.limits.packet_hard = 5;
	start(&watch, &params);
	for (unsigned int i = 1; i <= 8; i++) {
		assert_int_equal(send_from(&watch, 0), i <= 5 ? XESP_REASON_DELIVERED : XESP_REASON_EXPIRED);
		if (i == 1)
			expect(&watch, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
		if (i == 3)
			expect(&watch, EVENT_SOFT_LIFETIME, EVENT_LIMIT_PACKETS);
		if (i == 5)
			expect(&watch, EVENT_HARD_LIFETIME, EVENT_LIMIT_PACKETS);
		expect_nothing(&watch);
	}
	assert_int_equal(ESP_RIG_COUNTER(&watch.rig, packets), 5);
	assert_int_equal(ESP_RIG_COUNTER(&watch.rig, bytes), 5 * INNER);
	assert_int_equal(ESP_RIG_COUNTER(&watch.rig, malformed), 0);
	end(&watch);
}

/* The limit is reached by one packet, or jumped over by one: that one is not delivered, nor counted. */
static void test_byte_limits_at_their_packet(void **state)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct watch watch;

	(void)state;
	for (unsigned int over = 0; over < 2; over++) {
		params.limits.byte_soft = 2 * INNER - over;
		params.limits.byte_hard = 4 * INNER - over;
		start(&watch, &params);
		for (unsigned int i = 1; i <= 6; i++) {
			bool fits = i <= 4 - over;

			assert_int_equal(send_from(&watch, 0),
					 fits ? XESP_REASON_DELIVERED : XESP_REASON_EXPIRED);
			if (i == 1)
				expect(&watch, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
			if (i == 2)
				expect(&watch, EVENT_SOFT_LIFETIME, EVENT_LIMIT_BYTES);
			if (i == 4)
				expect(&watch, EVENT_HARD_LIFETIME, EVENT_LIMIT_BYTES);
			expect_nothing(&watch);
		}
		assert_int_equal(ESP_RIG_COUNTER(&watch.rig, bytes), (4 - over) * INNER);
		end(&watch);
	}
}

static void test_several_limits_in_one_packet(void **state)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct watch watch;

	(void)state;
	params.limits.byte_soft = params.limits.packet_soft = 1;
	params.limits.byte_hard = params.limits.packet_hard = 1;
	start(&watch, &params);
	/* The only packet allowed has more than the one byte allowed. */
	assert_int_equal(send_from(&watch, 0), XESP_REASON_EXPIRED);
	expect(&watch, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	expect(&watch, EVENT_SOFT_LIFETIME, EVENT_LIMIT_BYTES);
	expect(&watch, EVENT_SOFT_LIFETIME, EVENT_LIMIT_PACKETS);
	expect(&watch, EVENT_HARD_LIFETIME, EVENT_LIMIT_PACKETS);
	assert_int_equal(send_from(&watch, 0), XESP_REASON_EXPIRED);
	end(&watch);
}

/* A burst in which the limit lies: the order of the packets decides. */
static void test_limit_inside_a_burst(void **state)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct esp_packet packets[16];
	uint8_t inner[INNER];
	struct watch watch;

	(void)state;
	params.limits.packet_hard = 10;
	start(&watch, &params);
	for (size_t i = 0; i < 16; i++) {
		size_t len = packet_udp4(inner, INNER - 28);

		packets[i] = esp_rig_seal_payload(&watch.rig, i, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
		packets[i].events = watch.ring;
	}
	esp_open_burst(watch.rig.crypto, packets, 16, watch.now);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(packets[i].reason, i < 10 ? XESP_REASON_DELIVERED : XESP_REASON_EXPIRED);
	expect(&watch, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	expect(&watch, EVENT_HARD_LIFETIME, EVENT_LIMIT_PACKETS);
	end(&watch);
}

/* What finds no room in the ring is told by a later packet. */
static void test_full_ring_delays_and_loses_nothing(void **state)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct event event = {.type = EVENT_PACKET};
	struct watch watch;

	(void)state;
	params.limits.packet_soft = 2;
	params.limits.packet_hard = 3;
	start(&watch, &params);
	for (unsigned int i = 0; i < EVENT_RING_SIZE; i++)
		event_push(watch.ring, &event);
	for (unsigned int i = 1; i <= 4; i++)
		assert_int_equal(send_from(&watch, 0), i <= 3 ? XESP_REASON_DELIVERED : XESP_REASON_EXPIRED);
	for (unsigned int i = 0; i < EVENT_RING_SIZE; i++)
		assert_true(event_pop(watch.ring, &event));
	expect_nothing(&watch);
	assert_int_equal(atomic_load(&watch.ring->lost), 0);
	assert_int_equal(send_from(&watch, 0), XESP_REASON_EXPIRED);
	expect(&watch, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	expect(&watch, EVENT_SOFT_LIFETIME, EVENT_LIMIT_PACKETS);
	expect(&watch, EVENT_HARD_LIFETIME, EVENT_LIMIT_PACKETS);
	assert_int_equal(send_from(&watch, 0), XESP_REASON_EXPIRED);
	end(&watch);
}

static struct sa_params params_behind_nat(void)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);

	params.src.family = AF_INET;
	memcpy(params.src.bytes, packet_addr4[2], 4);
	params.encap =
		(struct sa_encap){.present = true, .type = XESP_ENCAP_RFC3948, .sport = SPORT, .dport = 4500};
	return params;
}

/* S2 */
static void test_mapping_changes_with_new_authentic_packets_only(void **state)
{
	const struct sa_params params = params_behind_nat();
	struct esp_packet packet;
	struct watch watch;
	struct sa_peer peer;

	(void)state;
	start(&watch, &params);
	watch.rig.seal.seq = 10;
	send_from(&watch, 0);
	expect(&watch, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	/* A replay, a wrong ICV, and a number that was passed over, all from elsewhere. */
	watch.rig.seal.seq = 10;
	assert_int_equal(send_from(&watch, 1111), XESP_REASON_REPLAY_DUPLICATE);
	packet = make(&watch, &esp_rig_udp4, 1111);
	packet.frame[packet.frame_len - 1] ^= 1;
	assert_int_equal(open_one(&watch, &packet), XESP_REASON_AUTH_FAILED);
	watch.rig.seal.seq = 9;
	assert_int_equal(send_from(&watch, 1111), XESP_REASON_DELIVERED);
	expect_nothing(&watch);
	watch.rig.seal.seq = 11;
	assert_int_equal(send_from(&watch, 2222), XESP_REASON_DELIVERED);
	expect_mapping(&watch, SPORT, 2222);
	assert_int_equal(send_from(&watch, 2222), XESP_REASON_DELIVERED);
	expect_nothing(&watch);
	esp_watch_read_peer(watch.rig.sa, &peer);
	assert_int_equal(ntohs(peer.port), 2222);
	end(&watch);
}

/* S2 */
static void test_mapping_is_told_once_a_second_and_the_newest_wins(void **state)
{
	const struct sa_params params = params_behind_nat();
	struct watch watch;

	(void)state;
	start(&watch, &params);
	send_from(&watch, 0);
	expect(&watch, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	send_from(&watch, 1);
	expect_mapping(&watch, SPORT, 1);
	for (uint16_t port = 2; port < 50; port++)
		send_from(&watch, port);
	expect_nothing(&watch);
	watch.now++;
	send_from(&watch, 49);
	expect_mapping(&watch, 1, 49);
	/* Away and back within the second: nothing has changed. */
	send_from(&watch, 60);
	send_from(&watch, 49);
	watch.now++;
	send_from(&watch, 49);
	expect_nothing(&watch);
	end(&watch);
}

/* RFC 7296 section 2.23: both forms at any time. */
static void test_alternating_forms_are_no_mapping_change(void **state)
{
	static const struct esp_rig_outer native = {4, XESP_FORM_NATIVE, 0};
	const struct sa_params params = params_behind_nat();
	struct esp_packet packet;
	struct watch watch;
	struct event event;

	(void)state;
	start(&watch, &params);
	for (int i = 0; i < 5; i++) {
		watch.now++;
		packet = make(&watch, i & 1 ? &native : &esp_rig_udp4, 0);
		assert_int_equal(open_one(&watch, &packet), XESP_REASON_DELIVERED);
	}
	expect(&watch, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	expect_nothing(&watch);
	/* Native from another address is one, to port 0; the port that shows up there later is none. */
	watch.now++;
	packet = make(&watch, &native, 0);
	packet.frame[14 + 15] ^= 1;
	open_one(&watch, &packet);
	assert_true(event_pop(watch.ring, &event));
	assert_int_equal(event.type, EVENT_MAPPING_CHANGE);
	assert_int_equal(event.sport, 0);
	assert_int_equal(event.old_sport, SPORT);
	assert_memory_not_equal(event.src, event.old_src, 4);
	watch.now++;
	packet = make(&watch, &esp_rig_udp4, 777);
	packet.frame[14 + 15] ^= 1;
	open_one(&watch, &packet);
	expect_nothing(&watch);
	assert_int_equal(ntohs(watch.rig.sa->watch.peer.port), 777);
	end(&watch);
}

/* A peer that the request does not name is learned; without a window no packet proves that it is new. */
static void test_what_is_no_mapping_change(void **state)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct watch watch;

	(void)state;
	start(&watch, &params);
	send_from(&watch, 0);
	expect(&watch, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	assert_int_equal(ntohs(watch.rig.sa->watch.peer.port), SPORT);
	end(&watch);
	params = params_behind_nat();
	params.replay_window = 0;
	start(&watch, &params);
	send_from(&watch, 0);
	expect(&watch, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	send_from(&watch, 1111);
	end(&watch);
}

static void test_mapping_of_ipv6(void **state)
{
	static const struct esp_rig_outer udp6 = {6, XESP_FORM_UDP, 0};
	struct sa_params params = params_behind_nat();
	struct esp_packet packet;
	struct watch watch;
	struct event event;

	(void)state;
	params.src.family = params.dst.family = AF_INET6;
	memcpy(params.src.bytes, packet_addr(6, 2), 16);
	memcpy(params.dst.bytes, packet_addr(6, 0), 16);
	start(&watch, &params);
	packet = make(&watch, &udp6, 0);
	open_one(&watch, &packet);
	expect(&watch, EVENT_FIRST_USE, EVENT_LIMIT_NONE);
	for (unsigned int byte = 0; byte < 16; byte += 15) {
		watch.now++;
		packet = make(&watch, &udp6, 0);
		packet.frame[14 + 8 + byte] ^= 1;
		open_one(&watch, &packet);
		assert_true(event_pop(watch.ring, &event));
		assert_int_equal(event.type, EVENT_MAPPING_CHANGE);
		assert_int_equal(event.family, 6);
		assert_memory_equal(event.src, packet.frame + 14 + 8, 16);
		assert_memory_equal(event.dst, packet_addr(6, 0), 16);
	}
	end(&watch);
}

/* M57: the kinds of packets that RFC 4303 and RFC 4301 want audited, and no other. */
static void test_what_is_audited(void **state)
{
	(void)state;
	assert_true(esp_event_is_audited(XESP_REASON_AUTH_FAILED));
	assert_true(esp_event_is_audited(XESP_REASON_REPLAY_OLD));
	assert_true(esp_event_is_audited(XESP_REASON_REPLAY_DUPLICATE));
	assert_true(esp_event_is_audited(XESP_REASON_SELECTOR));
	assert_true(esp_event_is_audited(XESP_REASON_SEQ_ZERO));
	assert_false(esp_event_is_audited(XESP_REASON_DELIVERED));
	assert_false(esp_event_is_audited(XESP_REASON_DUMMY));
	assert_false(esp_event_is_audited(XESP_REASON_EXPIRED));
	assert_false(esp_event_is_audited(XESP_REASON_SINK_FULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_use_is_told_once),
		cmocka_unit_test(test_packet_limits_at_their_packet),
		cmocka_unit_test(test_byte_limits_at_their_packet),
		cmocka_unit_test(test_several_limits_in_one_packet),
		cmocka_unit_test(test_limit_inside_a_burst),
		cmocka_unit_test(test_full_ring_delays_and_loses_nothing),
		cmocka_unit_test(test_mapping_changes_with_new_authentic_packets_only),
		cmocka_unit_test(test_mapping_is_told_once_a_second_and_the_newest_wins),
		cmocka_unit_test(test_alternating_forms_are_no_mapping_change),
		cmocka_unit_test(test_what_is_no_mapping_change),
		cmocka_unit_test(test_mapping_of_ipv6),
		cmocka_unit_test(test_what_is_audited),
	};

	return cmocka_run_group_tests_name("esp_watch", tests, NULL, NULL);
}
