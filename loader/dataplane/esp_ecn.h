/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DS field (DSCP and ECN) of a packet that enters or leaves a tunnel (RFC 6040 section 4, RFC 2983).
 * Pure.
 */
#ifndef XESP_DATAPLANE_ESP_ECN_H
#define XESP_DATAPLANE_ESP_ECN_H

#include <stdint.h>

#define ESP_ECN_DROP (-1)

/* The inner DS byte after decapsulation, or ESP_ECN_DROP. `steps`: SA_STEP_ECN combines the ECN fields,
 * SA_STEP_DSCP takes the outer DSCP. */
int esp_ecn_decapsulate(uint8_t outer, uint8_t inner, uint32_t steps);

/* The DS byte of the outer header. `flags` of enum sa_flag: SA_FLAG_NO_ECN is the compatibility mode of RFC
 * 6040 section 4.1, SA_FLAG_NO_ENCAP_DSCP leaves the DSCP 0. */
uint8_t esp_ecn_encapsulate(uint8_t inner, uint32_t flags);

/* DS byte of an IP header of `family` 4 or 6; the setter keeps the IPv4 header checksum as right, or as
 * wrong, as it was. */
uint8_t esp_ecn_get(uint8_t family, const uint8_t *ip);
void esp_ecn_set(uint8_t family, uint8_t *ip, uint8_t ds);

#endif
