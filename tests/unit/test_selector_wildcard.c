/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selectors as a request says them, against inner packets that differ from them in one field: a field of zero
 * lets every value pass, and lets no other field go unchecked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "control/sa_json.h"
#include "control/validate.h"
#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

enum { SRC, DST, PROTO, SPORT, DPORT, FIELDS };

/* The seven fields of the NDIS selector, each with the value that stands for "any": what to say of it in a
 * request, and which fields of a packet are then free. */
static const struct {
	const char *name;
	const char *src[2]; /* IPv4, IPv6 */
	const char *dst[2];
	int proto;
	int sport;
	int dport;
	bool free[FIELDS];
} rows[] = {
#define EXACT_SRC \
	{ \
		"192.0.2.2", "2001:db8::2" \
	}
#define EXACT_DST \
	{ \
		"203.0.113.254", "fd00:1234::8001:feff" \
	}
	{"none", EXACT_SRC, EXACT_DST, 6, 1111, 2222, {false}},
	{"SrcAddr", {"0.0.0.0", "::"}, EXACT_DST, 6, 1111, 2222, {[SRC] = true}},
	{"SrcMask", {"0.0.0.0/0", "::/0"}, EXACT_DST, 6, 1111, 2222, {[SRC] = true}},
	{"DstAddr", EXACT_SRC, {"0.0.0.0", "::"}, 6, 1111, 2222, {[DST] = true}},
	{"DstMask", EXACT_SRC, {"0.0.0.0/0", "::/0"}, 6, 1111, 2222, {[DST] = true}},
	/* Ports without a protocol that has them mean nothing, and are refused. */
	{"Protocol", EXACT_SRC, EXACT_DST, 0, 0, 0, {[PROTO] = true, [SPORT] = true, [DPORT] = true}},
	{"SrcPort", EXACT_SRC, EXACT_DST, 6, 0, 2222, {[SPORT] = true}},
	{"DstPort", EXACT_SRC, EXACT_DST, 6, 1111, 0, {[DPORT] = true}},
	{"all",
	 {"0.0.0.0", "::"},
	 {"0.0.0.0/0", "::/0"},
	 0,
	 0,
	 0,
	 {[SRC] = true, [DST] = true, [PROTO] = true, [SPORT] = true, [DPORT] = true}},
};

static struct sa_selector selector_of(size_t row, size_t family)
{
	struct sa_params params;
	struct field_error error;
	json_t *object = json_pack("{s:s, s:i, s:s, s:s, s:s, s:i, s:{s:s, s:s, s:i, s:i, s:i}}", "dst",
				   "198.51.100.1", "spi", 4097, "mode", "tunnel", "aead", "rfc4106(gcm(aes))",
				   "key", "000102030405060708090a0b0c0d0e0f10111213", "icv_bits", 128, "sel",
				   "src", rows[row].src[family], "dst", rows[row].dst[family], "proto",
				   rows[row].proto, "sport", rows[row].sport, "dport", rows[row].dport);

	assert_int_equal(sa_json_decode(object, &params, &error), 0);
	assert_int_equal(validate_sa(&params, false, &error), 0);
	json_decref(object);
	return params.selector;
}

/* An inner packet with the exact values, but for one field. */
static size_t inner_build(uint8_t family, unsigned int other, uint8_t *out)
{
	const struct packet_spec spec = {
		.family = family,
		.protocol = other == PROTO ? IPPROTO_UDP : IPPROTO_TCP,
		.src = packet_addr(family, other == SRC ? 2 : 1),
		.dst = packet_addr(family, other == DST ? 2 : 3),
		.sport = (uint16_t)(other == SPORT ? 1112 : 1111),
		.dport = (uint16_t)(other == DPORT ? 2221 : 2222),
		.data_len = 24,
	};

	return packet_build(&spec, out);
}

static enum xesp_reason open_one(const struct sa_selector *selector, uint8_t family, unsigned int other)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct esp_rig rig;
	struct esp_packet packet;
	enum xesp_reason reason;
	uint8_t inner[200];
	size_t len = inner_build(family, other, inner);

	params.selector = *selector;
	esp_rig_setup(&rig, &params, NULL);
	packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, inner, len, family == 4 ? 4 : 41);
	reason = esp_rig_open(&rig, &packet);
	esp_rig_teardown(&rig);
	return reason;
}

/* M30 */
static void test_zero_is_a_wildcard_in_each_field(void **state)
{
	(void)state;
	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		for (size_t family = 0; family < 2; family++) {
			struct sa_selector selector = selector_of(row, family);

			for (unsigned int other = 0; other <= FIELDS; other++) {
				bool passes = other == FIELDS || rows[row].free[other];
				enum xesp_reason reason = open_one(&selector, family ? 6 : 4, other);

				if ((reason == XESP_REASON_DELIVERED) != passes)
					fail_msg("%s of zero, IPv%d, packet with another field %u: reason %d",
						 rows[row].name, family ? 6 : 4, other, reason);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zero_is_a_wildcard_in_each_field),
	};

	return cmocka_run_group_tests_name("selector_wildcard", tests, NULL, NULL);
}
