/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of an SA's algorithms, with their keys and the length of the ICV: `aead`, `enc`, `auth-trunc`,
 * `auth`. Runs in the CLI.
 */
#include <errno.h>

#include "control/sa_text_key.h"
#include "control/sa_text_parse.h"

int sa_text_unsupported_algo(struct sa_text_parse *parse)
{
	const char *name;

	if (sa_text_words_take(&parse->words, parse->keyword, &name) < 0)
		return -EINVAL;
	/* A name has parentheses or is short ("aes"); anything else may be a key. */
	if (!strchr(name, '(') && strlen(name) >= 16)
		name = "(hidden)";
	return sa_text_words_unsupported(&parse->words, parse->keyword, name,
					 "unsupported: `xesp capabilities` lists the algorithms that are");
}

/* Takes the name of an algorithm; NULL behind an error. */
static const struct algo *take_name(struct sa_text_parse *parse, enum algo_class class)
{
	const char *name = sa_text_words_peek(&parse->words);
	const struct algo *algo = name ? algo_by_name(class, name) : NULL;

	if (algo)
		parse->words.next++;
	else
		(void)sa_text_unsupported_algo(parse);
	return algo;
}

/* The NULL cipher has no key: `ip` prints none, and on a command line it is ''. */
static int take_no_key(struct sa_text_parse *parse)
{
	const char *word = sa_text_words_peek(&parse->words);

	if (!word)
		return 0;
	if (!strncmp(word, "file:", 5) || !strcmp(word, "-") || !strncmp(word, "0x", 2))
		return sa_text_words_fail(&parse->words, "key", "(hidden)", "must be '': %s has no key",
					  algo_by_id(ALGO_NULL)->xfrm_name);
	if (!word[0])
		parse->words.next++;
	return 0;
}

static int take_key(struct sa_text_parse *parse, const struct algo *algo)
{
	struct sa_text_words *words = &parse->words;
	const char *word;

	if (!algo->key_bytes[0])
		return take_no_key(parse);
	if (sa_text_words_take(words, algo->class == ALGO_CLASS_AUTH ? "auth key" : "key", &word) < 0 ||
	    sa_text_key_read(word, algo, parse->stdin_allowed, &parse->params, words->error) < 0)
		return -EINVAL;
	word = sa_text_words_peek(words);
	if (word && word[0] == '(') /* "(288 bits)", from `ip -s` */
		return sa_text_words_pattern(words, parse->keyword, "* bits)");
	return 0;
}

static int take_icv(struct sa_text_parse *parse)
{
	const char *word = sa_text_words_peek(&parse->words);
	uint64_t bits;

	if (sa_text_words_number(&parse->words, "icv", UINT8_MAX * 8, &bits) < 0)
		return -EINVAL;
	if (bits % 8 != 0)
		return sa_text_words_fail(&parse->words, "icv", word, "must be whole bytes");
	parse->params.icv_bytes = (uint8_t)(bits / 8);
	return 0;
}

/* "aead NAME KEY BITS" or "enc NAME KEY" */
int sa_text_read_cipher(struct sa_text_parse *parse)
{
	bool aead = strcmp(parse->keyword, "aead") == 0;
	const struct algo *algo;

	if (parse->params.cipher != ALGO_NONE)
		return sa_text_words_fail(&parse->words, parse->keyword, parse->keyword,
					  "an SA has aead, or enc with auth-trunc, not both");
	algo = take_name(parse, aead ? ALGO_CLASS_AEAD : ALGO_CLASS_ENC);
	if (!algo)
		return -EINVAL;
	parse->params.cipher = algo->id;
	if (take_key(parse, algo) < 0)
		return -EINVAL;
	return aead ? take_icv(parse) : 0;
}

/* Without a length the kernel's counts, which for SHA2-256 is that of a draft, 96 bits. */
static int default_icv(struct sa_text_parse *parse, const struct algo *algo)
{
	if (!algo_length_allowed(algo->icv_bytes, algo->icv_xfrm_bytes))
		return sa_text_words_unsupported(
			&parse->words, "auth", algo->xfrm_name,
			"unsupported: `auth` means an ICV of %u bits to the kernel; %s has %u, for which write "
			"auth-trunc '%s' KEY %u",
			algo->icv_xfrm_bytes * 8u, algo->rfc, algo->icv_bytes[0] * 8u, algo->xfrm_name,
			algo->icv_bytes[0] * 8u);
	parse->params.icv_bytes = algo->icv_xfrm_bytes;
	return 0;
}

/* "auth-trunc NAME KEY BITS" or "auth NAME KEY" */
int sa_text_read_auth(struct sa_text_parse *parse)
{
	const struct algo *algo;

	if (parse->params.auth != ALGO_NONE)
		return sa_text_words_fail(&parse->words, parse->keyword, parse->keyword,
					  "auth and auth-trunc are the same with and without length");
	algo = take_name(parse, ALGO_CLASS_AUTH);
	if (!algo)
		return -EINVAL;
	parse->params.auth = algo->id;
	if (take_key(parse, algo) < 0)
		return -EINVAL;
	return strcmp(parse->keyword, "auth") == 0 ? default_icv(parse, algo) : take_icv(parse);
}
