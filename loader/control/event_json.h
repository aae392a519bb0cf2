/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event as JSON, type `Event` of org.xesp.varlink, and as a line of text. Pure.
 */
#ifndef XESP_CONTROL_EVENT_JSON_H
#define XESP_CONTROL_EVENT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "dataplane/event.h"

/* "audit", ...; NULL for a number that is no type. */
const char *event_type_name(unsigned int type);
/* False if no type has this name. */
bool event_type_by_name(const char *name, enum event_type *ret_type);
/* "CRYPTO_SUCCESS", ..., as Windows names them; NULL for a number that is no status. */
const char *event_crypto_status_name(unsigned int status);

/* A new object, or NULL if memory ran out. `dev` and `detail` may be NULL. */
json_t *event_json(const char *dev, const struct event *event, const char *detail);

/* The line that `xesp monitor` prints of such an object, without the time and without a final newline;
 * a member of the wrong type is passed over. Control characters come out as '?'. Returns `buffer`. */
#define EVENT_TEXT_MAX 512
const char *event_json_text(const json_t *event, char *buffer);

#endif
