/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the commands of `xesp` share: settings from the common options, the table of commands, exit
 * statuses. The CLI is one process with one thread.
 */
#ifndef XESP_CLI_COMMANDS_H
#define XESP_CLI_COMMANDS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

/* Exit statuses, as xesp(8) documents them. Every command returns one. */
enum cli_exit {
	CLI_OK = 0,
	CLI_REFUSED = 1,     /* the daemon, or the data given, says no */
	CLI_USAGE = 2,	     /* the command line is wrong; argp exits with it */
	CLI_UNREACHABLE = 3, /* no daemon, no answer in time, or no sensible one */
};

struct cli {
	const char *command;	 /* "sa add": stands in front of messages */
	const char *socket_path; /* of the daemon */
	unsigned int timeout_s;	 /* longest wait for the daemon */
	bool json;		 /* results as one JSON document */
};

typedef int (*cli_run_fn)(struct cli *cli, int argc, char **argv);

struct cli_command {
	const char *name;    /* the words that select it: "sa add" */
	const char *alias;   /* another name, or NULL */
	cli_run_fn run;	     /* argv[0] is "xesp" and the name, so that argp's messages name it */
	const char *summary; /* one line of `xesp --help` */
};

/* The table, ended by an entry without name. */
extern const struct cli_command cli_commands[];

/* The command that the first words of argv name, and the number of these words; or NULL. */
const struct cli_command *cli_command_find(int argc, char *const *argv, int *ret_words);

/* Parses the options in front of the command, finds the command, and moves argc and argv to its last word.
 * Does not return on a usage error. */
const struct cli_command *cli_parse_globals(struct cli *cli, int *argc, char ***argv);

/* Parses the arguments of one command: its own `argp`, whose parser gets `input`, and the options common to
 * all, which go to `cli`. Options and words keep their order. Does not return on a usage error. */
void cli_parse(struct cli *cli, const struct argp *argp, int argc, char **argv, void *input);

/* The words of a command that takes any number of them; `items` is the caller's to free. */
struct cli_words {
	char **items; /* point into argv */
	size_t count;
};

/* argp parser of such commands: a child of theirs, or their own, with a struct cli_words as input. */
error_t cli_words_parse(int key, char *arg, struct argp_state *state);

/* "xesp: COMMAND: message" on standard error. The message must not contain key material. */
__attribute__((format(printf, 2, 3))) void cli_error(const struct cli *cli, const char *format, ...);

/* cli_error() with the text of a negative errno. Returns CLI_REFUSED. */
int cli_failed(const struct cli *cli, int err);

int cmd_attach(struct cli *cli, int argc, char **argv);
int cmd_detach(struct cli *cli, int argc, char **argv);
int cmd_status(struct cli *cli, int argc, char **argv);
int cmd_capabilities(struct cli *cli, int argc, char **argv);
int cmd_enable(struct cli *cli, int argc, char **argv);
int cmd_disable(struct cli *cli, int argc, char **argv);
int cmd_stats(struct cli *cli, int argc, char **argv);
int cmd_parser_show(struct cli *cli, int argc, char **argv);
int cmd_sa_add(struct cli *cli, int argc, char **argv);
int cmd_sa_del(struct cli *cli, int argc, char **argv);
int cmd_sa_show(struct cli *cli, int argc, char **argv);
int cmd_sa_load(struct cli *cli, int argc, char **argv);
int cmd_sa_flush(struct cli *cli, int argc, char **argv);
int cmd_monitor(struct cli *cli, int argc, char **argv);
int cmd_explain(struct cli *cli, int argc, char **argv);

#endif
