/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `xesp monitor`: events as they come, a line each, until Ctrl-C. Runs on the CLI's only thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>

#include "cli/call.h"
#include "control/event_json.h"

struct monitor_input {
	json_t *types;
	const char *dev;
};

enum { OPTION_TYPE = 't', OPTION_DEV = 'd' };

static error_t parse_monitor(int key, char *arg, struct argp_state *state)
{
	struct monitor_input *input = state->input;
	enum event_type ignored;

	switch (key) {
	case OPTION_TYPE:
		if (!event_type_by_name(arg, &ignored))
			argp_error(state, "'%s' is no type of event", arg);
		if (!input->types)
			input->types = json_array();
		json_array_append_new(input->types, json_string(arg));
		return 0;
	case OPTION_DEV: input->dev = arg; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option monitor_options[] = {
	{"type", OPTION_TYPE, "TYPE", 0, "Only events of this type; may be given several times", 0},
	{"dev", OPTION_DEV, "IFACE", 0, "Only events of this interface", 0},
	{0},
};

static const struct argp monitor_argp = {
	.options = monitor_options,
	.parser = parse_monitor,
	.doc = "Prints what happens, a line an event, until Ctrl-C: audit records, first use, lifetimes, a "
	       "peer's change of address, another MTU of the path to it, requests for deletion, changes of "
	       "interfaces and capabilities, another engine. What becomes of each single packet is only told "
	       "with --type packet.\vTypes: audit, first_use, soft_lifetime, hard_lifetime, mapping_change, "
	       "delete_request, capability_change, interface, packet, lost, engine_restart, pmtu.",
};

/* Local time with microseconds, as tcpdump has it, but with the date. */
static void print_time(json_int_t time_us)
{
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm local;
	char text[32];

	if (!localtime_r(&seconds, &local) || !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local))
		return;
	printf("%s.%06d ", text, (int)(time_us % 1000000));
}

static int print_event(const struct cli *cli, const json_t *event)
{
	char text[EVENT_TEXT_MAX];

	if (cli->json) {
		if (json_dumpf(event, stdout, JSON_COMPACT) < 0)
			return -EIO;
		putchar('\n');
	} else {
		print_time(json_integer_value(json_object_get(event, "time_us")));
		puts(event_json_text(event, text));
	}
	return fflush(stdout) ? -errno : 0;
}

/* The first reply has no event: it says that from now on nothing is missed. */
static int print_reply(const struct cli *cli, const struct client_reply *reply)
{
	const json_t *event = json_object_get(reply->parameters, "event");

	if (json_is_object(event))
		return print_event(cli, event);
	fprintf(stderr, "xesp: monitor: listening, Ctrl-C ends it\n");
	return 0;
}

/* Until `signals` is readable. */
static int follow(const struct cli *cli, struct client *client, int signals)
{
	for (;;) {
		CLEANUP_REPLY struct client_reply reply = {0};
		int err = client_wait(client, signals);

		if (err > 0)
			return CLI_OK;
		if (!err)
			err = client_receive(client, &reply);
		if (!err && reply.error)
			return call_refused(cli, &reply);
		if (err)
			return call_connection_failed(cli, err);
		err = print_reply(cli, &reply);
		if (err)
			return cli_failed(cli, err);
	}
}

static int open_signals(int *ret_fd)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int cmd_monitor(struct cli *cli, int argc, char **argv)
{
	CLEANUP_CLIENT struct client *client = NULL;
	CLEANUP_JSON json_t *parameters = NULL;
	struct monitor_input input = {0};
	CLEANUP_FD int signals = -1;
	int status, err;

	cli_parse(cli, &monitor_argp, argc, argv, &input);
	parameters = json_pack("{s:o*, s:s*}", "types", input.types, "dev", input.dev);
	err = parameters ? open_signals(&signals) : -ENOMEM;
	if (err)
		return cli_failed(cli, err);
	status = call_open(cli, &client);
	if (status)
		return status;
	err = client_send(client, "org.xesp.Monitor", parameters, true);
	if (err)
		return call_connection_failed(cli, err);
	return follow(cli, client, signals);
}
