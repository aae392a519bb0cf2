/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DS field on encapsulation and decapsulation. Pure; called by workers.
 */
#include "dataplane/esp_ecn.h"

#include "dataplane/checksum.h"
#include "dataplane/sa.h"
#include "dataplane/wire.h"

enum ecn { NOT_ECT = 0, ECT_1 = 1, ECT_0 = 2, CE = 3 };

/* RFC 6040 figure 4: [inner][outer]. */
static const int ecn_table[4][4] = {
	[NOT_ECT] = {[NOT_ECT] = NOT_ECT, [ECT_0] = NOT_ECT, [ECT_1] = NOT_ECT, [CE] = ESP_ECN_DROP},
	[ECT_0] = {[NOT_ECT] = ECT_0, [ECT_0] = ECT_0, [ECT_1] = ECT_1, [CE] = CE},
	[ECT_1] = {[NOT_ECT] = ECT_1, [ECT_0] = ECT_1, [ECT_1] = ECT_1, [CE] = CE},
	[CE] = {[NOT_ECT] = CE, [ECT_0] = CE, [ECT_1] = CE, [CE] = CE},
};

int esp_ecn_decapsulate(uint8_t outer, uint8_t inner, uint32_t steps)
{
	int ecn = inner & ESP_ECN_MASK;
	int dscp = ((steps & SA_STEP_DSCP) ? outer : inner) & ~ESP_ECN_MASK;

	if (steps & SA_STEP_ECN)
		ecn = ecn_table[ecn][outer & ESP_ECN_MASK];
	return ecn == ESP_ECN_DROP ? ESP_ECN_DROP : (dscp | ecn);
}

void esp_ecn_set(uint8_t family, uint8_t *ip, uint8_t ds)
{
	uint16_t old_word = wire_load_checksum(ip);
	uint16_t checksum;

	if (family == 6) {
		wire_put16(ip, (uint16_t)((wire_get16(ip) & 0xf00f) | ds << 4));
		return;
	}
	ip[1] = ds;
	checksum =
		checksum_replace16(wire_load_checksum(ip + IPV4_CHECKSUM), old_word, wire_load_checksum(ip));
	wire_store_checksum(ip + IPV4_CHECKSUM, checksum);
}
