/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ECN and DSCP on decapsulation: all 16 cells of RFC 6040 figure 4 for each pair of IP versions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

/* Codepoints as they stand on the wire. */
#define NOT_ECT 0
#define ECT_1 1
#define ECT_0 2
#define CE 3
#define DROP 9

/* RFC 6040 figure 4, row by row as printed there. */
static const struct cell {
	uint8_t inner;
	uint8_t outer;
	uint8_t result;
} cells[16] = {
	{NOT_ECT, NOT_ECT, NOT_ECT},
	{NOT_ECT, ECT_0, NOT_ECT},
	{NOT_ECT, ECT_1, NOT_ECT},
	{NOT_ECT, CE, DROP},
	{ECT_0, NOT_ECT, ECT_0},
	{ECT_0, ECT_0, ECT_0},
	{ECT_0, ECT_1, ECT_1},
	{ECT_0, CE, CE},
	{ECT_1, NOT_ECT, ECT_1},
	{ECT_1, ECT_0, ECT_1},
	{ECT_1, ECT_1, ECT_1},
	{ECT_1, CE, CE},
	{CE, NOT_ECT, CE},
	{CE, ECT_0, CE},
	{CE, ECT_1, CE},
	{CE, CE, CE},
};

#define INNER_DSCP (46 << 2)
#define OUTER_DSCP (10 << 2)

static uint8_t ds_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[1] : (uint8_t)(packet_get16(ip) >> 4);
}

/* Sends one cell through the tunnel and returns the reason; the DS byte of the result is checked. */
static void send_cell(struct esp_rig *rig, uint8_t inner_family, uint8_t outer_family, uint8_t inner_ds,
		      uint8_t outer_ds, int expected_ds)
{
	const struct esp_rig_outer outer = {outer_family, XESP_FORM_UDP, outer_ds};
	const struct packet_spec spec = {
		.family = inner_family,
		.ds = inner_ds,
		.protocol = IPPROTO_UDP,
		.src = packet_addr(inner_family, 1),
		.dst = packet_addr(inner_family, 3),
		.data_len = 33,
	};
	uint8_t inner[200];
	size_t len = packet_build(&spec, inner);
	struct esp_packet packet = esp_rig_seal_payload(rig, 0, &outer, inner, len,
							inner_family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6);

	if (expected_ds < 0) {
		assert_int_equal(esp_rig_open(rig, &packet), XESP_REASON_ECN);
		return;
	}
	assert_int_equal(esp_rig_open(rig, &packet), XESP_REASON_DELIVERED);
	assert_int_equal(ds_of(packet.packet), expected_ds);
	if (inner_family == 4) {
		assert_true(packet_ipv4_checksum_good(packet.packet));
		/* Nothing else of the header changed. */
		packet.packet[1] = inner[1];
		memcpy(packet.packet + 10, inner + 10, 2);
	} else {
		assert_int_equal(packet_get16(packet.packet) & 0xf00f, 0x6000);
		memcpy(packet.packet, inner, 2);
	}
	assert_memory_equal(packet.packet, inner, len);
}

static void all_cells(uint32_t flags)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct esp_rig rig;

	params.flags = flags;
	esp_rig_setup(&rig, &params, NULL);
	for (size_t i = 0; i < 64; i++) {
		const struct cell *cell = &cells[i % 16];
		int dscp = flags & SA_FLAG_DECAP_DSCP ? OUTER_DSCP : INNER_DSCP;
		int expected = flags & SA_FLAG_NO_ECN ? (dscp | cell->inner) : (dscp | cell->result);

		if (cell->result == DROP && !(flags & SA_FLAG_NO_ECN))
			expected = -1;
		send_cell(&rig, i & 16 ? 6 : 4, i & 32 ? 6 : 4, INNER_DSCP | cell->inner,
			  OUTER_DSCP | cell->outer, expected);
	}
	esp_rig_teardown(&rig);
}

static void test_all_cells(void **state)
{
	(void)state;
	all_cells(0);
}

static void test_no_ecn(void **state)
{
	(void)state;
	all_cells(SA_FLAG_NO_ECN);
}

static void test_decap_dscp(void **state)
{
	(void)state;
	all_cells(SA_FLAG_DECAP_DSCP);
	all_cells(SA_FLAG_DECAP_DSCP | SA_FLAG_NO_ECN);
}

/* A wrong inner header checksum is the stack's to see: the update must not mend it. */
static void test_wrong_checksum_stays_wrong(void **state)
{
	const struct esp_rig_outer outer = {4, XESP_FORM_UDP, CE};
	struct esp_rig rig;
	struct esp_packet packet;
	uint8_t inner[100];
	size_t len = packet_udp4(inner, 20);

	(void)state;
	inner[1] = ECT_0;
	esp_rig_setup_mode(&rig, SA_MODE_TUNNEL);
	packet = esp_rig_seal_payload(&rig, 0, &outer, inner, len, IPPROTO_IPIP);
	assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
	assert_int_equal(packet.packet[1], CE);
	assert_false(packet_ipv4_checksum_good(packet.packet));
	esp_rig_teardown(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_cells),
		cmocka_unit_test(test_no_ecn),
		cmocka_unit_test(test_decap_dscp),
		cmocka_unit_test(test_wrong_checksum_stays_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
