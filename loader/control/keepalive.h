/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When NAT keepalives are due (RFC 3948 section 4): to each pair of addresses and ports that outbound SAs
 * with UDP have, when nothing was sent by any of those for so long. One timer for all. Control thread.
 */
#ifndef XESP_CONTROL_KEEPALIVE_H
#define XESP_CONTROL_KEEPALIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "control/outbound.h"

struct keepalive;

struct keepalive_config {
	uint32_t seconds; /* without traffic, at least 1 */
	/* Sends one. False: there is no way now. */
	bool (*send)(void *owner, const struct sa_out *sa, const struct sa_out_ends *ends);
	void *owner;
};

int keepalive_new(const struct keepalive_config *config, struct keepalive **ret_keepalive);
void keepalive_free(struct keepalive *keepalive); /* NULL-safe */

/* Sends what is due at `now`, in seconds of CLOCK_REALTIME as SAs' last use is. Returns in how many seconds
 * it is to be called again, at least 1; 0: when SAs were added. */
uint32_t keepalive_sweep(struct keepalive *keepalive, const struct outbound *outbound, uint64_t now);

#endif
