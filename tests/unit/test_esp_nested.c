/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transport over tunnel: what is looked for inside of an opened tunnel packet, and what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/esp_nested.h"
#include "tests/lib/nest.h"
#include "tests/lib/packet.h"

#define DATA_LEN 77

/* The packet that transport mode protects, between the addresses of the inner layer. */
static size_t plain_packet(const struct nest *nest, const uint8_t *checksummed_src, uint8_t *out)
{
	struct packet_spec spec = {
		.family = nest->kind.transport.family,
		.protocol = IPPROTO_TCP,
		.src = packet_addr(nest->kind.transport.family, 2),
		.dst = packet_addr(nest->kind.transport.family, 0),
		.sport = 40000,
		.dport = 443,
		.data_len = DATA_LEN,
	};
	size_t header = spec.family == 4 ? 20 : 40;
	size_t len = packet_build(&spec, out);

	spec.src = checksummed_src ? checksummed_src : spec.src;
	packet_upper(&spec, out + header);
	return len;
}

static void fix_ipv4(uint8_t *ip)
{
	packet_put16(ip + 10, 0);
	packet_put16(ip + 10, packet_checksum(0, ip, 20));
}

/* The inner layer of one: sealed, in the IP packet that the tunnel carries. */
static size_t inner_packet(struct nest *nest, uint8_t *out)
{
	uint8_t plain[NEST_PACKET_MAX];
	size_t len = plain_packet(nest, NULL, plain);
	size_t header = nest->kind.transport.family == 4 ? 20 : 40;

	return nest_inner(nest, plain + header, len - header, IPPROTO_TCP, out);
}

/* Opens the tunnel's layer, which is sound, and looks inside. */
static enum xesp_reason look(struct nest *nest, const uint8_t *inner, size_t len,
			     struct esp_packet *ret_outer, struct esp_packet *ret_inner)
{
	*ret_outer = nest_wrap(nest, 0, inner, len);
	esp_open_burst(nest->tunnel.crypto, ret_outer, 1, ESP_RIG_NOW);
	assert_int_equal(ret_outer->reason, XESP_REASON_DELIVERED);
	assert_true(ret_outer->result.crypto_done && !ret_outer->result.next_crypto_done);
	assert_int_equal(ret_outer->packet_len, len);
	return esp_nested_find(nest->db, ret_outer, ret_inner);
}

static enum xesp_reason open_inner(struct nest *nest, struct esp_packet *inner)
{
	esp_open_burst(nest->tunnel.crypto, inner, 1, ESP_RIG_NOW);
	esp_rig_check(inner);
	return inner->reason;
}

static void expect_result(const struct esp_packet *packet, bool done, bool next, enum crypto_status status)
{
	assert_int_equal(packet->result.crypto_done, done);
	assert_int_equal(packet->result.next_crypto_done, next);
	assert_int_equal(packet->result.crypto_status, status);
}

/* M17, M22, M23, M24: in place, within the bytes of the tunnel's packet. */
static void test_both_layers_of_each_kind_are_opened(void **state)
{
	uint8_t plain[NEST_PACKET_MAX], inner_bytes[NEST_PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < NEST_KINDS; i++) {
		struct esp_packet outer, inner;
		struct nest nest;
		size_t len;

		nest_setup_kind(&nest, &nest_kinds[i]);
		len = inner_packet(&nest, inner_bytes);
		assert_int_equal(look(&nest, inner_bytes, len, &outer, &inner), XESP_REASON_TO_ENGINE);
		assert_ptr_equal(inner.sa, nest.transport_sa);
		assert_int_equal(open_inner(&nest, &inner), XESP_REASON_DELIVERED);
		expect_result(&inner, true, true, CRYPTO_SUCCESS);
		assert_true(inner.packet > outer.packet &&
			    inner.packet + inner.packet_len <= outer.packet + outer.packet_len);
		len = plain_packet(&nest, NULL, plain);
		/* The sender's IPv4 identification and the like are the inner header's, not the plain one's.
		 */
		assert_int_equal(inner.packet_len, len);
		assert_memory_equal(inner.packet, plain, len);
		assert_int_equal(atomic_load(&nest.tunnel_sa->counters.packets), 1);
		assert_int_equal(atomic_load(&nest.transport_sa->counters.packets), 1);
		nest_teardown(&nest);
	}
}

/* M23: the layer inside stays closed, whatever the families. */
static void test_udp_in_udp_is_not_opened(void **state)
{
	static const uint8_t forms[] = {XESP_FORM_UDP, XESP_FORM_UDP_IKE};
	uint8_t inner_bytes[NEST_PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		const struct nest_kind kind = {"UDP in UDP",
					       {i & 1 ? 4 : 6, forms[i >> 2 & 1], 0},
					       {i & 2 ? 4 : 6, forms[i >> 3], 0}};
		struct esp_packet outer, inner;
		struct nest nest;
		size_t len;

		nest_setup_kind(&nest, &kind);
		len = inner_packet(&nest, inner_bytes);
		assert_int_equal(look(&nest, inner_bytes, len, &outer, &inner), XESP_REASON_NESTED_UDP);
		assert_memory_equal(outer.packet, inner_bytes, len);
		expect_result(&outer, true, false, CRYPTO_SUCCESS);
		nest_teardown(&nest);
	}
}

/* M18: the layer that failed is the one that the status names. */
static void test_wrong_icv_in_either_layer(void **state)
{
	uint8_t inner_bytes[NEST_PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < NEST_KINDS; i++) {
		struct esp_packet outer, inner;
		struct nest nest;
		size_t len;

		nest_setup_kind(&nest, &nest_kinds[i]);
		len = inner_packet(&nest, inner_bytes);
		inner_bytes[len - 1] ^= 1;
		/* The UDP checksum, of kind D's, is 0. */
		assert_int_equal(look(&nest, inner_bytes, len, &outer, &inner), XESP_REASON_TO_ENGINE);
		assert_int_equal(open_inner(&nest, &inner), XESP_REASON_AUTH_FAILED);
		expect_result(&inner, true, true, CRYPTO_TRANSPORT_ESP_AUTH_FAILED);
		assert_int_equal(nest.transport_sa->replay.top, 0);
		inner_bytes[len - 1] ^= 1;
		outer = nest_wrap(&nest, 0, inner_bytes, len);
		outer.frame[outer.frame_len - 1] ^= 1;
		esp_open_burst(nest.tunnel.crypto, &outer, 1, ESP_RIG_NOW);
		assert_int_equal(outer.reason, XESP_REASON_AUTH_FAILED);
		expect_result(&outer, true, false, CRYPTO_TUNNEL_ESP_AUTH_FAILED);
		assert_int_equal(esp_nested_find(nest.db, &outer, &inner), XESP_REASON_NOT_IPSEC);
		nest_teardown(&nest);
	}
}

/* M21, M22: a replay inside is not processed, the tunnel around it was. */
static void test_replay_in_either_layer(void **state)
{
	uint8_t inner_bytes[NEST_PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < NEST_KINDS; i++) {
		struct esp_packet outer, inner;
		struct nest nest;
		size_t len;

		nest_setup_kind(&nest, &nest_kinds[i]);
		len = inner_packet(&nest, inner_bytes);
		assert_int_equal(look(&nest, inner_bytes, len, &outer, &inner), XESP_REASON_TO_ENGINE);
		assert_int_equal(open_inner(&nest, &inner), XESP_REASON_DELIVERED);
		/* The same inner packet in a new one of the tunnel. */
		assert_int_equal(look(&nest, inner_bytes, len, &outer, &inner), XESP_REASON_TO_ENGINE);
		assert_int_equal(open_inner(&nest, &inner), XESP_REASON_REPLAY_DUPLICATE);
		expect_result(&inner, true, false, CRYPTO_SUCCESS);
		/* A new inner packet in the same one of the tunnel. */
		len = inner_packet(&nest, inner_bytes);
		nest.tunnel.seal.seq--;
		outer = nest_wrap(&nest, 0, inner_bytes, len);
		esp_open_burst(nest.tunnel.crypto, &outer, 1, ESP_RIG_NOW);
		assert_int_equal(outer.reason, XESP_REASON_REPLAY_DUPLICATE);
		expect_result(&outer, false, false, CRYPTO_SUCCESS);
		nest_teardown(&nest);
	}
}

/* M15, M16: the tunnel's content is the host's, as it is. */
static void test_what_no_sa_is_for_stays_closed(void **state)
{
	uint8_t inner_bytes[NEST_PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < NEST_KINDS; i++) {
		const struct sa_params transport = nest_transport_params(&nest_kinds[i]);
		size_t dst = nest_kinds[i].transport.family == 4 ? 16 + 3 : 24 + 15;
		struct esp_packet outer, inner;
		struct nest nest;
		size_t len;

		nest_setup_kind(&nest, &nest_kinds[i]);
		nest.transport.seal.spi++;
		len = inner_packet(&nest, inner_bytes);
		assert_int_equal(look(&nest, inner_bytes, len, &outer, &inner), XESP_REASON_NO_SA);
		assert_memory_equal(outer.packet, inner_bytes, len);
		nest.transport.seal.spi--;
		len = inner_packet(&nest, inner_bytes);
		inner_bytes[dst] ^= 0x80;
		if (dst == 19)
			fix_ipv4(inner_bytes);
		assert_int_equal(look(&nest, inner_bytes, len, &outer, &inner), XESP_REASON_NO_SA);
		/* Deleted meanwhile. */
		len = inner_packet(&nest, inner_bytes);
		assert_int_equal(sadb_del(nest.db, transport.spi, &transport.dst), 0);
		assert_true(look(&nest, inner_bytes, len, &outer, &inner) != XESP_REASON_TO_ENGINE);
		nest_teardown(&nest);
	}
}

/* As the classifier's table may look for an instant while it changes. */
static void test_entry_that_names_another_sa(void **state)
{
	uint8_t inner_bytes[NEST_PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < NEST_KINDS; i++) {
		const struct sa_params transport = nest_transport_params(&nest_kinds[i]);
		struct esp_packet outer, inner;
		struct xesp_sa_ref ref = {0};
		struct nest nest;
		size_t len;

		nest_setup_kind(&nest, &nest_kinds[i]);
		ref.index = nest.transport_sa->index;
		ref.generation = nest.transport_sa->generation;
		assert_int_equal(nest.classifier->ops->add_sa(nest.classifier, transport.spi + 9,
							      &transport.dst, &ref),
				 0);
		nest.transport.seal.spi += 9;
		len = inner_packet(&nest, inner_bytes);
		assert_int_equal(look(&nest, inner_bytes, len, &outer, &inner), XESP_REASON_NO_SA);
		nest_teardown(&nest);
	}
}

/* Tunnel in tunnel is none of the kinds; nor is a third layer. */
static void test_only_transport_in_tunnel(void **state)
{
	uint8_t inner_bytes[NEST_PACKET_MAX], plain[NEST_PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < NEST_KINDS; i++) {
		const struct sa_params tunnel = nest_tunnel_params(&nest_kinds[i]);
		struct sa_params transport = nest_transport_params(&nest_kinds[i]);
		struct esp_packet outer, inner, third;
		struct nest nest;
		size_t len;

		transport.mode = SA_MODE_TUNNEL;
		nest_setup(&nest, &nest_kinds[i], &tunnel, &transport);
		len = packet_udp4(plain, 50);
		len = nest_inner(&nest, plain, len, IPPROTO_IPIP, inner_bytes);
		assert_int_equal(look(&nest, inner_bytes, len, &outer, &inner), XESP_REASON_NO_SA);
		nest_teardown(&nest);
		/* Transport in transport in tunnel: the second layer's content looks like ESP of its SA. */
		nest_setup_kind(&nest, &nest_kinds[i]);
		len = inner_packet(&nest, plain);
		len = nest_inner(&nest, plain + (nest.kind.transport.family == 4 ? 20 : 40),
				 len - (nest.kind.transport.family == 4 ? 20 : 40),
				 nest.kind.transport.form == XESP_FORM_NATIVE ? IPPROTO_ESP : IPPROTO_UDP,
				 inner_bytes);
		assert_int_equal(look(&nest, inner_bytes, len, &outer, &inner), XESP_REASON_TO_ENGINE);
		assert_int_equal(open_inner(&nest, &inner), XESP_REASON_DELIVERED);
		assert_int_equal(esp_nested_find(nest.db, &inner, &third), XESP_REASON_NOT_IPSEC);
		nest_teardown(&nest);
	}
}

/* M14, M26, and what else inside of a tunnel is the host's: IKE, keepalives, fragments, options, lies. */
static void test_content_that_is_the_hosts(void **state)
{
	struct esp_packet outer, inner;
	uint8_t bytes[NEST_PACKET_MAX] = {0};
	struct nest nest;
	size_t len;

	(void)state;
	nest_setup_kind(&nest, &nest_kinds[4]); /* IPv4 in IPv4, kind D */
	len = inner_packet(&nest, bytes);
	memset(bytes + 28, 0, 4);
	assert_int_equal(look(&nest, bytes, len, &outer, &inner), XESP_REASON_IKE);
	len = inner_packet(&nest, bytes);
	packet_put16(bytes + 24, 9);
	bytes[28] = 0xff;
	assert_int_equal(look(&nest, bytes, len, &outer, &inner), XESP_REASON_KEEPALIVE);
	len = inner_packet(&nest, bytes);
	packet_put16(bytes + 26, 0x1234);
	assert_int_equal(look(&nest, bytes, len, &outer, &inner), XESP_REASON_UDP_CHECKSUM);
	len = inner_packet(&nest, bytes);
	packet_put16(bytes + 22, 4501);
	assert_int_equal(look(&nest, bytes, len, &outer, &inner), XESP_REASON_NOT_IPSEC);
	len = inner_packet(&nest, bytes);
	packet_put16(bytes + 24, 2000);
	assert_int_equal(look(&nest, bytes, len, &outer, &inner), XESP_REASON_UDP_LENGTH);
	len = inner_packet(&nest, bytes);
	packet_put16(bytes + 6, 0x2000);
	assert_int_equal(look(&nest, bytes, len, &outer, &inner), XESP_REASON_FRAGMENT);
	nest_teardown(&nest);
	nest_setup_kind(&nest, &nest_kinds[0]); /* IPv4 in IPv4, kind C */
	len = inner_packet(&nest, bytes);
	bytes[10] ^= 1;
	assert_int_equal(look(&nest, bytes, len, &outer, &inner), XESP_REASON_IP_CHECKSUM);
	len = inner_packet(&nest, bytes);
	len = packet_insert(bytes, len, 0, (const uint8_t *)"\x83\3\4", 4); /* a source route */
	assert_int_equal(look(&nest, bytes, len, &outer, &inner), XESP_REASON_IP_OPTIONS);
	nest_teardown(&nest);
}

/* M19: of the transport layer; kind D's UDP length decides how long ESP is. */
static void test_lengths_of_the_inner_layer(void **state)
{
	uint8_t bytes[NEST_PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < NEST_KINDS; i++) {
		const struct esp_rig_outer *layer = &nest_kinds[i].transport;
		size_t headers = esp_rig_headers(layer) - 14;
		struct nest nest;
		size_t len;

		nest_setup_kind(&nest, &nest_kinds[i]);
		len = inner_packet(&nest, bytes);
		for (size_t cut = headers + 9; cut < len; cut++) {
			struct esp_packet outer, inner;
			size_t ip = layer->family == 4 ? 20 : 40;

			if (layer->form != XESP_FORM_NATIVE)
				packet_put16(bytes + ip + 4, (uint16_t)(cut - ip));
			packet_put16(bytes + (layer->family == 4 ? 2 : 4),
				     (uint16_t)(layer->family == 4 ? cut : cut - ip));
			if (layer->family == 4)
				fix_ipv4(bytes);
			assert_int_equal(look(&nest, bytes, cut, &outer, &inner), XESP_REASON_TO_ENGINE);
			if (open_inner(&nest, &inner) == XESP_REASON_SYNTAX)
				expect_result(&inner, true, true, CRYPTO_INVALID_PACKET_SYNTAX);
			else
				expect_result(&inner, true, true, CRYPTO_TRANSPORT_ESP_AUTH_FAILED);
		}
		nest_teardown(&nest);
	}
}

/* RFC 3948 section 3.1.2 for kind D: the addresses are those of the inner header. */
static void test_checksum_behind_a_nat_inside_of_the_tunnel(void **state)
{
	uint8_t plain[NEST_PACKET_MAX], bytes[NEST_PACKET_MAX];

	(void)state;
	for (size_t i = 4; i < 8; i++)
		for (int known = 0; known < 2; known++) {
			const struct nest_kind *kind = &nest_kinds[i];
			const struct sa_params tunnel = nest_tunnel_params(kind);
			struct sa_params transport = nest_transport_params(kind);
			size_t header = kind->transport.family == 4 ? 20 : 40;
			const uint8_t *before = packet_addr(kind->transport.family, 3);
			struct esp_packet outer, inner;
			struct nest nest;
			size_t len;

			if (known) {
				transport.encap.original_src.family = transport.dst.family;
				memcpy(transport.encap.original_src.bytes, before,
				       ip_addr_size(transport.dst.family));
			}
			nest_setup(&nest, kind, &tunnel, &transport);
			len = plain_packet(&nest, before, plain);
			assert_false(packet_upper_checksum_good(plain, len));
			len = nest_inner(&nest, plain + header, len - header, IPPROTO_TCP, bytes);
			assert_int_equal(look(&nest, bytes, len, &outer, &inner), XESP_REASON_TO_ENGINE);
			assert_int_equal(open_inner(&nest, &inner), XESP_REASON_DELIVERED);
			assert_true(packet_upper_checksum_good(inner.packet, inner.packet_len));
			nest_teardown(&nest);
		}
}

/* The transport SA's selectors are about the inner packet, the tunnel's about what it carries: ESP. */
static void test_selectors_of_either_layer(void **state)
{
	uint8_t bytes[NEST_PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct nest_kind *kind = &nest_kinds[i];
		struct sa_params tunnel = nest_tunnel_params(kind);
		struct sa_params transport = nest_transport_params(kind);
		struct esp_packet outer, inner;
		struct nest nest;
		size_t len;

		tunnel.selector.protocol = IPPROTO_ESP;
		transport.selector.protocol = IPPROTO_TCP;
		transport.selector.dport = 443;
		nest_setup(&nest, kind, &tunnel, &transport);
		len = inner_packet(&nest, bytes);
		assert_int_equal(look(&nest, bytes, len, &outer, &inner), XESP_REASON_TO_ENGINE);
		assert_int_equal(open_inner(&nest, &inner), XESP_REASON_DELIVERED);
		nest_teardown(&nest);
		transport.selector.dport = 80;
		nest_setup(&nest, kind, &tunnel, &transport);
		len = inner_packet(&nest, bytes);
		assert_int_equal(look(&nest, bytes, len, &outer, &inner), XESP_REASON_TO_ENGINE);
		assert_int_equal(open_inner(&nest, &inner), XESP_REASON_SELECTOR);
		expect_result(&inner, true, true, CRYPTO_SUCCESS);
		nest_teardown(&nest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_layers_of_each_kind_are_opened),
		cmocka_unit_test(test_udp_in_udp_is_not_opened),
		cmocka_unit_test(test_wrong_icv_in_either_layer),
		cmocka_unit_test(test_replay_in_either_layer),
		cmocka_unit_test(test_what_no_sa_is_for_stays_closed),
		cmocka_unit_test(test_entry_that_names_another_sa),
		cmocka_unit_test(test_only_transport_in_tunnel),
		cmocka_unit_test(test_content_that_is_the_hosts),
		cmocka_unit_test(test_lengths_of_the_inner_layer),
		cmocka_unit_test(test_checksum_behind_a_nat_inside_of_the_tunnel),
		cmocka_unit_test(test_selectors_of_either_layer),
	};

	return cmocka_run_group_tests_name("esp_nested", tests, NULL, NULL);
}
