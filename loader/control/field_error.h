/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling in what is wrong with a request (struct field_error): of the text parser, JSON and validation.
 * Pure.
 */
#ifndef XESP_CONTROL_FIELD_ERROR_H
#define XESP_CONTROL_FIELD_ERROR_H

#include "control/sa_params.h"

/* Sets all three fields of `*ret_error`; `format` is the rule. Values too long are cut. */
__attribute__((format(printf, 4, 5))) void field_error_set(struct field_error *ret_error, const char *field,
							   const char *value, const char *format, ...);

/* For what is right but beyond xesp: names the capability that is missing, behind field_error_set(). Returns
 * -EOPNOTSUPP. */
int field_error_unsupported(struct field_error *ret_error, const char *capability);

#endif
