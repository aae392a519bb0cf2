/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `xesp sa show`: one reply an SA, printed as it comes, so that a million SAs need no memory here. Runs on
 * the CLI's only thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/call.h"
#include "cli/output.h"
#include "control/sa_json.h"
#include "control/sa_text.h"

#define JSON_HEAD "{\"sas\": ["

struct show_input {
	struct cli_words words;
	const char *dev;
};

static error_t parse_show(int key, char *arg, struct argp_state *state)
{
	struct show_input *input = state->input;

	switch (key) {
	case ARGP_KEY_INIT: state->child_inputs[0] = &input->words; return 0;
	case 'd': input->dev = arg; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option show_options[] = {{"dev", 'd', "IFACE", 0, "Only those of this interface", 0},
						  {0}};
static const struct argp words_argp = {.parser = cli_words_parse};
static const struct argp_child show_children[] = {{&words_argp, 0, NULL, 0}, {0}};

static const struct argp show_argp = {
	.options = show_options,
	.parser = parse_show,
	.children = show_children,
	.args_doc = "[WORDS...]",
	.doc = "Shows SAs as `ip xfrm state` does, without keys, each with its counters. WORDS choose one SA: "
	       "[src ADDR] dst ADDR [proto esp] spi SPI [dev IFACE]",
};

/* The parameters of ListSas. -EINVAL with `*ret_error` filled, -ENOMEM. */
static int filter_of(const struct show_input *input, json_t **ret_filter, struct field_error *ret_error)
{
	struct sa_params params = {0};
	char dst[IP_ADDR_TEXT_MAX];
	const char *dev = input->dev;
	json_t *filter;

	if (input->words.count &&
	    sa_text_parse_id(input->words.items, input->words.count, &params, ret_error))
		return -EINVAL;
	if (*params.dev)
		dev = params.dev;
	filter = json_pack("{s:s*}", "dev", dev);
	if (filter && input->words.count &&
	    (json_object_set_new(filter, "dst", json_string(ip_addr_format(&params.dst, dst))) < 0 ||
	     json_object_set_new(filter, "spi", json_integer(params.spi)) < 0)) {
		json_decref(filter);
		filter = NULL;
	}
	if (!filter)
		return -ENOMEM;
	*ret_filter = filter;
	return 0;
}

static json_int_t counter(const json_t *state, const char *name)
{
	return json_integer_value(json_object_get(state, name));
}

static void print_member(const char *label, const json_t *state, const char *name)
{
	const json_t *member = json_object_get(state, name);

	if (json_is_integer(member))
		printf(" %s %" JSON_INTEGER_FORMAT, label, json_integer_value(member));
	else if (json_is_string(member))
		printf(" %s %s", label, json_string_value(member));
}

static void print_last_used(const json_t *state)
{
	time_t used = (time_t)counter(state, "last_used");
	char text[32];
	struct tm local;

	if (!used || !localtime_r(&used, &local) || !strftime(text, sizeof(text), "%F %T", &local))
		strcpy(text, "never");
	printf("\tlast used %s", text);
}

/* Of an outbound SA. */
static void print_sent(const json_t *state, const json_t *send)
{
	printf("\tpackets %" JSON_INTEGER_FORMAT " bytes %" JSON_INTEGER_FORMAT, counter(state, "packets"),
	       counter(state, "bytes"));
	print_member("refused", send, "refused");
	putchar('\n');
	print_last_used(state);
	print_member("last seq", send, "last_seq");
	print_member("handle", state, "handle");
	print_member("peer", state, "peer");
	print_member("port", state, "peer_port");
	print_member("next-hop", send, "next_hop");
	print_member("mtu", send, "mtu");
	print_member("path-mtu", send, "pmtu");
	print_member("expires", send, "pmtu_expires");
	putchar('\n');
}

static void print_counters(const json_t *state)
{
	printf("\tpackets %" JSON_INTEGER_FORMAT " bytes %" JSON_INTEGER_FORMAT, counter(state, "packets"),
	       counter(state, "bytes"));
	printf(" auth-failed %" JSON_INTEGER_FORMAT " replayed %" JSON_INTEGER_FORMAT
	       " malformed %" JSON_INTEGER_FORMAT "\n",
	       counter(state, "auth_failed"), counter(state, "replayed"), counter(state, "malformed"));
	print_last_used(state);
	print_member("highest seq", state, "replay_top");
	print_member("worker", state, "worker");
	print_member("parser", state, "parser");
	print_member("handle", state, "handle");
	print_member("peer", state, "peer");
	print_member("port", state, "peer_port");
	putchar('\n');
}

/* -EBADMSG if the SA is not one. */
static int print_state(const json_t *state)
{
	struct sa_params params = {0};
	struct field_error error;

	if (sa_json_decode(json_object_get(state, "sa"), &params, &error))
		return -EBADMSG;
	sa_text_print(stdout, &params);
	if (json_is_object(json_object_get(state, "send")))
		print_sent(state, json_object_get(state, "send"));
	else
		print_counters(state);
	sa_params_wipe(&params);
	return 0;
}

/* Prints the SAs of one reply; `*printed` counts them over all replies. The JSON document begins with the
 * first SA, so that a refused call leaves standard output empty. */
static int print_reply(const struct cli *cli, const json_t *sas, size_t *printed)
{
	const json_t *state;
	size_t i;

	if (!json_is_array(sas))
		return -EBADMSG;
	json_array_foreach (sas, i, state) {
		int err = 0;

		if (!cli->json)
			err = print_state(state);
		else if (puts(*printed ? "," : JSON_HEAD) == EOF ||
			 json_dumpf(state, stdout, JSON_INDENT(2)) < 0)
			err = -EIO;
		if (err)
			return err;
		(*printed)++;
	}
	return 0;
}

static int show_replies(const struct cli *cli, struct client *client)
{
	size_t printed = 0;
	bool more = true;

	while (more) {
		CLEANUP_REPLY struct client_reply reply = {0};
		int err = client_receive(client, &reply);

		if (!err && reply.error)
			return call_refused(cli, &reply);
		if (!err)
			err = print_reply(cli, json_object_get(reply.parameters, "sas"), &printed);
		if (err)
			return call_connection_failed(cli, err);
		more = reply.continues;
	}
	if (cli->json)
		puts(printed ? "\n]}" : JSON_HEAD "]}");
	return CLI_OK;
}

int cmd_sa_show(struct cli *cli, int argc, char **argv)
{
	CLEANUP_CLIENT struct client *client = NULL;
	CLEANUP_JSON json_t *filter = NULL;
	struct show_input input = {0};
	struct field_error error;
	int status, err;

	cli_parse(cli, &show_argp, argc, argv, &input);
	err = filter_of(&input, &filter, &error);
	free(input.words.items);
	if (err == -EINVAL)
		return call_field_failed(cli, &error);
	if (err)
		return cli_failed(cli, err);
	status = call_open(cli, &client);
	if (status)
		return status;
	err = client_send(client, "org.xesp.ListSas", filter, true);
	if (err && err != -ECONNRESET)
		return call_connection_failed(cli, err);
	return show_replies(cli, client);
}
