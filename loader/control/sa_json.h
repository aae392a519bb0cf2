/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SAs as JSON: type `Sa` of org.xesp.varlink. The field names are those of the text grammar.
 */
#ifndef XESP_CONTROL_SA_JSON_H
#define XESP_CONTROL_SA_JSON_H

#include <jansson.h>

#include "control/sa_params.h"

/* Has jansson wipe every block that it frees, since requests carry keys. Call once at start. */
void sa_json_wipe_on_free(void);

/* A new reference, or NULL if memory ran out. With `with_keys` the members "key" and "auth_key" have the keys
 * as hex (only a request may carry them); without, the text has no key material. */
json_t *sa_json_encode(const struct sa_params *params, bool with_keys);

/* -EINVAL with `*ret_error` filled: unknown member, wrong type, malformed value. Missing members get the
 * defaults of the text grammar; rules between members are validate_sa's. `*ret_params` is untouched on
 * failure; the caller wipes it. */
int sa_json_decode(const json_t *object, struct sa_params *ret_params, struct field_error *ret_error);

#endif
