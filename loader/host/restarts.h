/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often an engine that ends is followed by another one. Whatever made it end (a packet, a request, a lack
 * of memory) may be there still, and each engine is another try for somebody who attacks it: so the pauses
 * grow, and there is an end. Pure; loader process only.
 */
#ifndef XESP_HOST_RESTARTS_H
#define XESP_HOST_RESTARTS_H

#include <stdbool.h>
#include <stdint.h>
#include <xesp/limits.h>

struct restarts {
	uint64_t at[XESP_RESTARTS_MAX]; /* us, oldest first: those of the last XESP_RESTART_WINDOW_SECONDS */
	unsigned int count;
};

/* An engine ended at `now`, in us of any clock that goes forward. False: there were too many. True: another
 * is to be started in `*ret_pause` us, which is 0 for the first. */
bool restarts_allow(struct restarts *restarts, uint64_t now, uint64_t *ret_pause);

#endif
