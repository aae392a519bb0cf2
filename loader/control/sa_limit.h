/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of an SA's lifetimes, as `ip xfrm state add ... limit` and the JSON spell them. Pure.
 */
#ifndef XESP_CONTROL_SA_LIMIT_H
#define XESP_CONTROL_SA_LIMIT_H

#include <stdbool.h>
#include <stddef.h>

#include "control/sa_params.h"

/* Numbers from here on mean no limit, as the kernel's XFRM_INF does. */
#define SA_LIMIT_INFINITE ((uint64_t)INT64_MAX)

struct sa_limit_name {
	const char *word;  /* "byte-soft" */
	const char *json;  /* "byte_soft" */
	size_t offset;	   /* in struct sa_limits */
	bool zero_is_none; /* of times; of bytes and packets it would be an SA that is over */
};

/* The rows in the order in which `ip` prints them; NULL behind the last. */
const struct sa_limit_name *sa_limit_at(size_t row);
/* NULL if there is no such row; `word` in either spelling. */
const struct sa_limit_name *sa_limit_by_name(const char *word);

uint64_t sa_limit_get(const struct sa_limits *limits, const struct sa_limit_name *name);
/* -EINVAL for a 0 that is no limit. */
int sa_limit_set(struct sa_limits *limits, const struct sa_limit_name *name, uint64_t number);

#endif
