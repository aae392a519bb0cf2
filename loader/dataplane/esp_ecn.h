/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DS field (DSCP and ECN) of a packet that enters or leaves a tunnel (RFC 6040 section 4, RFC 2983).
 * Pure.
 */
#ifndef XESP_DATAPLANE_ESP_ECN_H
#define XESP_DATAPLANE_ESP_ECN_H

#include <stdint.h>

#include "dataplane/sa.h"
#include "dataplane/wire.h"

#define ESP_ECN_DROP (-1)
#define ESP_ECN_MASK 0x03 /* of the DS byte */

/* The inner DS byte after decapsulation, or ESP_ECN_DROP. `steps`: SA_STEP_ECN combines the ECN fields,
 * SA_STEP_DSCP takes the outer DSCP. */
int esp_ecn_decapsulate(uint8_t outer, uint8_t inner, uint32_t steps);

/* The DS byte of the outer header. `flags` of enum sa_flag: SA_FLAG_NO_ECN is the compatibility mode of RFC
 * 6040 section 4.1, SA_FLAG_NO_ENCAP_DSCP leaves the DSCP 0. CE goes along as it is: RFC 3168 section 9.1.1
 * made ECT(0) of it, which hides from the other end where the congestion was. */
static inline uint8_t esp_ecn_encapsulate(uint8_t inner, uint32_t flags)
{
	uint8_t outer = inner;

	if (flags & SA_FLAG_NO_ECN)
		outer &= (uint8_t)~ESP_ECN_MASK;
	if (flags & SA_FLAG_NO_ENCAP_DSCP)
		outer &= ESP_ECN_MASK;
	return outer;
}

/* DS byte of an IP header of `family` 4 or 6; the setter keeps the IPv4 header checksum as right, or as
 * wrong, as it was. */
static inline uint8_t esp_ecn_get(uint8_t family, const uint8_t *ip)
{
	return family == 4 ? ip[1] : (uint8_t)(wire_get16(ip) >> 4);
}
void esp_ecn_set(uint8_t family, uint8_t *ip, uint8_t ds);

#endif
