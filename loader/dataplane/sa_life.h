/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lifetimes in seconds of an inbound or outbound SA, a part of it that the control thread keeps; see
 * control/lifetime.h.
 */
#ifndef XESP_DATAPLANE_SA_LIFE_H
#define XESP_DATAPLANE_SA_LIFE_H

#include "control/sa_params.h"

#define SA_LIFE_NEVER UINT64_MAX

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
	*life = (struct sa_life){.limits = limits,
				 .added = SA_LIFE_NEVER,
				 .first_used = SA_LIFE_NEVER,
				 .queued = SA_LIFE_NEVER};
}

/* Goes on where another engine was; it may say once more what that has said. False: these are no times that
 * were before `now`. */
static inline bool sa_life_restore(struct sa_life *life, const struct sa_limits *limits, uint64_t now)
{
	const struct sa_life found = {.added = life->added, .first_used = life->first_used};

	sa_life_init(life, limits);
	life->added = found.added;
	life->first_used = found.first_used;
	return (found.added == SA_LIFE_NEVER || found.added <= now) &&
	       (found.first_used == SA_LIFE_NEVER || found.first_used <= now);
}

#endif
