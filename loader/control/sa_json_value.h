/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to sa_json_*.c: single values of a request, and what is wrong with one.
 */
#ifndef XESP_CONTROL_SA_JSON_VALUE_H
#define XESP_CONTROL_SA_JSON_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/capabilities.h"
#include "control/sa_params.h"

/* A request on its way from JSON. */
struct sa_json_decoding {
	struct sa_params params;
	struct field_error *error;
	const char *path; /* of the object: "sa.", "sa.encap." */
	bool unsupported; /* the failure is no mistake: xesp lacks what is asked for */
};

/* Fills the error about member `name` and returns -EINVAL. */
__attribute__((format(printf, 4, 5))) int sa_json_fail(struct sa_json_decoding *decode, const char *name,
						       const char *value, const char *format, ...);
/* Behind sa_json_fail(): names what xesp lacks, by a string that outlives the request. -EOPNOTSUPP. */
int sa_json_lacks(struct sa_json_decoding *decode, const char *capability);
/* "(object)", "(integer)", ...: in place of a value of the wrong type. */
const char *sa_json_type_name(const json_t *value);

/* A string without NUL bytes inside. */
int sa_json_string(struct sa_json_decoding *decode, const char *name, const json_t *value,
		   const char **ret_text);
/* The value that a word stands for. */
int sa_json_word(struct sa_json_decoding *decode, const char *name, const json_t *value,
		 enum capability_field field, int *ret_value);
/* A number from 0 to `max`. */
int sa_json_number(struct sa_json_decoding *decode, const char *name, const json_t *value, uint64_t max,
		   uint64_t *ret_number);

#endif
