/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When dummy packets are due (RFC 4303 section 2.6): an outbound SA that asks for them sends one at the end
 * of each interval in which it has sent nothing. So it is silent for less than two intervals, and SAs that
 * have traffic cost one look an interval. One timer for all. Control thread only.
 */
#ifndef XESP_CONTROL_DUMMIES_H
#define XESP_CONTROL_DUMMIES_H

#include <stdint.h>
#include <systemd/sd-event.h>

#include "control/outbound.h"

struct dummies;

struct dummies_config {
	sd_event *event; /* NULL: the caller calls dummies_run() */
	const struct outbound *outbound;
	/* Sends one, if it can. May delete the SA. */
	void (*send)(void *owner, struct sa_out *sa);
	void *owner;
};

int dummies_new(const struct dummies_config *config, struct dummies **ret_dummies);
void dummies_free(struct dummies *dummies); /* NULL-safe */

/* Of an SA that was just added, or that another engine left: its first interval begins; `now` as of
 * lifetime_now(). -ENOMEM: it will send none. */
int dummies_watch(struct dummies *dummies, const struct sa_out *sa, uint64_t now);

/* Sends what is due at `now`, of at most XESP_DUMMIES_AT_ONCE SAs; the timer sees to the rest. */
void dummies_run(struct dummies *dummies, uint64_t now);
/* When it is to be called again; UINT64_MAX: when an SA was added. */
uint64_t dummies_next(const struct dummies *dummies);

#endif
