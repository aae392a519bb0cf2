/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The selector check after decapsulation (RFC 4301 section 5.2, step 4). Pure.
 */
#ifndef XESP_DATAPLANE_ESP_SELECTOR_H
#define XESP_DATAPLANE_ESP_SELECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "control/sa_params.h"
#include "dataplane/esp_upper.h"

/* True if the packet is one that the SA may carry. `family` is 4 or 6, addresses are in network order.
 * What a packet does not show (ports in a later fragment, a protocol behind malformed extension headers)
 * matches only a selector that does not ask for it. */
bool esp_selector_match(const struct sa_selector *sel, uint8_t family, const uint8_t *src, const uint8_t *dst,
			const struct esp_upper *upper);

#endif
