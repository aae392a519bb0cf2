/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is wrong with a request, in words. Pure; any thread.
 */
#include "control/field_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* Copies what fits. A value comes from outside: it goes to terminals, logs and JSON as plain ASCII. */
static void copy_printable(char *to, size_t size, const char *from)
{
	size_t i;

	for (i = 0; i < size - 1 && from[i]; i++)
		to[i] = (char)((from[i] >= ' ' && from[i] <= '~') ? from[i] : '?');
	to[i] = '\0';
}

void field_error_set(struct field_error *ret_error, const char *field, const char *value, const char *format,
		     ...)
{
	va_list args;

	ret_error->capability = NULL;
	copy_printable(ret_error->field, sizeof(ret_error->field), field);
	copy_printable(ret_error->value, sizeof(ret_error->value), value);
	va_start(args, format);
	vsnprintf(ret_error->rule, sizeof(ret_error->rule), format, args);
	va_end(args);
}

int field_error_unsupported(struct field_error *ret_error, const char *capability)
{
	ret_error->capability = capability;
	return -EOPNOTSUPP;
}
