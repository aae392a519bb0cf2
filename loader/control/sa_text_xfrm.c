/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of `ip xfrm state` that are not xesp's own: those that can be passed over without changing
 * what happens to an inbound packet, and those that cannot and are refused. Pure; any thread.
 */
#include <errno.h>
#include <linux/xfrm.h>
#include <string.h>

#include "base/cleanup.h"
#include "control/sa_text_parse.h"

int sa_text_xfrm_unsupported(struct sa_text_parse *parse)
{
	const char *value = sa_text_words_peek(&parse->words);

	return sa_text_words_unsupported(&parse->words, parse->keyword, value ? value : "",
					 "unsupported, and without it the SA would not mean the same");
}

int sa_text_xfrm_ignored_number(struct sa_text_parse *parse)
{
	uint64_t number;

	return sa_text_words_printed(&parse->words, parse->keyword, UINT32_MAX, &number);
}

/* Both are about sending. That numbers may wrap is a permission, of which xesp makes no use: a counter that
 * begins anew is a nonce that is used twice. */
int sa_text_xfrm_extra_flag(struct sa_text_parse *parse)
{
	struct sa_text_words *words = &parse->words;
	uint64_t number = 0;
	bool any = false;

	while (true) {
		if (sa_text_words_accept(words, "dont-encap-dscp"))
			number |= XFRM_SA_XFLAG_DONT_ENCAP_DSCP;
		else if (sa_text_words_accept(words, "follow")) /* of xesp alone */
			parse->params.flags |= SA_FLAG_FOLLOW;
		else if (!sa_text_words_accept(words, "oseq-may-wrap"))
			break;
		any = true;
	}
	if (!any && sa_text_words_number(words, parse->keyword, UINT32_MAX, &number) < 0)
		return -EINVAL;
	if (number & XFRM_SA_XFLAG_DONT_ENCAP_DSCP)
		parse->params.flags |= SA_FLAG_NO_ENCAP_DSCP;
	return 0;
}

int sa_text_xfrm_tfcpad(struct sa_text_parse *parse)
{
	uint64_t number;

	if (sa_text_words_number(&parse->words, parse->keyword, UINT16_MAX, &number) < 0)
		return -EINVAL;
	parse->params.tfc_pad = (uint32_t)number;
	return 0;
}

int sa_text_xfrm_oseq(struct sa_text_parse *parse)
{
	bool high = strcmp(parse->keyword, "replay-oseq-hi") == 0;
	uint64_t *seq = &parse->params.send_seq;
	uint64_t number;

	if (sa_text_words_printed(&parse->words, parse->keyword, UINT32_MAX, &number) < 0)
		return -EINVAL;
	*seq = high ? number << 32 | (uint32_t)*seq : *seq >> 32 << 32 | number;
	parse->params.send_seq_given = true;
	return 0;
}

int sa_text_xfrm_dir(struct sa_text_parse *parse)
{
	const char *word;

	if (sa_text_words_take(&parse->words, parse->keyword, &word) < 0)
		return -EINVAL;
	if (strcmp(word, "in") != 0 && strcmp(word, "out") != 0)
		return sa_text_words_fail(&parse->words, "dir", word, "must be in or out");
	parse->params.dir = strcmp(word, "out") == 0 ? SA_DIR_OUT : SA_DIR_IN;
	return 0;
}

/* True for 0, and for 0/MASK as `ip` prints it. */
static bool mark_is_zero(const char *word)
{
	size_t len = strcspn(word, "/");

	if (word[len] == '/' && strspn(word + len + 1, "0123456789abcdefx") != strlen(word + len + 1))
		return false;
	return (len == 1 && word[0] == '0') || (len == 3 && strncmp(word, "0x0", 3) == 0);
}

/* A mark as given, "V [mask M]", or as printed, "V/M". */
int sa_text_xfrm_mark(struct sa_text_parse *parse)
{
	struct sa_text_words *words = &parse->words;
	const char *word;
	uint64_t mask;

	if (sa_text_words_take(words, parse->keyword, &word) < 0)
		return -EINVAL;
	if (!mark_is_zero(word))
		return sa_text_words_unsupported(words, parse->keyword, word,
						 "only 0 is supported: xesp does not mark packets");
	if (sa_text_words_accept(words, "mask"))
		return sa_text_words_number(words, "mask", UINT32_MAX, &mask);
	return 0;
}

int sa_text_xfrm_if_id(struct sa_text_parse *parse)
{
	const char *word = sa_text_words_peek(&parse->words);
	uint64_t if_id;

	if (sa_text_words_number(&parse->words, parse->keyword, UINT32_MAX, &if_id) < 0)
		return -EINVAL;
	if (if_id != 0)
		return sa_text_words_unsupported(
			&parse->words, parse->keyword, word,
			"only 0 is supported: xesp does not deliver to xfrm interfaces");
	return 0;
}

int sa_text_xfrm_skip_time(struct sa_text_parse *parse)
{
	if (sa_text_words_accept(&parse->words, "-") || sa_text_words_accept(&parse->words, "invalid-time"))
		return 0;
	return sa_text_words_pattern(&parse->words, parse->keyword, "* *");
}

int sa_text_xfrm_stats(struct sa_text_parse *parse)
{
	return sa_text_words_pattern(&parse->words, parse->keyword, "replay-window * replay * failed *");
}

int sa_text_xfrm_lastused(struct sa_text_parse *parse)
{
	return sa_text_xfrm_skip_time(parse);
}

int sa_text_xfrm_offload(struct sa_text_parse *parse)
{
	struct sa_text_words *words = &parse->words;

	if (!sa_text_words_accept(words, "crypto"))
		sa_text_words_accept(words, "packet");
	if (sa_text_words_pattern(words, parse->keyword, "dev * dir") < 0)
		return -EINVAL;
	return sa_text_xfrm_dir(parse);
}

int sa_text_xfrm_offload_printed(struct sa_text_parse *parse)
{
	struct sa_text_words *words = &parse->words;

	if (sa_text_words_pattern(words, parse->keyword, "offload parameters: dev * dir") < 0 ||
	    sa_text_xfrm_dir(parse) < 0)
		return -EINVAL;
	/* iproute2 before 5.19 knew one mode only and did not print it. */
	if (sa_text_words_accept(words, "mode"))
		return sa_text_words_pattern(words, parse->keyword, "*");
	return 0;
}

static int read_u32(struct sa_text_parse *parse, const char *keyword, uint32_t *ret_number)
{
	uint64_t number;

	if (sa_text_words_pattern(&parse->words, parse->keyword, keyword) < 0 ||
	    sa_text_words_printed(&parse->words, keyword, UINT32_MAX, &number) < 0)
		return -EINVAL;
	*ret_number = (uint32_t)number;
	return 0;
}

/* The bitmap is passed over: an SA starts with everything up to the top as received, so that no packet
 * that the kernel had accepted can be accepted again. */
static int read_esn_context(struct sa_text_parse *parse)
{
	uint32_t bitmap_words, oseq;

	if (read_u32(parse, "seq-hi", &parse->seq_high) < 0 || read_u32(parse, "seq", &parse->seq_low) < 0 ||
	    read_u32(parse, "oseq-hi", &oseq) < 0 || read_u32(parse, "oseq", &oseq) < 0 ||
	    read_u32(parse, "replay_window", &parse->esn_window) < 0 ||
	    read_u32(parse, "bitmap-length", &bitmap_words) < 0)
		return -EINVAL;
	for (; bitmap_words > 0; bitmap_words--) {
		if (sa_text_words_pattern(&parse->words, "bitmap-length", "*") < 0)
			return -EINVAL;
	}
	return 0;
}

int sa_text_xfrm_anti_replay(struct sa_text_parse *parse)
{
	uint32_t unused;

	if (sa_text_words_accept(&parse->words, "esn")) {
		if (sa_text_words_pattern(&parse->words, parse->keyword, "context:") < 0)
			return -EINVAL;
		return read_esn_context(parse);
	}
	if (sa_text_words_pattern(&parse->words, parse->keyword, "context:") < 0 ||
	    read_u32(parse, "seq", &parse->seq_low) < 0 || read_u32(parse, "oseq", &unused) < 0)
		return -EINVAL;
	return sa_text_words_pattern(&parse->words, parse->keyword, "bitmap *");
}
