/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to sa_json_*.c: the members of an SA that say how its packets are protected.
 */
#ifndef XESP_CONTROL_SA_JSON_ALGO_H
#define XESP_CONTROL_SA_JSON_ALGO_H

#include "control/sa_json_value.h"

/* Readers of members, as in sa_json_decode.c: "aead" or "enc"; "auth"; "key" or "auth_key"; "icv_bits". */
int sa_json_algo_cipher(struct sa_json_decoding *decode, const char *name, const json_t *value);
int sa_json_algo_auth(struct sa_json_decoding *decode, const char *name, const json_t *value);
int sa_json_algo_key(struct sa_json_decoding *decode, const char *name, const json_t *value);
int sa_json_algo_icv(struct sa_json_decoding *decode, const char *name, const json_t *value);

/* Adds these members to `object`, with the keys only if `with_keys`. -1 if memory ran out. */
int sa_json_algo_encode(json_t *object, const struct sa_params *params, bool with_keys);

#endif
