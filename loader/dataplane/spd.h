/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which outbound SA a packet goes into (RFC 4301 section 4.4.1, outbound): selectors with priorities. The
 * control thread changes the table entry by entry, workers look up at any time without a lock: what was taken
 * out may be freed when all workers have ended the round they were in.
 *
 * Of the entries that match, the one with the lowest priority number wins, then the longest destination
 * prefix, then the longest source prefix, then one that names the protocol, then one that names both ports,
 * the destination port, the source port, then the newest (so that a rekeyed SA takes over).
 */
#ifndef XESP_DATAPLANE_SPD_H
#define XESP_DATAPLANE_SPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/sa_params.h"

struct spd;
struct sa_out;

/* What of a packet selectors look at. */
struct spd_flow {
	uint8_t family; /* 4 or 6 */
	uint8_t protocol;
	bool has_ports; /* TCP, UDP, UDP-Lite, SCTP, DCCP and not a later fragment */
	uint16_t sport; /* host order */
	uint16_t dport;
	uint8_t src[16]; /* an IPv4 address in the first four bytes, the others 0 */
	uint8_t dst[16];
};

/* -ENOMEM, -EIO (no random numbers). */
int spd_new(struct spd **ret_spd);
/* NULL-safe; no worker reads it. SAs that are still in it are not looked at. */
void spd_free(struct spd *spd);

/* Control thread. -ENOMEM, -ENOSPC (more than XESP_SPD_GROUPS_MAX combinations of prefix lengths, protocol
 * and ports looked at or not): nothing has changed. -EEXIST: the SA is in already. Takes time by the number
 * of SAs that have the same selector and a lower priority number, else none by the number of entries. */
int spd_add(struct spd *spd, const struct sa_selector *selector, uint32_t priority, struct sa_out *sa);
/* Out of sight of lookups that begin from now on; no error if it is not there. Never fails. */
void spd_remove(struct spd *spd, struct sa_out *sa);

/* What was taken out so far may be freed when all workers have been seen at rest from now on; false: there is
 * nothing. */
bool spd_reap_begin(struct spd *spd);
/* They have been: frees it. A table that grows leaves memory behind as well, so this is to be called now and
 * then also where SAs are only added. */
void spd_reap(struct spd *spd);

/* The SA for a packet, or NULL: then it is not to be sent at all. Any thread. */
struct sa_out *spd_find(const struct spd *spd, const struct spd_flow *flow);
/* Changes with each add and remove: what a flow cache of a worker was made of, read before the lookup. Any
 * thread. */
uint64_t spd_version(const struct spd *spd);
/* Entries. Control thread. */
size_t spd_count(const struct spd *spd);

/* Fills `*ret_flow` from an IP packet; false if it is malformed. Later fragments have no ports. Pure. */
bool spd_flow_of(const uint8_t *packet, size_t len, struct spd_flow *ret_flow);

#endif
