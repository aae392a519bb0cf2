/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of flag names. Pure; any thread.
 */
#include "control/sa_flag.h"

#include <linux/xfrm.h>

#include "base/cleanup.h"
#include "control/sa_params.h"

static const struct sa_flag_name table[] = {
	{"noecn", SA_FLAG_NO_ECN, XFRM_STATE_NOECN},
	{"decap-dscp", SA_FLAG_DECAP_DSCP, XFRM_STATE_DECAP_DSCP},
	{"nopmtudisc", SA_FLAG_NO_PMTU_DISC, XFRM_STATE_NOPMTUDISC},
	{"wildrecv", 0, XFRM_STATE_WILDRECV}, /* about Mobile IPv6 */
	{"icmp", 0, XFRM_STATE_ICMP},	      /* xesp stays with the selectors for ICMP errors too */
	{"af-unspec", SA_FLAG_AF_UNSPEC, XFRM_STATE_AF_UNSPEC},
	{"align4", 0, XFRM_STATE_ALIGN4},
	{"esn", SA_FLAG_ESN, XFRM_STATE_ESN},
	/* Of the kernel's extra flags. */
	{"dont-encap-dscp", SA_FLAG_NO_ENCAP_DSCP, 0},
	/* Of xesp alone. */
	{"follow", SA_FLAG_FOLLOW, 0},
};

const struct sa_flag_name *sa_flag_at(size_t row)
{
	return row < ARRAY_SIZE(table) ? &table[row] : NULL;
}
