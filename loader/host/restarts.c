/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/restarts.h"

#include <string.h>

#define WINDOW_USEC (XESP_RESTART_WINDOW_SECONDS * 1000000ull)
#define PAUSE_USEC (XESP_RESTART_PAUSE_MS * 1000ull)

static void forget_old(struct restarts *restarts, uint64_t now)
{
	unsigned int old = 0;

	while (old < restarts->count && now - restarts->at[old] >= WINDOW_USEC)
		old++;
	restarts->count -= old;
	memmove(restarts->at, restarts->at + old, restarts->count * sizeof(restarts->at[0]));
}

bool restarts_allow(struct restarts *restarts, uint64_t now, uint64_t *ret_pause)
{
	forget_old(restarts, now);
	if (restarts->count == XESP_RESTARTS_MAX)
		return false;
	*ret_pause = restarts->count ? PAUSE_USEC << (restarts->count - 1) : 0;
	restarts->at[restarts->count++] = now;
	return true;
}
