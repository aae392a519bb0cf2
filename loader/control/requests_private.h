/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the request methods share. `ctx` of every method is the struct engine.
 */
#ifndef XESP_CONTROL_REQUESTS_PRIVATE_H
#define XESP_CONTROL_REQUESTS_PRIVATE_H

#include "control/engine.h"
#include "control/handle.h"
#include "control/varlink.h"

/* As json_unpack() in strict mode, with a subset of its formats: "{s:s, s?I}", types s, i, I, b, o. A member
 * that may be absent may be null, too. On failure answers the call with InvalidField, which names the
 * parameter, and returns false. */
bool request_unpack(struct varlink_call *call, const json_t *parameters, const char *format, ...);

void request_invalid(struct varlink_call *call, const char *field, const char *value, const char *rule);
/* InvalidField, or NotSupported if the error names a capability. */
void request_refused(struct varlink_call *call, const struct field_error *error);
__attribute__((format(printf, 3, 4))) void request_error_what(struct varlink_call *call, const char *name,
							      const char *format, ...);
void request_failed(struct varlink_call *call, const struct failure *failure);

/* The interface a request means (see engine_pick()); answers the call and returns NULL if there is none. */
struct iface *request_pick(struct varlink_call *call, const struct engine *engine, const char *dev);

/* How a request names an SA or a parser entry. False: answered. */
bool request_parse_address(struct varlink_call *call, const char *text, struct ip_addr *ret_addr);
bool request_parse_spi(struct varlink_call *call, json_int_t number, uint32_t *ret_spi);
bool request_parse_handle(struct varlink_call *call, const char *field, const char *kind, const char *text,
			  struct handle *ret_handle);

void request_capabilities(struct varlink_call *call, const json_t *parameters, void *ctx);
void request_set_enabled(struct varlink_call *call, const json_t *parameters, void *ctx);
void request_add_sa(struct varlink_call *call, const json_t *parameters, void *ctx);
void request_delete_sa(struct varlink_call *call, const json_t *parameters, void *ctx);
void request_list_sas(struct varlink_call *call, const json_t *parameters, void *ctx);
void request_flush_sas(struct varlink_call *call, const json_t *parameters, void *ctx);
void request_monitor(struct varlink_call *call, const json_t *parameters, void *ctx);

#endif
