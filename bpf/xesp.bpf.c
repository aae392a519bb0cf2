// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The XDP program: one object for each attached interface. Runs in the driver's receive path, on the CPU of
 * the queue. Every packet leaves through the one return statement below, and is counted there.
 */
#include "classify.h"
#include "count.h"
#include "inside.h"

SEC("xdp.frags")
int xesp_classify(struct xdp_md *ctx)
{
	enum xesp_reason reason = take_inside(ctx) ? XESP_REASON_FROM_INSIDE : classify(ctx);

	count(ctx, reason);
	return verdict(reason);
}

char xesp_license[] SEC("license") = "Dual BSD/GPL";
