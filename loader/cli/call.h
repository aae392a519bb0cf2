/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Method calls with their failures told to the user: the layer between commands and client.c. Functions
 * here print to standard error and return an exit status.
 */
#ifndef XESP_CLI_CALL_H
#define XESP_CLI_CALL_H

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "control/sa_params.h"

/* Connects; on failure says what, which path, why, and what to do. */
int call_open(const struct cli *cli, struct client **ret_client);

/* Calls one method and takes its one reply. `parameters` is consumed, also on failure, and may be NULL if
 * memory ran out. On CLI_OK the caller owns `*ret_parameters`. */
int call_method(const struct cli *cli, const char *method, json_t *parameters, json_t **ret_parameters);

/* The same for a method that only confirms. */
int call_plain(const struct cli *cli, const char *method, json_t *parameters);

/* Tells why the connection failed with `err`. Returns CLI_UNREACHABLE. */
int call_connection_failed(const struct cli *cli, int err);

/* Tells what the daemon refused, or what is wrong with a field. Both return CLI_REFUSED. */
int call_refused(const struct cli *cli, const struct client_reply *reply);
int call_field_failed(const struct cli *cli, const struct field_error *error);

/* The daemon's error as a sentence, newly allocated, or NULL if memory ran out. */
char *call_error_text(const struct client_reply *reply);

/* "spi: value '0x10': rule"; newly allocated, or NULL. */
char *call_field_text(const struct field_error *error);

static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define CLEANUP_JSON CLEANUP(cleanup_json)

#endif
