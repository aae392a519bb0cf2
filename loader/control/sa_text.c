/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One SA as words, for `xesp sa add` and for what `ip xfrm state` prints: a table of keywords, each with
 * the reader of the words behind it. Runs in the CLI.
 */
#include "control/sa_text.h"

#include <errno.h>
#include <linux/xfrm.h>

#include "base/cleanup.h"
#include "control/capabilities.h"
#include "control/sa_flag.h"
#include "control/sa_text_parse.h"

static int read_src(struct sa_text_parse *parse)
{
	return sa_text_words_address(&parse->words, "src", &parse->params.src);
}

static int read_dst(struct sa_text_parse *parse)
{
	return sa_text_words_address(&parse->words, "dst", &parse->params.dst);
}

/* The value of one of the words that the capabilities have for a field. */
static int take_word(struct sa_text_parse *parse, const char *field, enum capability_field capability,
		     const char *rule, int *ret_value)
{
	const struct capability_word *row;
	const char *word;

	if (sa_text_words_take(&parse->words, field, &word) < 0)
		return -EINVAL;
	row = capabilities_word(capability, word);
	if (row && row->value != CAPABILITY_NONE) {
		*ret_value = row->value;
		return 0;
	}
	if (row)
		sa_text_words_unsupported(&parse->words, field, word, "unsupported: %s", rule);
	else
		sa_text_words_fail(&parse->words, field, word, "%s", rule);
	return -EINVAL;
}

static int read_proto(struct sa_text_parse *parse)
{
	int value;

	return take_word(parse, "proto", CAPABILITY_PROTO, "only esp is supported", &value);
}

static int read_spi(struct sa_text_parse *parse)
{
	uint64_t number;

	if (sa_text_words_printed(&parse->words, "spi", UINT32_MAX, &number) < 0)
		return -EINVAL;
	parse->params.spi = (uint32_t)number;
	return 0;
}

static int read_reqid(struct sa_text_parse *parse)
{
	uint64_t number;

	if (sa_text_words_printed(&parse->words, "reqid", UINT32_MAX, &number) < 0)
		return -EINVAL;
	parse->params.reqid = (uint32_t)number;
	return 0;
}

static int read_mode(struct sa_text_parse *parse)
{
	int mode;

	if (take_word(parse, "mode", CAPABILITY_MODE, "must be tunnel, transport or beet", &mode) < 0)
		return -EINVAL;
	parse->params.mode = (enum sa_mode)mode;
	return 0;
}

static int read_encap_type(struct sa_text_parse *parse)
{
	int type;

	if (take_word(parse, "encap", CAPABILITY_ENCAP, "must be espinudp or espinudp-nonike", &type) < 0)
		return -EINVAL;
	parse->params.encap.type = (enum xesp_encap)type;
	return 0;
}

/* Either "espinudp SPORT DPORT OADDR" or, as `ip` prints it, "type espinudp sport N dport N addr A". */
static int read_encap(struct sa_text_parse *parse)
{
	struct sa_text_words *words = &parse->words;
	struct sa_encap *encap = &parse->params.encap;
	bool printed = sa_text_words_accept(words, "type");
	uint64_t sport, dport;

	encap->present = true;
	if (read_encap_type(parse) < 0)
		return -EINVAL;
	if (printed && sa_text_words_pattern(words, "encap", "sport") < 0)
		return -EINVAL;
	if (sa_text_words_number(words, "encap sport", UINT16_MAX, &sport) < 0)
		return -EINVAL;
	if (printed && sa_text_words_pattern(words, "encap", "dport") < 0)
		return -EINVAL;
	if (sa_text_words_number(words, "encap dport", UINT16_MAX, &dport) < 0)
		return -EINVAL;
	if (printed && sa_text_words_pattern(words, "encap", "addr") < 0)
		return -EINVAL;
	if (sa_text_words_address(words, "encap oaddr", &encap->original_src) < 0)
		return -EINVAL;
	encap->sport = (uint16_t)sport;
	encap->dport = (uint16_t)dport;
	if (sa_text_words_accept(words, "oa-dst"))
		return sa_text_words_address(words, "encap oa-dst", &encap->original_dst);
	return 0;
}

static int read_window(struct sa_text_parse *parse)
{
	uint64_t number;

	if (sa_text_words_number(&parse->words, "replay-window", UINT32_MAX, &number) < 0)
		return -EINVAL;
	parse->params.replay_window = (uint32_t)number;
	return 0;
}

static int read_priority(struct sa_text_parse *parse)
{
	uint64_t number;

	if (sa_text_words_number(&parse->words, "priority", UINT32_MAX, &number) < 0)
		return -EINVAL;
	parse->params.priority = (uint32_t)number;
	return 0;
}

static int read_dummy_interval(struct sa_text_parse *parse)
{
	uint64_t number;

	if (sa_text_words_number(&parse->words, parse->keyword, UINT32_MAX, &number) < 0)
		return -EINVAL;
	parse->params.dummy_ms = (uint32_t)number;
	return 0;
}

static int read_seq(struct sa_text_parse *parse)
{
	uint64_t number;

	if (sa_text_words_number(&parse->words, parse->keyword, UINT32_MAX, &number) < 0)
		return -EINVAL;
	if (strcmp(parse->keyword, "replay-seq-hi") == 0)
		parse->seq_high = (uint32_t)number;
	else
		parse->seq_low = (uint32_t)number;
	return 0;
}

static int flag_apply(struct sa_text_parse *parse, uint64_t bits)
{
	const struct sa_flag_name *flag;

	if (bits & XFRM_STATE_ALIGN4)
		return sa_text_words_unsupported(&parse->words, "flag", "align4",
						 "unsupported: it changes the layout of packets");
	for (size_t row = 0; (flag = sa_flag_at(row)); row++) {
		if (bits & flag->xfrm_bit)
			parse->params.flags |= flag->sa_flag;
	}
	return 0;
}

/* The bit of a flag's name, or 0. `ip -s` prints no space between the last flag and "extra_flag". */
static uint32_t flag_bit(const char *word, bool *ret_glued)
{
	const struct sa_flag_name *flag;

	for (size_t row = 0; (flag = sa_flag_at(row)); row++) {
		size_t len = strlen(flag->name);

		if (strncmp(word, flag->name, len) != 0)
			continue;
		*ret_glued = strcmp(word + len, "extra_flag") == 0;
		if (word[len] == '\0' || *ret_glued)
			return flag->xfrm_bit;
	}
	return 0;
}

/* What `ip -s` prints behind the flags: the same as binary digits. */
static void skip_flag_mask(struct sa_text_words *words)
{
	const char *word = sa_text_words_peek(words);

	if (word && strncmp(word, "(0x", 3) == 0)
		words->next++;
}

static int read_flag(struct sa_text_parse *parse)
{
	struct sa_text_words *words = &parse->words;
	const char *word = sa_text_words_peek(words);
	uint32_t bits = 0, bit;
	bool glued = false;
	uint64_t number;

	if (word && strncmp(word, "0x", 2) == 0) {
		if (sa_text_words_number(words, "flag", UINT8_MAX, &number) < 0)
			return -EINVAL;
		return flag_apply(parse, number);
	}
	while (!glued && word && (bit = flag_bit(word, &glued)) != 0) {
		bits |= bit;
		words->next++;
		word = sa_text_words_peek(words);
	}
	/* An empty list is only to be had from `ip -s`. */
	if (bits == 0 && (!word || (word[0] != '(' && strcmp(word, "extra_flag") != 0)))
		return sa_text_words_fail(words, "flag", word ? word : "", "unknown flag");
	if (flag_apply(parse, bits) < 0)
		return -EINVAL;
	if ((glued || sa_text_words_accept(words, "extra_flag")) && sa_text_xfrm_extra_flag(parse) < 0)
		return -EINVAL;
	skip_flag_mask(words);
	return 0;
}

/* Of a file: "many" words may come more than once. */
static const struct keyword {
	const char *word;
	int (*read)(struct sa_text_parse *parse);
	bool many;
} keywords[] = {
	{"src", read_src, false},
	{"dst", read_dst, false},
	{"proto", read_proto, false},
	{"spi", read_spi, false},
	{"reqid", read_reqid, false},
	{"mode", read_mode, false},
	{"aead", sa_text_read_cipher, false},
	{"enc", sa_text_read_cipher, false},
	{"auth", sa_text_read_auth, false},
	{"auth-trunc", sa_text_read_auth, false},
	{"comp", sa_text_unsupported_algo, false},
	{"encap", read_encap, false},
	{"replay-window", read_window, false},
	{"replay-seq", read_seq, false},
	{"replay-seq-hi", read_seq, false},
	{"flag", read_flag, true},
	{"sel", sa_text_read_sel, false},
	{"dev", sa_text_read_dev, false},
	{"coa", sa_text_xfrm_unsupported, false},
	{"ctx", sa_text_xfrm_unsupported, false},
	{"security", sa_text_xfrm_unsupported, false},
	{"seq", sa_text_xfrm_ignored_number, false},
	{"replay-oseq", sa_text_xfrm_oseq, false},
	{"replay-oseq-hi", sa_text_xfrm_oseq, false},
	{"tfcpad", sa_text_xfrm_tfcpad, false},
	{"priority", read_priority, false},
	{"dummy-interval", read_dummy_interval, false},
	{"pcpu-num", sa_text_xfrm_ignored_number, false},
	{"extra-flag", sa_text_xfrm_extra_flag, true},
	{"dir", sa_text_xfrm_dir, false},
	{"mark", sa_text_xfrm_mark, false},
	{"output-mark", sa_text_xfrm_mark, false},
	{"if_id", sa_text_xfrm_if_id, false},
	{"limit", sa_text_read_limit, true},
	{"lifetime", sa_text_read_lifetime, true},
	{"stats:", sa_text_xfrm_stats, false},
	{"lastused", sa_text_xfrm_lastused, false},
	{"offload", sa_text_xfrm_offload, false},
	{"crypto", sa_text_xfrm_offload_printed, false},
	{"anti-replay", sa_text_xfrm_anti_replay, false},
};

_Static_assert(ARRAY_SIZE(keywords) <= 64, "rows fit the bits of sa_text_parse.seen");

/* Takes one keyword and what belongs to it. */
static int parse_one(struct sa_text_parse *parse)
{
	const char *word = "";

	(void)sa_text_words_take(&parse->words, "sa", &word);
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		if (strcmp(word, keywords[i].word) != 0)
			continue;
		if (parse->seen & 1ull << i && !keywords[i].many)
			return sa_text_words_fail(&parse->words, word, word, "given twice");
		parse->seen |= 1ull << i;
		parse->keyword = word;
		return keywords[i].read(parse);
	}
	return sa_text_words_fail(&parse->words, "word", word, "unknown word");
}

static bool seen_mode(const struct sa_text_parse *parse)
{
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		if (keywords[i].read == read_mode)
			return parse->seen & 1ull << i;
	}
	return false;
}

/* Fields that depend on more than one word. */
static int finish(struct sa_text_parse *parse)
{
	struct sa_params *params = &parse->params;

	if (!seen_mode(parse))
		return sa_text_words_fail(&parse->words, "mode", "", "required: tunnel, transport or beet");
	if (parse->esn_window)
		params->replay_window = parse->esn_window;
	params->replay_seq = (uint64_t)parse->seq_high << 32 | parse->seq_low;
	return 0;
}

int sa_text_parse(struct sa_text_parse *parse)
{
	int err = 0;

	parse->params = (struct sa_params){.replay_window = XESP_REPLAY_WINDOW_DEFAULT};
	while (err == 0 && parse->words.next < parse->words.count)
		err = parse_one(parse);
	if (err == 0)
		err = finish(parse);
	if (err < 0)
		sa_params_wipe(&parse->params);
	return err;
}

int sa_text_parse_words(char *const *words, size_t count, struct sa_params *ret_params,
			struct field_error *ret_error)
{
	struct sa_text_parse parse = {
		.words = {.words = words, .count = count, .error = ret_error},
		.stdin_allowed = true,
	};
	int err = sa_text_parse(&parse);

	if (err < 0)
		return err;
	*ret_params = parse.params;
	sa_params_wipe(&parse.params);
	return 0;
}

int sa_text_parse_id(char *const *words, size_t count, struct sa_params *ret_params,
		     struct field_error *ret_error)
{
	static const char *const id_words[] = {"src", "dst", "proto", "spi", "dev"};
	struct sa_text_parse parse = {.words = {.words = words, .count = count, .error = ret_error}};

	while (parse.words.next < count) {
		const char *word = sa_text_words_peek(&parse.words);
		size_t i;

		for (i = 0; i < ARRAY_SIZE(id_words) && strcmp(word, id_words[i]) != 0; i++)
			;
		if (i == ARRAY_SIZE(id_words))
			return sa_text_words_fail(&parse.words, "word", word,
						  "unknown word; an SA is named by dst and spi");
		if (parse_one(&parse) < 0)
			return -EINVAL;
	}
	if (parse.params.dst.family == AF_UNSPEC)
		return sa_text_words_fail(&parse.words, "dst", "", "required: dst and spi name an SA");
	if (parse.params.spi == 0)
		return sa_text_words_fail(&parse.words, "spi", "", "required: dst and spi name an SA");
	*ret_params = parse.params;
	return 0;
}
