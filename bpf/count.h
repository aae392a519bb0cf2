/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one exit: what a reason means for the packet, and its counter.
 */
#ifndef XESP_BPF_COUNT_H
#define XESP_BPF_COUNT_H

#include "env.h"

static __always_inline void count(CTX *ctx, enum xesp_reason reason)
{
	__u64 *counter = counter_get(ctx, reason);

	if (counter)
		(*counter)++;
}

static __always_inline int verdict(enum xesp_reason reason)
{
	if (reason == XESP_REASON_TO_ENGINE || reason == XESP_REASON_FROM_INSIDE)
		return XDP_REDIRECT;
	return reason == XESP_REASON_KEEPALIVE ? XDP_DROP : XDP_PASS;
}

#endif
