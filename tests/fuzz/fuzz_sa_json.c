/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes decoding an SA from JSON. An SA that decodes and keeps the rules must encode, and decode again to
 * the same; an error must have its texts.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/sa_json.h"
#include "control/validate.h"
#include "tests/unit/sa_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void check_round_trip(const struct sa_params *params)
{
	json_t *object = sa_json_encode(params, true);
	struct field_error error;
	struct sa_params again;

	check(object, "does not encode");
	check(sa_json_decode(object, &again, &error) == 0, "does not decode again");
	check(sample_equal(params, &again), "decodes to another SA");
	json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *object = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	struct field_error error = {"", "", "", NULL};
	struct sa_params params;

	if (!object)
		return 0;
	if (sa_json_decode(object, &params, &error) < 0)
		check(error.field[0] && error.rule[0], "an error of decoding says nothing");
	else if (validate_sa(&params, true, &error) == 0)
		check_round_trip(&params);
	else
		check(error.field[0] && error.rule[0], "an error of validation says nothing");
	json_decref(object);
	return 0;
}
