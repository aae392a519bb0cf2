/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of commands and the parsing of the command line around it. Runs on the CLI's only thread.
 */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/sa_text_words.h"

#define TIMEOUT_MAX_S 3600

enum { OPTION_SOCKET = 0x1000, OPTION_TIMEOUT };

const struct cli_command cli_commands[] = {
	{"attach", NULL, cmd_attach, "attach an interface"},
	{"detach", NULL, cmd_detach, "detach an interface; its SAs are deleted"},
	{"status", NULL, cmd_status, "daemon, interfaces, queues, frames"},
	{"capabilities", NULL, cmd_capabilities, "what SAs may ask for, in words and as NDIS bits"},
	{"enable", NULL, cmd_enable, "go on opening packets"},
	{"disable", NULL, cmd_disable, "let every packet pass; SAs stay"},
	{"sa add", NULL, cmd_sa_add, "add an SA, in the words of ip-xfrm(8)"},
	{"sa del", "sa delete", cmd_sa_del, "delete an SA"},
	{"sa show", "sa list", cmd_sa_show, "show SAs with their counters"},
	{"sa load", NULL, cmd_sa_load, "add the SAs of a file, also what `ip xfrm state` prints"},
	{"sa flush", NULL, cmd_sa_flush, "delete all SAs"},
	{"parser show", "parser list", cmd_parser_show, "show which UDP ports carry ESP"},
	{"stats", NULL, cmd_stats, "what became of the packets, by reason"},
	{"monitor", NULL, cmd_monitor, "print events as they come, until Ctrl-C"},
	{"explain", NULL, cmd_explain, "say what becomes of each packet of a capture"},
	{NULL, NULL, NULL, NULL},
};

/* The number of words of `name`, if argv starts with them; else 0. */
static int match_name(const char *name, int argc, char *const *argv)
{
	int words = 0;

	while (*name) {
		size_t len = strcspn(name, " ");

		if (words == argc || strncmp(argv[words], name, len) || argv[words][len])
			return 0;
		words++;
		name += len;
		name += *name == ' ';
	}
	return words;
}

const struct cli_command *cli_command_find(int argc, char *const *argv, int *ret_words)
{
	for (const struct cli_command *command = cli_commands; command->name; command++) {
		int words = match_name(command->name, argc, argv);

		if (!words && command->alias)
			words = match_name(command->alias, argc, argv);
		if (words) {
			*ret_words = words;
			return command;
		}
	}
	return NULL;
}

/* The commands of `group`: all of them if it is NULL, `sa add` and its like if it is "sa". */
static bool next_in_group(const struct cli_command **command, const char *group)
{
	size_t len = group ? strlen(group) : 0;

	for (*command = *command ? *command + 1 : cli_commands; (*command)->name; (*command)++) {
		if (!group || (!strncmp((*command)->name, group, len) && (*command)->name[len] == ' '))
			return true;
	}
	return false;
}

static void print_commands(FILE *out, const char *group)
{
	const struct cli_command *command = NULL;

	fputs("Commands (each has --help):\n", out);
	while (next_in_group(&command, group))
		fprintf(out, "  %-12s %s\n", command->name, command->summary);
}

/* Ends with a usage error that names the commands which begin with the word given, or with their list. */
static void unknown_command(const struct argp_state *state, const char *word, const char *next)
{
	const struct cli_command *command = NULL;
	char list[200] = "";

	while (next_in_group(&command, word)) {
		strncat(list, *list ? ", " : "", sizeof(list) - strlen(list) - 1);
		strncat(list, strchr(command->name, ' ') + 1, sizeof(list) - strlen(list) - 1);
	}
	if (*list && next && (!strcmp(next, "--help") || !strcmp(next, "-?"))) {
		print_commands(stdout, word);
		exit(CLI_OK);
	}
	if (*list)
		argp_error(state, "'%s' takes one of: %s", word, list);
	else
		argp_error(state, "there is no command '%s'", sa_text_words_shown(word));
}

static unsigned int parse_timeout(const char *text, const struct argp_state *state)
{
	char *end;
	unsigned long seconds;

	errno = 0;
	seconds = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || !seconds || seconds > TIMEOUT_MAX_S)
		argp_error(state, "--timeout: '%s' is not a number of seconds from 1 to %d", text,
			   TIMEOUT_MAX_S);
	return (unsigned int)seconds;
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct cli *cli = state->input;

	switch (key) {
	case 'j': cli->json = true; return 0;
	case OPTION_SOCKET: cli->socket_path = arg; return 0;
	case OPTION_TIMEOUT: cli->timeout_s = parse_timeout(arg, state); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option common_options[] = {
	{"json", 'j', NULL, 0, "Print one JSON document", 0},
	{"socket", OPTION_SOCKET, "PATH", 0,
	 "Control socket of xespd (default: $XESP_SOCKET, or /run/xesp/control)", 0},
	{"timeout", OPTION_TIMEOUT, "SECONDS", 0, "Longest wait for an answer of xespd (default: 10)", 0},
	{0},
};

static const struct argp common_argp = {.options = common_options, .parser = parse_common};

struct command_inputs {
	struct cli *cli;
	void *input;
};

static error_t parse_command(int key, char *arg, struct argp_state *state)
{
	const struct command_inputs *inputs = state->input;

	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = inputs->input;
	state->child_inputs[1] = inputs->cli;
	return 0;
}

void cli_parse(struct cli *cli, const struct argp *argp, int argc, char **argv, void *input)
{
	struct command_inputs inputs = {.cli = cli, .input = input};
	const struct argp_child children[] = {
		{argp, 0, NULL, 0},
		{&common_argp, 0, "Options of all commands:", 1},
		{0},
	};
	const struct argp root = {.parser = parse_command, .children = children};
	error_t err = argp_parse(&root, argc, argv, ARGP_IN_ORDER, NULL, &inputs);

	if (err) {
		cli_error(cli, "%s", strerror(err));
		exit(CLI_REFUSED);
	}
}

struct globals {
	struct cli *cli;
	const struct cli_command *command;
	int argc;
	char **argv;
};

static error_t parse_globals(int key, char *arg, struct argp_state *state)
{
	struct globals *globals = state->input;
	int words = 0;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT: state->child_inputs[0] = globals->cli; return 0;
	case ARGP_KEY_ARGS:
		globals->command =
			cli_command_find(state->argc - state->next, state->argv + state->next, &words);
		if (!globals->command)
			unknown_command(state, state->argv[state->next], state->argv[state->next + 1]);
		/* argv[0] of the command is the last word of its name. */
		globals->argv = state->argv + state->next + words - 1;
		globals->argc = state->argc - state->next - words + 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS: argp_error(state, "which command?"); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static bool takes_path(const char *option, size_t len)
{
	static const char *const names[] = {"socket", "sa", "write"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (len && !strncmp(option, names[i], len))
			return true;
	}
	return false;
}

/* getopt(3) repeats an option that it does not know in its message, and `sa add --key=0x...` is an easy
 * mistake. Only a file may have a name that looks like a key. */
static void refuse_key_options(int argc, char *const *argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		const char *option = argv[i] + 2;
		size_t len;

		if (strncmp(argv[i], "--", 2) || sa_text_words_shown(option) == option)
			continue;
		len = strcspn(option, "=");
		if (option[len] == '=' && takes_path(option, len))
			continue;
		fputs("xesp: an option contains what looks like a key: (hidden); `xesp sa add --help` says how "
		      "to give keys\n",
		      stderr);
		exit(CLI_USAGE);
	}
}

/* The list of commands, behind the options in --help. */
static char *help_filter(int key, const char *text, void *input)
{
	char *list = NULL;
	size_t size;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&list, &size);
	if (!out)
		return (char *)text;
	print_commands(out, NULL);
	fputs("\nExit status: 0 done, 1 refused by the daemon or because of the data given, 2 usage, "
	      "3 daemon not reachable. See xesp(8).",
	      out);
	fclose(out);
	return list;
}

const struct cli_command *cli_parse_globals(struct cli *cli, int *argc, char ***argv)
{
	struct globals globals = {.cli = cli};
	const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
	const struct argp root = {
		.parser = parse_globals,
		.args_doc = "COMMAND ...",
		.doc = "Controls xespd, which opens UDP-encapsulated ESP in front of the kernel.\v ",
		.children = children,
		.help_filter = help_filter,
	};
	error_t err;

	refuse_key_options(*argc, *argv);
	err = argp_parse(&root, *argc, *argv, ARGP_IN_ORDER, NULL, &globals);
	if (err || !globals.command) {
		cli_error(cli, "%s", strerror(err ? err : EINVAL));
		exit(CLI_USAGE);
	}
	*argc = globals.argc;
	*argv = globals.argv;
	return globals.command;
}

error_t cli_words_parse(int key, char *arg, struct argp_state *state)
{
	struct cli_words *words = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		words->items = calloc((size_t)state->argc, sizeof(*words->items));
		return words->items ? 0 : ENOMEM;
	case ARGP_KEY_ARG: words->items[words->count++] = arg; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}
