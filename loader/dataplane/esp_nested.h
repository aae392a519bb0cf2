/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transport over tunnel: ESP of an offloaded SA inside of a packet that came out of a tunnel (NDIS
 * encapsulation types "transport over UDP-encapsulated tunnel" and "UDP-encapsulated transport over tunnel").
 * At most two layers, tunnel mode around transport mode, at most one of them in UDP. BEET mode is neither of
 * the two: NDIS does not know it, and what comes out of it is of the same host that sealed it, so that a
 * second layer has its ends where the first has them. ESP inside of BEET is delivered as it is, and so is
 * BEET inside of a tunnel. Pure.
 */
#ifndef XESP_DATAPLANE_ESP_NESTED_H
#define XESP_DATAPLANE_ESP_NESTED_H

#include "control/sadb.h"
#include "dataplane/esp.h"
#include "dataplane/wire.h"

/* Looks into `outer`, which esp_open_burst() has opened and which may be a nested one itself.
 * XESP_REASON_TO_ENGINE: `*ret_inner` is ready for esp_open_burst(), by the worker that owns its SA; it lies
 * in the bytes of `outer`. XESP_REASON_NESTED_UDP: both layers would be in UDP. Else why there is nothing to
 * open, as the classifier says it; such a packet is the host's, as it is. */
enum xesp_reason esp_nested_find(const struct sadb *db, const struct esp_packet *outer,
				 struct esp_packet *ret_inner);

/* False for all but very few packets: those that esp_nested_find() has to look at. */
static inline bool esp_nested_possible(const struct esp_packet *outer)
{
	uint8_t protocol;

	if (outer->reason != XESP_REASON_DELIVERED || outer->sa->mode != SA_MODE_TUNNEL || outer->outer_spi)
		return false;
	if (outer->packet[0] >> 4 == 4) {
		protocol = outer->packet[IPV4_PROTOCOL];
		return protocol == IPPROTO_UDP || protocol == IPPROTO_ESP;
	}
	protocol = outer->packet[IPV6_NEXT_HEADER];
	return protocol == IPPROTO_UDP || protocol == IPPROTO_ESP || protocol == IPPROTO_HOPOPTS ||
	       protocol == IPPROTO_DSTOPTS;
}

#endif
