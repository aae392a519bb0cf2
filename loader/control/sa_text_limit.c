/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lifetimes as words: `limit KIND N`, and what `ip -s xfrm state` prints. Pure; any thread.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "control/sa_limit.h"
#include "control/sa_text_parse.h"

static int set_limit(struct sa_text_parse *parse, const struct sa_limit_name *name, uint64_t number)
{
	if (sa_limit_set(&parse->params.limits, name, number) < 0)
		return sa_text_words_fail(&parse->words, name->word, "0",
					  "must be 1 or more: an SA without packets is none");
	return 0;
}

int sa_text_read_limit(struct sa_text_parse *parse)
{
	const struct sa_limit_name *name;
	const char *kind;
	uint64_t number;

	if (sa_text_words_take(&parse->words, parse->keyword, &kind) < 0)
		return -EINVAL;
	name = sa_limit_by_name(kind);
	if (!name || strchr(kind, '_'))
		return sa_text_words_fail(&parse->words, "limit", kind, "unknown limit");
	if (sa_text_words_number(&parse->words, kind, UINT64_MAX, &number) < 0)
		return -EINVAL;
	return set_limit(parse, name, number);
}

/* "(INF)(bytes),", "3600(sec)". */
static int read_printed(struct sa_text_parse *parse, const struct sa_limit_name *name)
{
	struct sa_text_words *words = &parse->words;
	const char *word = sa_text_words_peek(words);
	uint64_t number;

	if (word && !strncmp(word, "(INF)(", 6)) {
		words->next++;
		return 0;
	}
	if (sa_text_words_printed(words, name->word, UINT64_MAX, &number) < 0)
		return -EINVAL;
	return set_limit(parse, name, number);
}

static int read_config(struct sa_text_parse *parse)
{
	static const char *const before[] = {"limit: soft",	 "hard", "limit: soft",	     "hard",
					     "expire add: soft", "hard", "expire use: soft", "hard"};

	for (size_t i = 0; i < ARRAY_SIZE(before); i++)
		if (sa_text_words_pattern(&parse->words, parse->keyword, before[i]) < 0 ||
		    read_printed(parse, sa_limit_at(i)) < 0)
			return -EINVAL;
	return 0;
}

int sa_text_read_lifetime(struct sa_text_parse *parse)
{
	struct sa_text_words *words = &parse->words;

	if (sa_text_words_accept(words, "config:"))
		return read_config(parse);
	if (sa_text_words_pattern(words, parse->keyword, "current: * * add") < 0 ||
	    sa_text_xfrm_skip_time(parse) < 0 || sa_text_words_pattern(words, parse->keyword, "use") < 0)
		return -EINVAL;
	return sa_text_xfrm_skip_time(parse);
}
