/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an event says of a packet: its SA, its sequence number, its outer addresses and ports. Pure.
 */
#ifndef XESP_DATAPLANE_ESP_EVENT_H
#define XESP_DATAPLANE_ESP_EVENT_H

#include "dataplane/esp.h"

/* Fills `*ret_event` from a packet whose metadata fits it: everything but time_ns and what only one type of
 * event has. `type` is an enum event_type. */
void esp_event_fill(const struct esp_packet *packet, uint8_t type, struct event *ret_event);

/* True for what RFC 4303 section 3.4 and RFC 4301 section 5.2 call an auditable event. */
bool esp_event_is_audited(enum xesp_reason reason);

#endif
