/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of an SA's flags, as `ip xfrm` and the JSON spell them. Pure.
 */
#ifndef XESP_CONTROL_SA_FLAG_H
#define XESP_CONTROL_SA_FLAG_H

#include <stddef.h>
#include <stdint.h>

struct sa_flag_name {
	const char *name;
	uint32_t sa_flag;  /* enum sa_flag; 0: nothing that an inbound SA of xesp would do differently */
	uint32_t xfrm_bit; /* XFRM_STATE_* of <linux/xfrm.h> */
};

/* The rows in the order in which `ip` prints them; NULL behind the last. */
const struct sa_flag_name *sa_flag_at(size_t row);

#endif
