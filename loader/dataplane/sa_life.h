/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lifetimes in seconds of an inbound or outbound SA, a part of it that the control thread keeps; see
 * control/lifetime.h.
 */
#ifndef XESP_DATAPLANE_SA_LIFE_H
#define XESP_DATAPLANE_SA_LIFE_H

#include "control/sa_params.h"

/* Milliseconds of the clock of lifetimes, UINT64_MAX: never. */
struct sa_life {
	const struct sa_limits *limits; /* the SA's */
	uint64_t added;
	uint64_t first_used;
	uint64_t queued; /* the deadline that is waited for */
	bool soft_told;
};

static inline void sa_life_init(struct sa_life *life, const struct sa_limits *limits)
{
	*life = (struct sa_life){
		.limits = limits, .added = UINT64_MAX, .first_used = UINT64_MAX, .queued = UINT64_MAX};
}

#endif
