/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `xesp sa add`, `sa del` and `sa flush`. Runs on the CLI's only thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/keyfile.h"
#include "cli/output.h"
#include "control/sa_json.h"
#include "control/sa_text.h"
#include "control/validate.h"

#define CLEANUP_PARAMS CLEANUP(sa_params_wipe)

static error_t parse_words(int key, char *arg, struct argp_state *state)
{
	if (key == ARGP_KEY_NO_ARGS)
		argp_error(state, "which SA?");
	return cli_words_parse(key, arg, state);
}

static const struct argp add_argp = {
	.parser = parse_words,
	.args_doc = "WORDS...",
	.doc = "Adds an SA. WORDS are those of `ip xfrm state add`:\v"
	       "src ADDR dst ADDR [proto esp] spi SPI [reqid N] mode tunnel|transport|beet\n"
	       "aead ALGO KEY ICV-BITS, or enc ALGO KEY auth-trunc ALGO KEY ICV-BITS\n"
	       "[encap espinudp|espinudp-nonike SPORT DPORT OADDR [oa-dst ADDR]]\n"
	       "[replay-window N] [replay-seq N] [replay-seq-hi N] [flag FLAG...]\n"
	       "[sel src PREFIX dst PREFIX [proto P [sport N] [dport N]]] [dev IFACE]\n"
	       "[parser HANDLE] [dir in|out [priority N] [tfcpad N] [dummy-interval MS] [replay-oseq N]]\n\n"
	       "ALGO is spelled as `ip xfrm` does, 'rfc4106(gcm(aes))'; `xesp capabilities` lists them with "
	       "their lengths. KEY is file:PATH, or - for a line of standard input, or 0xHEX, which other users "
	       "may see in the list of processes until it is parsed; 'ecb(cipher_null)' has none.",
};

static const struct argp del_argp = {
	.parser = parse_words,
	.args_doc = "WORDS...",
	.doc = "Deletes an SA. WORDS: [src ADDR] dst ADDR [proto esp] spi SPI [dev IFACE] [parser HANDLE|keep], "
	       "or handle HANDLE [dev IFACE] [parser HANDLE|keep].\v"
	       "The SA's parser entry goes with its last SA. With `parser HANDLE` the entry must go: refused if "
	       "it has other SAs. With `parser keep` it stays, also without SAs.",
};

/* The word behind `name`, which is taken out together with it; NULL if there is no such pair. */
static const char *take_pair(struct cli_words *words, const char *name)
{
	for (size_t i = 0; i + 1 < words->count; i++) {
		const char *value = words->items[i + 1];

		if (strcmp(words->items[i], name))
			continue;
		words->count -= 2;
		memmove(&words->items[i], &words->items[i + 2], (words->count - i) * sizeof(*words->items));
		return value;
	}
	return NULL;
}

static void warn_of_key_files(const struct cli *cli, const struct cli_words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		if (!strncmp(words->items[i], "file:", 5))
			keyfile_warn(cli, words->items[i] + 5);
	}
}

int cmd_sa_add(struct cli *cli, int argc, char **argv)
{
	CLEANUP_PARAMS struct sa_params params = {0};
	struct cli_words words = {0};
	struct field_error error;
	const char *parser;
	json_t *sa;
	int err;

	cli_parse(cli, &add_argp, argc, argv, &words);
	parser = take_pair(&words, "parser");
	warn_of_key_files(cli, &words);
	err = sa_text_parse_words(words.items, words.count, &params, &error);
	keyfile_wipe_words(&words);
	free(words.items);
	if (!err) /* whether legacy algorithms are on, the daemon says */
		err = validate_sa(&params, true, &error);
	if (err)
		return call_field_failed(cli, &error);
	sa = sa_json_encode(&params, true);
	return call_plain(cli, "org.xesp.AddSa",
			  sa ? json_pack("{s:o, s:s*}", "sa", sa, "parser", parser) : NULL);
}

/* The SA's name as parameters of DeleteSa; consumes the words. */
static int name_of_sa(struct cli_words *words, json_t **ret_name, struct field_error *ret_error)
{
	const char *handle = take_pair(words, "handle");
	struct sa_params params = {0};
	char dst[IP_ADDR_TEXT_MAX];
	const char *dev;
	int err;

	if (handle) {
		dev = take_pair(words, "dev");
		if (words->count) {
			field_error_set(ret_error, "handle", words->items[0],
					"only dev and parser stand beside it");
			return -EINVAL;
		}
		*ret_name = json_pack("{s:s, s:s*}", "handle", handle, "dev", dev);
		return 0;
	}
	err = sa_text_parse_id(words->items, words->count, &params, ret_error);
	if (err)
		return err;
	*ret_name = json_pack("{s:s, s:I, s:s*}", "dst", ip_addr_format(&params.dst, dst), "spi",
			      (json_int_t)params.spi, "dev", *params.dev ? params.dev : NULL);
	return 0;
}

int cmd_sa_del(struct cli *cli, int argc, char **argv)
{
	struct cli_words words = {0};
	struct field_error error;
	json_t *parameters = NULL;
	const char *parser;
	int err;

	cli_parse(cli, &del_argp, argc, argv, &words);
	parser = take_pair(&words, "parser");
	err = name_of_sa(&words, &parameters, &error);
	free(words.items);
	if (err)
		return call_field_failed(cli, &error);
	if (!parser)
		json_object_set_new(parameters, "parser_if_unused", json_true());
	else if (strcmp(parser, "keep"))
		json_object_set_new(parameters, "parser", json_string(parser));
	return call_plain(cli, "org.xesp.DeleteSa", parameters);
}

static error_t parse_flush(int key, char *arg, struct argp_state *state)
{
	const char **dev = state->input;

	if (key != 'd')
		return ARGP_ERR_UNKNOWN;
	*dev = arg;
	return 0;
}

static const struct argp_option flush_options[] = {
	{"dev", 'd', "IFACE", 0, "Only those of this interface", 0}, {0}};

static const struct argp flush_argp = {
	.options = flush_options,
	.parser = parse_flush,
	.doc = "Deletes all SAs, and with them the parser entries.",
};

int cmd_sa_flush(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON json_t *answer = NULL;
	const char *dev = NULL;
	int status;

	cli_parse(cli, &flush_argp, argc, argv, &dev);
	status = call_method(cli, "org.xesp.FlushSas", json_pack("{s:s*}", "dev", dev), &answer);
	if (status)
		return status;
	if (cli->json)
		output_json(answer);
	else
		printf("deleted %" JSON_INTEGER_FORMAT "\n",
		       json_integer_value(json_object_get(answer, "deleted")));
	return CLI_OK;
}
