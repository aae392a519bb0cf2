/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `xesp attach` and `xesp detach`. Runs on the CLI's only thread.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/output.h"
#include "control/sa_text_words.h"

struct attach_input {
	const char *dev;
	const char *mode;
	const char *keepalives;
};

static const char *one_of(const char *arg, const char *const *choices, const char *option,
			  const struct argp_state *state)
{
	for (; *choices; choices++) {
		if (!strcmp(arg, *choices))
			return *choices;
	}
	argp_error(state, "%s: '%s' is not one of those that --help lists", option, arg);
	return NULL;
}

static void take_dev(const char *arg, const char **dev, const struct argp_state *state)
{
	if (*dev)
		argp_error(state, "one interface at a time: '%s' is too much", sa_text_words_shown(arg));
	if (!*arg || strlen(arg) >= IF_NAMESIZE)
		argp_error(state, "'%s' is not the name of an interface", sa_text_words_shown(arg));
	*dev = arg;
}

static error_t parse_attach(int key, char *arg, struct argp_state *state)
{
	static const char *const modes[] = {"auto", "native", "generic", NULL};
	static const char *const keepalives[] = {"consume", "pass", NULL};
	struct attach_input *input = state->input;

	switch (key) {
	case 'm': input->mode = one_of(arg, modes, "--mode", state); return 0;
	case 'k': input->keepalives = one_of(arg, keepalives, "--keepalives", state); return 0;
	case ARGP_KEY_ARG: take_dev(arg, &input->dev, state); return 0;
	case ARGP_KEY_NO_ARGS: argp_error(state, "which interface?"); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option attach_options[] = {
	{"mode", 'm', "MODE", 0,
	 "native: XDP in the driver; generic: in the network stack; auto (default): native where the driver can, "
	 "generic on veth devices",
	 0},
	{"keepalives", 'k', "ACTION", 0, "NAT keepalives: consume (default) or pass to the kernel", 0},
	{0},
};

static const struct argp attach_argp = {
	.options = attach_options,
	.parser = parse_attach,
	.args_doc = "IFACE",
	.doc = "Attaches xesp to an interface: ESP of offloaded SAs is opened, all else passes unchanged.",
};

static void print_attached(const json_t *interface)
{
	size_t queues = json_array_size(json_object_get(interface, "queues"));
	json_t *values[] = {json_object_get(interface, "name"), json_object_get(interface, "mode"),
			    json_object_get(interface, "attach"), json_object_get(interface, "keepalives")};
	const char *texts[ARRAY_SIZE(values)];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		texts[i] = json_string_value(values[i]);
		texts[i] = texts[i] ? texts[i] : "?";
	}
	printf("%s: attached, XDP %s, %s, %zu queue%s, keepalives: %s\n", texts[0], texts[1], texts[2],
	       queues, queues == 1 ? "" : "s", texts[3]);
}

int cmd_attach(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON json_t *answer = NULL;
	struct attach_input input = {0};
	int status;

	cli_parse(cli, &attach_argp, argc, argv, &input);
	status = call_method(cli, "org.xesp.Attach",
			     json_pack("{s:s, s:s*, s:s*}", "dev", input.dev, "mode", input.mode,
				       "keepalives", input.keepalives),
			     &answer);
	if (status)
		return status;
	if (cli->json)
		output_json(answer);
	else
		print_attached(json_object_get(answer, "interface"));
	return CLI_OK;
}

static error_t parse_detach(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_ARG: take_dev(arg, state->input, state); return 0;
	case ARGP_KEY_NO_ARGS: argp_error(state, "which interface?"); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp detach_argp = {
	.parser = parse_detach,
	.args_doc = "IFACE",
	.doc = "Detaches xesp from an interface. Its SAs and parser entries are deleted; packets reach the "
	       "kernel as they come.",
};

int cmd_detach(struct cli *cli, int argc, char **argv)
{
	const char *dev = NULL;

	cli_parse(cli, &detach_argp, argc, argv, &dev);
	return call_plain(cli, "org.xesp.Detach", json_pack("{s:s}", "dev", dev));
}
