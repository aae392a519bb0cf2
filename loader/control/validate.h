/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules a request must keep, whatever its source. Pure: no I/O, no allocation, no logging.
 */
#ifndef XESP_CONTROL_VALIDATE_H
#define XESP_CONTROL_VALIDATE_H

#include <stdbool.h>

#include "control/field_error.h"
#include "control/sa_params.h"

/* 0 if `params` can become an inbound SA, else with `*ret_error` filled: -EINVAL, or -EOPNOTSUPP if they are
 * right and xesp lacks what they ask for. `legacy_on`: algorithms that RFC 8221 is against are taken, too. */
int validate_sa(const struct sa_params *params, bool legacy_on, struct field_error *ret_error);

#endif
