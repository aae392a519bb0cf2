/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the parameters of a call apart. Not json_unpack(): its errors are sentences, and a client wants to
 * know which parameter is wrong.
 */
#include <stdarg.h>
#include <string.h>

#include "control/requests_private.h"

#define PARAMETERS_MAX 16

/* One parameter of the method, as the format and the arguments say it. */
struct parameter {
	const char *name;
	void *target;
	char type;
	bool required;
};

/* "s:I": a name among the arguments, whether it is required, the type of the value. */
static size_t read_format(const char *format, va_list *args, struct parameter *parameters)
{
	size_t count = 0;

	for (const char *at = format; *at && count < PARAMETERS_MAX; at++) {
		if (at[0] != 's' || (at[1] != ':' && at[1] != '?'))
			continue;
		parameters[count].name = va_arg(*args, const char *);
		parameters[count].target = va_arg(*args, void *);
		parameters[count].required = at[1] == ':';
		parameters[count].type = at[2];
		at += 2;
		count++;
	}
	return count;
}

/* NULL if the value has the type and was stored; else what it should be. */
static const char *store(const struct parameter *parameter, json_t *value)
{
	json_int_t number = json_integer_value(value);

	switch (parameter->type) {
	case 's':
		if (!json_is_string(value))
			return "must be a string";
		*(const char **)parameter->target = json_string_value(value);
		return NULL;
	case 'i':
		if (!json_is_integer(value) || number < INT32_MIN || number > INT32_MAX)
			return "must be an integer of 32 bits";
		*(int *)parameter->target = (int)number;
		return NULL;
	case 'I':
		if (!json_is_integer(value))
			return "must be an integer";
		*(json_int_t *)parameter->target = number;
		return NULL;
	case 'b':
		if (!json_is_boolean(value))
			return "must be true or false";
		*(int *)parameter->target = json_is_true(value);
		return NULL;
	default: *(json_t **)parameter->target = value; return NULL;
	}
}

/* The first member that the method does not have, or NULL. */
static const char *unknown_member(const json_t *given, const struct parameter *parameters, size_t count)
{
	json_t *at = (json_t *)given; /* jansson's iterators take no const; nothing is changed */

	for (void *iter = json_object_iter(at); iter; iter = json_object_iter_next(at, iter)) {
		size_t i;

		for (i = 0; i < count && strcmp(parameters[i].name, json_object_iter_key(iter)); i++)
			;
		if (i == count)
			return json_object_iter_key(iter);
	}
	return NULL;
}

bool request_unpack(struct varlink_call *call, const json_t *given, const char *format, ...)
{
	struct parameter parameters[PARAMETERS_MAX];
	const char *unknown;
	va_list args;
	size_t count;

	va_start(args, format);
	count = read_format(format, &args, parameters);
	va_end(args);
	unknown = unknown_member(given, parameters, count);
	if (unknown) {
		request_invalid(call, unknown, "", "the method has no such parameter");
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		json_t *value = json_object_get(given, parameters[i].name);
		const char *rule = NULL;

		/* In Varlink, null and absent mean the same. */
		if (value && !json_is_null(value))
			rule = store(&parameters[i], value);
		else if (parameters[i].required)
			rule = "required";
		if (rule) {
			request_invalid(call, parameters[i].name, "", rule);
			return false;
		}
	}
	return true;
}
