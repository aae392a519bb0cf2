/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What AddSa, ListSas, DeleteSa and FlushSas do about outbound SAs. Control thread.
 */
#ifndef XESP_CONTROL_REQUESTS_OUTBOUND_H
#define XESP_CONTROL_REQUESTS_OUTBOUND_H

#include "control/requests_private.h"

/* Adds a decoded and validated SA, and answers. */
void request_outbound_add(struct varlink_call *call, struct engine *engine, const struct sa_params *params);
/* SaState of an SA. */
json_t *request_outbound_state(const struct sa_out *sa);
/* The SA of a request, by handle or by name; NULL: there is none, not answered. */
const struct sa_out *request_outbound_by_handle(const struct engine *engine, const char *text);
/* Deletes, and answers. */
void request_outbound_delete(struct varlink_call *call, struct engine *engine, const struct sa_out *sa);

#endif
