/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `xesp`: reads the options in front of the command and runs the command. One process, one thread.
 */
#include <argp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/process.h"
#include "cli/commands.h"
#include "control/sa_json.h"

#define SOCKET_DEFAULT "/run/xesp/control"
#define TIMEOUT_DEFAULT_S 10

void cli_error(const struct cli *cli, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "xesp: %s: ", cli->command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int cli_failed(const struct cli *cli, int err)
{
	cli_error(cli, "%s", strerror(-err));
	return CLI_REFUSED;
}

static int run_command(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
	CLEANUP_FREE char *program = NULL;

	if (asprintf(&program, "xesp %s", command->name) < 0) {
		program = NULL;
		return CLI_REFUSED;
	}
	cli->command = command->name;
	argv[0] = program;
	return command->run(cli, argc, argv);
}

int main(int argc, char **argv)
{
	const char *from_environment = getenv("XESP_SOCKET");
	struct cli cli = {
		.command = "xesp",
		.socket_path = from_environment && *from_environment ? from_environment : SOCKET_DEFAULT,
		.timeout_s = TIMEOUT_DEFAULT_S,
	};
	const struct cli_command *command;
	int status;

	argp_err_exit_status = CLI_USAGE;
	argp_program_version = "xesp " XESP_VERSION;
	/* The CLI reads keys and sends them. */
	sa_json_wipe_on_free();
	if (process_forbid_dumps()) {
		cli_error(&cli, "core dumps cannot be switched off: %m");
		return CLI_REFUSED;
	}
	command = cli_parse_globals(&cli, &argc, &argv);
	status = run_command(&cli, command, argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		cli_error(&cli, "writing to standard output failed: %m");
		return CLI_REFUSED;
	}
	return status;
}
