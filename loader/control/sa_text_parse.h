/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to sa_text*.c: the state of parsing one SA, and the readers of groups of words. A reader is
 * called with its keyword already taken, takes the words that belong to it, and returns 0 or -EINVAL with
 * the error filled.
 */
#ifndef XESP_CONTROL_SA_TEXT_PARSE_H
#define XESP_CONTROL_SA_TEXT_PARSE_H

#include "control/sa_text_words.h"

struct sa_text_parse {
	struct sa_text_words words;
	struct sa_params params;
	const char *keyword; /* the one whose reader runs */
	uint64_t seen;	     /* keywords so far, by row of the table */
	uint32_t seq_low;
	uint32_t seq_high;
	uint32_t esn_window; /* of a printed ESN context, which `ip` keeps apart; 0: none */
	bool stdin_allowed;
};

/* Parses one SA. On failure `*parse` holds no key. */
int sa_text_parse(struct sa_text_parse *parse);

/* sa_text_algo.c */
int sa_text_read_cipher(struct sa_text_parse *parse);
int sa_text_read_auth(struct sa_text_parse *parse);
int sa_text_unsupported_algo(struct sa_text_parse *parse);

/* sa_text_sel.c */
int sa_text_read_sel(struct sa_text_parse *parse);
int sa_text_read_dev(struct sa_text_parse *parse);

/* sa_text_limit.c */
int sa_text_read_limit(struct sa_text_parse *parse);
int sa_text_read_lifetime(struct sa_text_parse *parse);

/* A time as `ip` prints it: "-", "invalid-time", or date and time of day. */
int sa_text_xfrm_skip_time(struct sa_text_parse *parse);

/* sa_text_xfrm.c: words of `ip xfrm` that xesp has no use for */
int sa_text_xfrm_unsupported(struct sa_text_parse *parse);
int sa_text_xfrm_ignored_number(struct sa_text_parse *parse);
int sa_text_xfrm_extra_flag(struct sa_text_parse *parse);
int sa_text_xfrm_tfcpad(struct sa_text_parse *parse);
int sa_text_xfrm_oseq(struct sa_text_parse *parse);
int sa_text_xfrm_dir(struct sa_text_parse *parse);
int sa_text_xfrm_mark(struct sa_text_parse *parse);
int sa_text_xfrm_if_id(struct sa_text_parse *parse);
int sa_text_xfrm_stats(struct sa_text_parse *parse);
int sa_text_xfrm_lastused(struct sa_text_parse *parse);
int sa_text_xfrm_offload(struct sa_text_parse *parse);
int sa_text_xfrm_offload_printed(struct sa_text_parse *parse);
int sa_text_xfrm_anti_replay(struct sa_text_parse *parse);

#endif
