/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles as text.
 */
#include "control/handle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *handle_format(const char *kind, struct handle handle, char *buffer)
{
	snprintf(buffer, HANDLE_TEXT_MAX, "%s-%u-%u", kind, handle.index, handle.generation);
	return buffer;
}

/* "-", then a decimal number of 32 bits without leading zeros; moves `*text` behind it. */
static int parse_number(const char **text, uint32_t *ret_number)
{
	const char *at = *text;
	uint64_t number = 0;

	if (*at++ != '-' || *at < '0' || *at > '9' || (*at == '0' && at[1] >= '0' && at[1] <= '9'))
		return -EINVAL;
	for (; *at >= '0' && *at <= '9'; at++) {
		number = number * 10 + (uint64_t)(*at - '0');
		if (number > UINT32_MAX)
			return -EINVAL;
	}
	*ret_number = (uint32_t)number;
	*text = at;
	return 0;
}

int handle_parse(const char *kind, const char *text, struct handle *ret_handle)
{
	size_t length = strlen(kind);
	struct handle handle;

	if (strncmp(text, kind, length))
		return -EINVAL;
	text += length;
	if (parse_number(&text, &handle.index) || parse_number(&text, &handle.generation) || *text)
		return -EINVAL;
	*ret_handle = handle;
	return 0;
}
