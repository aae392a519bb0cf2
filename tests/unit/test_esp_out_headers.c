/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The headers in front of ESP, field by field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/packet.h"
#include "tests/lib/seal_rig.h"

#define ECN_CE 3
#define DF 0x4000

/* One packet with the headers in front of it. */
struct sealed {
	uint8_t inner[300];
	size_t len;
	struct seal_packet packet;
	const uint8_t *ip; /* outer */
};

static void seal_inner(struct seal_rig *rig, struct sealed *sealed)
{
	assert_int_equal(seal_rig_prepare(rig, 0, sealed->inner, sealed->len, 0, &sealed->packet), 0);
	seal_rig_seal(rig, &sealed->packet, 1);
	sealed->ip = sealed->packet.frame + 14;
}

static void fix_ipv4(uint8_t *ip)
{
	packet_put16(ip + 10, 0);
	packet_put16(ip + 10, packet_checksum(0, ip, (ip[0] & 15) * 4u));
}

/* DS field, and for IPv4 DF. */
static void set_inner(struct sealed *sealed, const struct sa_params *params, uint8_t family, uint8_t ds,
		      bool df)
{
	sealed->len = seal_rig_inner(params, family, IPPROTO_UDP, 60, sealed->inner);
	if (family == 6) {
		packet_put16(sealed->inner, (uint16_t)(0x6000 | ds << 4 | 0xb));
		packet_put16(sealed->inner + 2, 0x1234);
		return;
	}
	sealed->inner[1] = ds;
	packet_put16(sealed->inner + 6, df ? DF : 0);
	sealed->inner[8] = 17;
	fix_ipv4(sealed->inner);
}

static uint8_t ds_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[1] : (uint8_t)(packet_get16(ip) >> 4);
}

static void setup(struct seal_rig *rig, enum sa_mode mode, uint8_t inner, uint8_t outer, uint32_t flags)
{
	struct sa_params params = seal_rig_params(mode, inner, outer, XESP_FORM_UDP);

	params.flags = flags;
	seal_rig_setup(rig, &params, NULL);
}

/* ---- tunnel mode --------------------------------------------------------------------------------------- */

static void test_ipv4_outer(void **state)
{
	struct sealed sealed;
	struct seal_rig rig;

	(void)state;
	setup(&rig, SA_MODE_TUNNEL, 4, 4, 0);
	set_inner(&sealed, &rig.sa->params, 4, 0xb8, true);
	seal_inner(&rig, &sealed);
	assert_int_equal(sealed.packet.headers, 28);
	assert_int_equal(sealed.ip[0], 0x45);
	assert_int_equal(sealed.ip[1], 0xb8);
	assert_int_equal(packet_get16(sealed.ip + 2), 28 + sealed.packet.out.esp_len);
	assert_int_equal(packet_get16(sealed.ip + 6), DF);
	assert_int_equal(sealed.ip[8], 64);
	assert_int_equal(sealed.ip[9], IPPROTO_UDP);
	assert_true(packet_ipv4_checksum_good(sealed.ip));
	assert_memory_equal(sealed.ip + 12, packet_addr4[2], 4);
	assert_memory_equal(sealed.ip + 16, packet_addr4[0], 4);
	assert_int_equal(packet_get16(sealed.ip + 20), 31337);
	assert_int_equal(packet_get16(sealed.ip + 22), 4500);
	assert_int_equal(packet_get16(sealed.ip + 24), 8 + sealed.packet.out.esp_len);
	/* RFC 3948 section 2.1 */
	assert_int_equal(packet_get16(sealed.ip + 26), 0);
	seal_rig_teardown(&rig);
}

static void test_ipv6_outer(void **state)
{
	struct sealed sealed;
	struct seal_rig rig;

	(void)state;
	setup(&rig, SA_MODE_TUNNEL, 6, 6, 0);
	set_inner(&sealed, &rig.sa->params, 6, 0x2e, false);
	for (unsigned int i = 0; i < 300; i++) {
		seal_inner(&rig, &sealed);
		/* DS field and flow label are those of the inner packet. */
		assert_memory_equal(sealed.ip, sealed.inner, 4);
		assert_int_equal(packet_get16(sealed.ip + 4), 8 + sealed.packet.out.esp_len);
		assert_int_equal(sealed.ip[6], IPPROTO_UDP);
		assert_int_equal(sealed.ip[7], 64);
		assert_memory_equal(sealed.ip + 8, packet_addr6[2], 16);
		assert_memory_equal(sealed.ip + 24, packet_addr6[0], 16);
		assert_int_not_equal(packet_get16(sealed.ip + 46), 0);
		assert_true(packet_upper_checksum_good(sealed.ip, sealed.packet.frame_len - 14));
	}
	seal_rig_teardown(&rig);
}

/* Of 2^16 checksums one is 0, which is sent as its other form: a port finds it. */
static void test_udp_checksum_is_never_0(void **state)
{
	struct sa_out_ends ends;
	struct sealed sealed;
	unsigned int all_ones = 0;
	struct seal_rig rig;

	(void)state;
	setup(&rig, SA_MODE_TUNNEL, 6, 6, 0);
	set_inner(&sealed, &rig.sa->params, 6, 0, false);
	seal_inner(&rig, &sealed);
	sa_out_get_ends(rig.sa, &ends);
	for (uint32_t port = 0; port < 65536; port++) {
		uint8_t headers[ESP_OUT_HEADER_MAX];
		uint32_t bytes;

		ends.sport = (uint16_t)port;
		sa_out_set_ends(rig.sa, &ends);
		bytes = esp_out_headers(rig.sa, &sealed.packet.split, sealed.packet.out.esp,
					sealed.packet.out.esp_len, false, headers);
		assert_int_equal(bytes, 48);
		assert_int_not_equal(packet_get16(headers + 46), 0);
		if (packet_get16(headers + 46) != 0xffff)
			continue;
		all_ones++;
		memcpy(sealed.packet.frame + 14, headers, bytes);
		assert_true(packet_upper_checksum_good(sealed.ip, sealed.packet.frame_len - 14));
	}
	assert_true(all_ones > 0);
	seal_rig_teardown(&rig);
}

/* RFC 6040 section 4.1: all four, and all DSCPs. */
static void check_ds(uint32_t flags, uint8_t mask)
{
	for (unsigned int i = 0; i < 4; i++) {
		uint8_t inner = i % 2 ? 6 : 4, outer = i / 2 ? 6 : 4;
		struct sealed sealed;
		struct seal_rig rig;

		setup(&rig, SA_MODE_TUNNEL, inner, outer, flags);
		for (unsigned int ds = 0; ds < 256; ds++) {
			set_inner(&sealed, &rig.sa->params, inner, (uint8_t)ds, false);
			seal_inner(&rig, &sealed);
			assert_int_equal(ds_of(sealed.ip), ds & mask);
		}
		seal_rig_teardown(&rig);
	}
}

static void test_ds_field(void **state)
{
	(void)state;
	check_ds(0, 0xff);
	check_ds(SA_FLAG_NO_ECN, 0xfc);
	check_ds(SA_FLAG_NO_ENCAP_DSCP, 0x03);
	check_ds(SA_FLAG_NO_ENCAP_DSCP | SA_FLAG_NO_ECN, 0);
}

/* A packet of IPv6 is never fragmented on its way, as one of IPv4 with DF. */
static void test_dont_fragment(void **state)
{
	struct sealed sealed;
	struct seal_rig rig;

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		uint8_t family = i % 3 == 2 ? 6 : 4;
		bool df = i % 3 > 0, disc = i < 3;

		setup(&rig, SA_MODE_TUNNEL, family, 4, disc ? 0 : SA_FLAG_NO_PMTU_DISC);
		set_inner(&sealed, &rig.sa->params, family, 0, df);
		seal_inner(&rig, &sealed);
		assert_int_equal(packet_get16(sealed.ip + 6), df && disc ? DF : 0);
		seal_rig_teardown(&rig);
	}
}

/* Without DF, no identification comes twice within 65536 packets. */
static void test_identification(void **state)
{
	static uint8_t seen[65536];
	uint8_t headers[ESP_OUT_HEADER_MAX];
	struct sealed sealed;
	struct seal_rig rig;

	(void)state;
	setup(&rig, SA_MODE_TUNNEL, 4, 4, 0);
	set_inner(&sealed, &rig.sa->params, 4, 0, false);
	seal_inner(&rig, &sealed);
	for (uint32_t seq = 0; seq < 65536; seq++) {
		packet_put16(sealed.packet.out.esp + 6, (uint16_t)seq);
		esp_out_headers(rig.sa, &sealed.packet.split, sealed.packet.out.esp,
				sealed.packet.out.esp_len, false, headers);
		assert_int_equal(seen[packet_get16(headers + 4)]++, 0);
	}
	seal_rig_teardown(&rig);
}

/* ---- forms and checksums ------------------------------------------------------------------------------- */

static void test_marker_and_native(void **state)
{
	static const uint8_t marker[8];
	struct sealed sealed;
	struct seal_rig rig;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		uint8_t outer = i % 2 ? 6 : 4;
		uint32_t ip_bytes = outer == 4 ? 20 : 40;
		enum xesp_form form = i < 2 ? XESP_FORM_UDP_IKE : XESP_FORM_NATIVE;
		struct sa_params params = seal_rig_params(SA_MODE_TUNNEL, 4, outer, form);

		seal_rig_setup(&rig, &params, NULL);
		set_inner(&sealed, &params, 4, 0, false);
		seal_inner(&rig, &sealed);
		assert_int_equal(sealed.ip[outer == 4 ? 9 : 6],
				 form == XESP_FORM_NATIVE ? IPPROTO_ESP : IPPROTO_UDP);
		if (form == XESP_FORM_NATIVE) {
			assert_int_equal(sealed.packet.headers, ip_bytes);
		} else {
			assert_int_equal(sealed.packet.headers, ip_bytes + 16);
			assert_memory_equal(sealed.ip + ip_bytes + 8, marker, sizeof(marker));
			assert_int_equal(packet_get16(sealed.ip + ip_bytes + 4),
					 16 + sealed.packet.out.esp_len);
		}
		if (outer == 6 && form != XESP_FORM_NATIVE)
			assert_true(packet_upper_checksum_good(sealed.ip, sealed.packet.frame_len - 14));
		seal_rig_teardown(&rig);
	}
}

/* Completed as a network card does it, it is right, on IPv4 too. */
static void test_partial_checksum(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		uint8_t outer = i % 2 ? 6 : 4;
		uint32_t ip_bytes = outer == 4 ? 20 : 40;
		struct sa_params params =
			seal_rig_params(SA_MODE_TUNNEL, 4, outer, i < 2 ? XESP_FORM_UDP : XESP_FORM_UDP_IKE);
		uint8_t headers[ESP_OUT_HEADER_MAX], *udp;
		struct sealed sealed;
		struct seal_rig rig;
		uint32_t bytes, len;

		(void)state;
		seal_rig_setup(&rig, &params, NULL);
		set_inner(&sealed, &params, 4, 0, false);
		seal_inner(&rig, &sealed);
		bytes = esp_out_headers(rig.sa, &sealed.packet.split, sealed.packet.out.esp,
					sealed.packet.out.esp_len, true, headers);
		assert_int_equal(bytes, sealed.packet.headers);
		memcpy(sealed.packet.frame + 14, headers, bytes);
		udp = sealed.packet.frame + 14 + ip_bytes;
		len = sealed.packet.frame_len - 14 - ip_bytes;
		packet_put16(udp + 6, packet_checksum(0, udp, len));
		assert_int_not_equal(packet_get16(udp + 6), 0);
		assert_true(packet_upper_checksum_good(sealed.ip, sealed.packet.frame_len - 14));
		seal_rig_teardown(&rig);
	}
}

/* The peer moved (RFC 7296 section 2.23), and our own address changed. */
static void test_other_ends(void **state)
{
	struct sa_out_ends ends;
	struct sealed sealed;
	struct seal_rig rig;

	(void)state;
	setup(&rig, SA_MODE_TUNNEL, 4, 4, 0);
	set_inner(&sealed, &rig.sa->params, 4, 0, false);
	sa_out_get_ends(rig.sa, &ends);
	memcpy(ends.src.bytes, packet_addr4[3], 4);
	memcpy(ends.dst.bytes, packet_addr4[1], 4);
	ends.dport = 61000;
	sa_out_set_ends(rig.sa, &ends);
	seal_inner(&rig, &sealed);
	assert_memory_equal(sealed.ip + 12, packet_addr4[3], 4);
	assert_memory_equal(sealed.ip + 16, packet_addr4[1], 4);
	assert_int_equal(packet_get16(sealed.ip + 22), 61000);
	assert_true(packet_ipv4_checksum_good(sealed.ip));
	seal_rig_teardown(&rig);
}

static void test_dummy(void **state)
{
	const struct esp_out_split split = {.next_header = IPPROTO_NONE};
	static const enum sa_mode modes[] = {SA_MODE_TUNNEL, SA_MODE_TRANSPORT, SA_MODE_BEET};
	uint8_t headers[ESP_OUT_HEADER_MAX], esp[100] = {0};
	struct seal_rig rig;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		setup(&rig, modes[i], 4, 4, 0);
		memset(headers, 0xc5, sizeof(headers));
		assert_int_equal(esp_out_headers(rig.sa, &split, esp, sizeof(esp), false, headers), 28);
		assert_int_equal(headers[0], 0x45);
		assert_int_equal(headers[1], 0);
		assert_int_equal(packet_get16(headers + 2), 128);
		assert_int_equal(packet_get16(headers + 6), DF);
		assert_int_equal(headers[8], 64);
		assert_true(packet_ipv4_checksum_good(headers));
		seal_rig_teardown(&rig);
	}
}

/* ---- the host's header --------------------------------------------------------------------------------- */

/* All of it but for protocol, length and checksum, whatever flags say. */
static void test_transport_keeps_the_header(void **state)
{
	const uint32_t flags = SA_FLAG_NO_ECN | SA_FLAG_NO_ENCAP_DSCP | SA_FLAG_NO_PMTU_DISC;
	struct sealed sealed;
	struct seal_rig rig;

	(void)state;
	setup(&rig, SA_MODE_TRANSPORT, 4, 4, flags);
	set_inner(&sealed, &rig.sa->params, 4, 0xb8 | ECN_CE, true);
	packet_put16(sealed.inner + 4, 0xabcd);
	fix_ipv4(sealed.inner);
	seal_inner(&rig, &sealed);
	assert_memory_equal(sealed.ip, sealed.inner, 2);
	assert_memory_equal(sealed.ip + 4, sealed.inner + 4, 5);
	assert_memory_equal(sealed.ip + 12, sealed.inner + 12, 8);
	assert_int_equal(sealed.ip[9], IPPROTO_UDP);
	assert_int_equal(packet_get16(sealed.ip + 2), sealed.packet.frame_len - 14);
	assert_true(packet_ipv4_checksum_good(sealed.ip));
	seal_rig_teardown(&rig);
	setup(&rig, SA_MODE_TRANSPORT, 6, 6, flags);
	set_inner(&sealed, &rig.sa->params, 6, 0xb8 | ECN_CE, false);
	sealed.inner[7] = 3;
	seal_inner(&rig, &sealed);
	assert_memory_equal(sealed.ip, sealed.inner, 4);
	assert_memory_equal(sealed.ip + 7, sealed.inner + 7, 33);
	assert_int_equal(packet_get16(sealed.ip + 4), sealed.packet.frame_len - 14 - 40);
	seal_rig_teardown(&rig);
}

/* RFC 4303 section 3.1.1: options stay in front of ESP; of IPv6's, those for the destination do not. */
static void test_transport_options(void **state)
{
	static const uint8_t options[8] = {0x94, 4, 0, 0, 1, 1, 1, 1}, padn[8] = {0, 0, 1, 4};
	struct sealed sealed;
	struct seal_rig rig;

	(void)state;
	setup(&rig, SA_MODE_TRANSPORT, 4, 4, 0);
	set_inner(&sealed, &rig.sa->params, 4, 0, false);
	sealed.len = packet_insert(sealed.inner, sealed.len, 0, options, sizeof(options));
	seal_inner(&rig, &sealed);
	assert_int_equal(sealed.packet.headers, 36);
	assert_int_equal(sealed.ip[0], 0x47);
	assert_memory_equal(sealed.ip + 20, options, sizeof(options));
	assert_int_equal(packet_checksum(0, sealed.ip, 28), 0);
	assert_int_equal(sealed.packet.out.next_header, IPPROTO_UDP);
	seal_rig_teardown(&rig);
	setup(&rig, SA_MODE_TRANSPORT, 6, 6, 0);
	set_inner(&sealed, &rig.sa->params, 6, 0, false);
	sealed.len = packet_insert(sealed.inner, sealed.len, IPPROTO_DSTOPTS, padn, sizeof(padn));
	sealed.len = packet_insert(sealed.inner, sealed.len, IPPROTO_HOPOPTS, padn, sizeof(padn));
	seal_inner(&rig, &sealed);
	assert_int_equal(sealed.packet.headers, 56);
	assert_int_equal(sealed.ip[6], IPPROTO_HOPOPTS);
	assert_int_equal(sealed.ip[40], IPPROTO_UDP);
	assert_int_equal(sealed.packet.out.next_header, IPPROTO_DSTOPTS);
	seal_rig_teardown(&rig);
}

/* RFC 7402 appendix B.5: with 4 bytes of options there is no filling, with 8 there is. */
static void test_beet_pseudo_header(void **state)
{
	static const uint8_t options[8] = {0x94, 4, 0, 0, 1, 1, 1, 1};
	static const uint8_t short_prefix[] = {IPPROTO_UDP, 0, 0, 0};
	static const uint8_t long_prefix[] = {IPPROTO_UDP, 1, 4, 0, 1, 1, 1, 1};
	struct sealed sealed;
	struct seal_rig rig;

	(void)state;
	setup(&rig, SA_MODE_BEET, 4, 4, 0);
	for (size_t count = 0; count <= 8; count += 4) {
		set_inner(&sealed, &rig.sa->params, 4, ECN_CE, false);
		if (count)
			sealed.len = packet_insert(sealed.inner, sealed.len, 0, options, count);
		seal_inner(&rig, &sealed);
		assert_int_equal(sealed.packet.split.skip, 20);
		assert_int_equal(sealed.packet.split.next_header, count ? IPPROTO_BEETPH : IPPROTO_UDP);
		assert_int_equal(sealed.packet.split.prefix_bytes, count == 8 ? 8 : count);
		assert_memory_equal(sealed.packet.split.prefix, count == 8 ? long_prefix : short_prefix,
				    sealed.packet.split.prefix_bytes);
		/* TTL, DS field, identification are the packet's; options are not in the outer header. */
		assert_int_equal(sealed.ip[0], 0x45);
		assert_int_equal(sealed.ip[1], ECN_CE);
		assert_int_equal(sealed.ip[8], 17);
		assert_int_equal(packet_get16(sealed.ip + 4), 0x1234);
	}
	seal_rig_teardown(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4_outer),
		cmocka_unit_test(test_ipv6_outer),
		cmocka_unit_test(test_udp_checksum_is_never_0),
		cmocka_unit_test(test_ds_field),
		cmocka_unit_test(test_dont_fragment),
		cmocka_unit_test(test_identification),
		cmocka_unit_test(test_marker_and_native),
		cmocka_unit_test(test_partial_checksum),
		cmocka_unit_test(test_other_ends),
		cmocka_unit_test(test_dummy),
		cmocka_unit_test(test_transport_keeps_the_header),
		cmocka_unit_test(test_transport_options),
		cmocka_unit_test(test_beet_pseudo_header),
	};

	return cmocka_run_group_tests_name("esp_out_headers", tests, NULL, NULL);
}
