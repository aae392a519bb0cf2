/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `xesp stats` and `xesp parser show`. Runs on the CLI's only thread.
 */
#include <stdio.h>

#include "cli/call.h"
#include "cli/output.h"

struct list_input {
	const char *dev;
	bool all;
};

enum { OPTION_DEV = 'd', OPTION_ALL = 'a' };

static error_t parse_list(int key, char *arg, struct argp_state *state)
{
	struct list_input *input = state->input;

	switch (key) {
	case OPTION_DEV: input->dev = arg; return 0;
	case OPTION_ALL: input->all = true; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

#define DEV_OPTION \
	{ \
		"dev", OPTION_DEV, "IFACE", 0, "Only this interface", 0 \
	}

static const struct argp_option stats_options[] = {
	DEV_OPTION,
	{"all", OPTION_ALL, NULL, 0, "Also counters that are 0", 0},
	{0},
};

static const struct argp stats_argp = {
	.options = stats_options,
	.parser = parse_list,
	.doc = "Shows what became of the packets, by reason. Each packet leaves through one exit: passed to the "
	       "kernel, consumed, delivered, or dropped. \"engine\" counts packets on their way into the data "
	       "plane, which counts them again where they leave.",
};

static const struct argp_option parser_options[] = {DEV_OPTION, {0}};

static const struct argp parser_argp = {
	.options = parser_options,
	.parser = parse_list,
	.doc = "Shows the parser entries: which UDP port carries which encapsulation. They come with the first "
	       "SA that needs them and go with the last.",
};

static const struct table_column counter_columns[] = {
	{"PACKETS", true}, {"REASON", false}, {"EXIT", false}, {"MEANING", false}};

static const struct table_column parser_columns[] = {
	{"INTERFACE", false}, {"PORT", true}, {"TYPE", false}, {"SAS", true}, {"HANDLE", false}};

static int print_counters(const json_t *counters, bool all)
{
	CLEANUP_TABLE struct table table = {counter_columns, ARRAY_SIZE(counter_columns), NULL, 0, false};
	const json_t *counter;
	size_t i;

	json_array_foreach (counters, i, counter) {
		if (!all && !json_integer_value(json_object_get(counter, "packets")))
			continue;
		table_add_member(&table, counter, "packets");
		table_add_member(&table, counter, "name");
		table_add_member(&table, counter, "exit");
		table_add_member(&table, counter, "text");
	}
	if (!table.cell_count && !table.failed) {
		puts("no packets yet");
		return 0;
	}
	return table_print(&table, stdout, output_width());
}

static int print_stats(const json_t *interfaces, bool all)
{
	const json_t *interface;
	int err = 0;
	size_t i;

	if (!json_array_size(interfaces))
		puts("No interface is attached. `xesp attach IFACE` attaches one.");
	json_array_foreach (interfaces, i, interface) {
		const char *dev = json_string_value(json_object_get(interface, "dev"));

		printf("%sinterface %s\n", i ? "\n" : "", dev ? dev : "?");
		err = print_counters(json_object_get(interface, "counters"), all);
		if (err)
			break;
	}
	return err;
}

static int print_parsers(const json_t *parsers)
{
	CLEANUP_TABLE struct table table = {parser_columns, ARRAY_SIZE(parser_columns), NULL, 0, false};
	static const char *const members[] = {"dev", "port", "type", "sas", "handle"};
	const json_t *parser;
	size_t i;

	json_array_foreach (parsers, i, parser) {
		for (size_t j = 0; j < ARRAY_SIZE(members); j++)
			table_add_member(&table, parser, members[j]);
	}
	if (!table.cell_count && !table.failed)
		return 0;
	return table_print(&table, stdout, output_width());
}

int cmd_stats(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON json_t *answer = NULL;
	struct list_input input = {0};
	int status, err = 0;

	cli_parse(cli, &stats_argp, argc, argv, &input);
	status = call_method(cli, "org.xesp.Stats", json_pack("{s:s*}", "dev", input.dev), &answer);
	if (status)
		return status;
	if (cli->json)
		output_json(answer);
	else
		err = print_stats(json_object_get(answer, "interfaces"), input.all);
	return err ? cli_failed(cli, err) : CLI_OK;
}

int cmd_parser_show(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON json_t *answer = NULL;
	struct list_input input = {0};
	int status, err = 0;

	cli_parse(cli, &parser_argp, argc, argv, &input);
	status = call_method(cli, "org.xesp.ListParsers", json_pack("{s:s*}", "dev", input.dev), &answer);
	if (status)
		return status;
	if (cli->json)
		output_json(answer);
	else
		err = print_parsers(json_object_get(answer, "parsers"));
	return err ? cli_failed(cli, err) : CLI_OK;
}
