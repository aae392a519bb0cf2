/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The selector of an SA as words: sel src PREFIX dst PREFIX [proto P [sport N] [dport N]] [dev D] [uid N].
 * Pure; any thread.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "control/sa_text_parse.h"

/* Names that `ip` prints for numbers; /etc/protocols may be missing, so the common ones stand here. */
static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{"any", 0},
	{"icmp", IPPROTO_ICMP},
	{"igmp", IPPROTO_IGMP},
	{"ipencap", IPPROTO_IPIP},
	{"tcp", IPPROTO_TCP},
	{"udp", IPPROTO_UDP},
	{"dccp", IPPROTO_DCCP},
	{"ipv6", IPPROTO_IPV6},
	{"gre", IPPROTO_GRE},
	{"esp", IPPROTO_ESP},
	{"ah", IPPROTO_AH},
	{"ipv6-icmp", IPPROTO_ICMPV6},
	{"ospf", 89},
	{"sctp", IPPROTO_SCTP},
	{"udplite", IPPROTO_UDPLITE},
};

static int read_prefix(struct sa_text_parse *parse, const char *field, struct ip_prefix *ret_prefix)
{
	const char *word;

	if (sa_text_words_take(&parse->words, field, &word) < 0)
		return -EINVAL;
	if (strcmp(word, "any") == 0) {
		*ret_prefix = (struct ip_prefix){0};
		return 0;
	}
	if (ip_prefix_parse(word, ret_prefix) < 0)
		return sa_text_words_fail(&parse->words, field, word,
					  "must be ADDR or ADDR/LENGTH with no bits set behind the length");
	return 0;
}

static int read_src(struct sa_text_parse *parse)
{
	return read_prefix(parse, "sel src", &parse->params.selector.src);
}

static int read_dst(struct sa_text_parse *parse)
{
	return read_prefix(parse, "sel dst", &parse->params.selector.dst);
}

static int read_proto(struct sa_text_parse *parse)
{
	const char *word = sa_text_words_peek(&parse->words);
	uint64_t number;

	for (size_t i = 0; word && i < ARRAY_SIZE(protocols); i++) {
		if (sa_text_words_accept(&parse->words, protocols[i].name)) {
			parse->params.selector.protocol = protocols[i].number;
			return 0;
		}
	}
	if (sa_text_words_number(&parse->words, "sel proto", UINT8_MAX, &number) < 0)
		return sa_text_words_fail(&parse->words, "sel proto", word ? word : "",
					  "unknown name of a protocol; its number always works");
	parse->params.selector.protocol = (uint8_t)number;
	return 0;
}

static int read_port(struct sa_text_parse *parse, const char *field, uint16_t *ret_port)
{
	uint64_t number;

	if (sa_text_words_number(&parse->words, field, UINT16_MAX, &number) < 0)
		return -EINVAL;
	*ret_port = (uint16_t)number;
	return 0;
}

static int read_sport(struct sa_text_parse *parse)
{
	return read_port(parse, "sel sport", &parse->params.selector.sport);
}

static int read_dport(struct sa_text_parse *parse)
{
	return read_port(parse, "sel dport", &parse->params.selector.dport);
}

/* No kernel ever looked at it; `ip -s` prints it behind every selector. */
static int read_uid(struct sa_text_parse *parse)
{
	uint64_t uid;

	return sa_text_words_number(&parse->words, "sel uid", UINT32_MAX, &uid);
}

static int refuse(struct sa_text_parse *parse)
{
	const char *value = sa_text_words_peek(&parse->words);

	return sa_text_words_unsupported(&parse->words, "sel", value ? value : "",
					 "selectors for ICMP type and code or GRE keys are not supported");
}

int sa_text_read_dev(struct sa_text_parse *parse)
{
	const char *word;

	if (sa_text_words_take(&parse->words, "dev", &word) < 0)
		return -EINVAL;
	if (word[0] == '\0' || strlen(word) >= sizeof(parse->params.dev))
		return sa_text_words_fail(&parse->words, "dev", word,
					  "is not an interface name: 1 to %d characters", IF_NAMESIZE - 1);
	if (parse->params.dev[0])
		return sa_text_words_fail(&parse->words, "dev", word, "given twice");
	memcpy(parse->params.dev, word, strlen(word) + 1);
	return 0;
}

static const struct {
	const char *word;
	int (*read)(struct sa_text_parse *parse);
} parts[] = {
	{"src", read_src},     {"dst", read_dst},	  {"proto", read_proto}, {"sport", read_sport},
	{"dport", read_dport}, {"dev", sa_text_read_dev}, {"uid", read_uid},	 {"type", refuse},
	{"code", refuse},      {"key", refuse},
};

int sa_text_read_sel(struct sa_text_parse *parse)
{
	unsigned int seen = 0;

	for (;;) {
		size_t part;

		for (part = 0; part < ARRAY_SIZE(parts); part++) {
			if (sa_text_words_accept(&parse->words, parts[part].word))
				break;
		}
		if (part == ARRAY_SIZE(parts))
			break;
		if (seen & 1u << part)
			return sa_text_words_fail(&parse->words, "sel", parts[part].word, "given twice");
		seen |= 1u << part;
		if (parts[part].read(parse) < 0)
			return -EINVAL;
	}
	if (!seen) {
		const char *word = sa_text_words_peek(&parse->words);

		return sa_text_words_fail(&parse->words, "sel", word ? word : "",
					  "expected src, dst, proto, sport or dport");
	}
	return 0;
}
