/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `xesp sa add`, `sa del` and `sa flush`. Runs on the CLI's only thread.
 */
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
	.doc = "Adds an inbound SA. WORDS are those of `ip xfrm state add`:\v"
	       "src ADDR dst ADDR [proto esp] spi SPI [reqid N] mode tunnel|transport\n"
	       "aead 'rfc4106(gcm(aes))' KEY ICV-BITS\n"
	       "[encap espinudp|espinudp-nonike SPORT DPORT OADDR [oa-dst ADDR]]\n"
	       "[replay-window N] [replay-seq N] [replay-seq-hi N] [flag FLAG...]\n"
	       "[sel src PREFIX dst PREFIX [proto P [sport N] [dport N]]] [dev IFACE]\n\n"
	       "KEY is file:PATH, or - for standard input, or 0xHEX, which other users may see in the list of "
	       "processes until it is parsed.",
};

static const struct argp del_argp = {
	.parser = parse_words,
	.args_doc = "WORDS...",
	.doc = "Deletes an SA. WORDS: [src ADDR] dst ADDR [proto esp] spi SPI [dev IFACE]",
};

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
	json_t *sa;
	int err;

	cli_parse(cli, &add_argp, argc, argv, &words);
	warn_of_key_files(cli, &words);
	err = sa_text_parse_words(words.items, words.count, &params, &error);
	keyfile_wipe_words(&words);
	free(words.items);
	if (!err)
		err = validate_sa(&params, &error);
	if (err)
		return call_field_failed(cli, &error);
	sa = sa_json_encode(&params, true);
	return call_plain(cli, "org.xesp.AddSa", sa ? json_pack("{s:o}", "sa", sa) : NULL);
}

int cmd_sa_del(struct cli *cli, int argc, char **argv)
{
	struct sa_params params = {0};
	struct cli_words words = {0};
	char dst[IP_ADDR_TEXT_MAX];
	struct field_error error;
	int err;

	cli_parse(cli, &del_argp, argc, argv, &words);
	err = sa_text_parse_id(words.items, words.count, &params, &error);
	free(words.items);
	if (err)
		return call_field_failed(cli, &error);
	return call_plain(cli, "org.xesp.DeleteSa",
			  json_pack("{s:s, s:I, s:s*}", "dst", ip_addr_format(&params.dst, dst), "spi",
				    (json_int_t)params.spi, "dev", *params.dev ? params.dev : NULL));
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
