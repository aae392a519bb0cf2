/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of lifetimes. Pure; any thread.
 */
#include "control/sa_limit.h"

#include <errno.h>

#include "base/cleanup.h"

#define ROW(word, member, zero_is_none) \
	{ \
		word, #member, offsetof(struct sa_limits, member), zero_is_none \
	}

static const struct sa_limit_name table[] = {
	ROW("byte-soft", byte_soft, false),	   ROW("byte-hard", byte_hard, false),
	ROW("packet-soft", packet_soft, false),	   ROW("packet-hard", packet_hard, false),
	ROW("time-soft", time_soft, true),	   ROW("time-hard", time_hard, true),
	ROW("time-use-soft", time_use_soft, true), ROW("time-use-hard", time_use_hard, true),
};

const struct sa_limit_name *sa_limit_at(size_t row)
{
	return row < ARRAY_SIZE(table) ? &table[row] : NULL;
}

const struct sa_limit_name *sa_limit_by_name(const char *word)
{
	for (size_t row = 0; row < ARRAY_SIZE(table); row++)
		if (!strcmp(word, table[row].word) || !strcmp(word, table[row].json))
			return &table[row];
	return NULL;
}

static uint64_t *place(struct sa_limits *limits, const struct sa_limit_name *name)
{
	return (uint64_t *)((char *)limits + name->offset);
}

uint64_t sa_limit_get(const struct sa_limits *limits, const struct sa_limit_name *name)
{
	return *place((struct sa_limits *)limits, name);
}

int sa_limit_set(struct sa_limits *limits, const struct sa_limit_name *name, uint64_t number)
{
	if (number == 0 && !name->zero_is_none)
		return -EINVAL;
	*place(limits, name) = number < SA_LIMIT_INFINITE ? number : 0;
	return 0;
}
