/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the engine's control thread. */
#include "control/sa_json_value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "control/sa_text_words.h"
#include "control/validate.h"

int sa_json_fail(struct sa_json_decoding *decode, const char *name, const char *value, const char *format,
		 ...)
{
	char field[sizeof(decode->error->field)], rule[sizeof(decode->error->rule)];
	va_list args;

	snprintf(field, sizeof(field), "%s%s", decode->path, name);
	va_start(args, format);
	vsnprintf(rule, sizeof(rule), format, args);
	va_end(args);
	field_error_set(decode->error, field, value, "%s", rule);
	return -EINVAL;
}

/* Behind sa_json_fail(): names what xesp lacks. */
int sa_json_lacks(struct sa_json_decoding *decode, const char *capability)
{
	decode->unsupported = true;
	field_error_unsupported(decode->error, capability);
	return -EOPNOTSUPP;
}

const char *sa_json_type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return "(object)";
	case JSON_ARRAY: return "(array)";
	case JSON_STRING: return "(string)";
	case JSON_INTEGER: return "(integer)";
	case JSON_REAL: return "(real number)";
	case JSON_TRUE:
	case JSON_FALSE: return "(boolean)";
	default: return "null";
	}
}

int sa_json_string(struct sa_json_decoding *decode, const char *name, const json_t *value,
		   const char **ret_text)
{
	if (!json_is_string(value)) {
		sa_json_fail(decode, name, sa_json_type_name(value), "must be a string");
		return -EINVAL;
	}
	if (strlen(json_string_value(value)) != json_string_length(value)) {
		sa_json_fail(decode, name, "(string)", "must not contain NUL");
		return -EINVAL;
	}
	*ret_text = json_string_value(value);
	return 0;
}

int sa_json_word(struct sa_json_decoding *decode, const char *name, const json_t *value,
		 enum capability_field field, int *ret_value)
{
	const struct capability_word *row;
	const char *text;

	if (sa_json_string(decode, name, value, &text) < 0)
		return -EINVAL;
	row = capabilities_json(field, text);
	if (row && row->value != CAPABILITY_NONE) {
		*ret_value = row->value;
		return 0;
	}
	sa_json_fail(decode, name, sa_text_words_shown(text), row ? "not supported" : "unknown word");
	return row ? sa_json_lacks(decode, capabilities_field_name(field)) : -EINVAL;
}

int sa_json_number(struct sa_json_decoding *decode, const char *name, const json_t *value, uint64_t max,
		   uint64_t *ret_number)
{
	json_int_t number;
	char text[24];

	if (!json_is_integer(value)) {
		sa_json_fail(decode, name, sa_json_type_name(value), "must be an integer");
		return -EINVAL;
	}
	number = json_integer_value(value);
	if (number < 0 || (uint64_t)number > max) {
		snprintf(text, sizeof(text), "%lld", (long long)number);
		sa_json_fail(decode, name, text, "must be from 0 to %llu", (unsigned long long)max);
		return -EINVAL;
	}
	*ret_number = (uint64_t)number;
	return 0;
}
