/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `xesp sa load`: reads and checks the whole file, then sends it, with many requests in flight. Runs on the
 * CLI's only thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/call.h"
#include "cli/keyfile.h"
#include "cli/load_list.h"
#include "cli/local_addrs.h"
#include "cli/output.h"
#include "control/sa_json.h"
#include "control/validate.h"

/* Requests sent before their replies are read: enough to hide the round trip; few enough that their replies,
 * even if all are errors of half a kilobyte, fit a socket buffer, so that neither side waits for the other.
 */
#define IN_FLIGHT_MAX 128

struct load_input {
	const char *path;
	bool all;
};

struct load {
	const struct cli *cli;
	const char *name; /* of the file, for messages */
	struct load_list list;
	size_t sent; /* entries of the list looked at by the sender */
	size_t answered;
	size_t loaded, skipped, failed;
	size_t unsupported;	/* failed before they got into the list */
	json_t *errors;		/* for --json */
	time_t next_progress_s; /* CLOCK_MONOTONIC; 0: nobody watches */
	bool progress_shown;
};

static error_t parse_load(int key, char *arg, struct argp_state *state)
{
	struct load_input *input = state->input;

	switch (key) {
	case 'a': input->all = true; return 0;
	case ARGP_KEY_ARG:
		if (input->path)
			argp_error(state, "one file at a time: '%s' is too much", arg);
		input->path = arg;
		return 0;
	case ARGP_KEY_NO_ARGS: argp_error(state, "which file? (- is standard input)"); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option load_options[] = {
	{"all", 'a', NULL, 0, "Also SAs that are between other hosts, as inbound ones", 0},
	{0},
};

static const struct argp load_argp = {
	.options = load_options,
	.parser = parse_load,
	.args_doc = "FILE|-",
	.doc = "Adds the SAs of a file: lines of words as `xesp sa add` takes, or what `ip xfrm state` prints. "
	       "The whole file is checked before the first SA is added. An SA without \"dir\" is inbound if its "
	       "dst is an address of this host, else outbound if its src is one; of others the file is none of "
	       "this host's business, and they are skipped.",
};

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* To a person who waits for more than a second. */
static void show_progress(struct load *load)
{
	if (!load->next_progress_s || now_s() < load->next_progress_s)
		return;
	fprintf(stderr, "\rxesp: sa load: %zu of %zu", load->loaded + load->failed,
		load->list.count - load->skipped);
	load->progress_shown = true;
	load->next_progress_s = now_s() + 1;
}

/* Leaves the line of the progress. */
static void end_progress(struct load *load)
{
	if (load->progress_shown)
		fputc('\n', stderr);
	load->progress_shown = false;
}

/* One line of the file and what is wrong with it, to standard error and to the JSON document. */
static void report(struct load *load, unsigned int line, const char *text)
{
	load->failed++;
	end_progress(load);
	cli_error(load->cli, "%s:%u: %s", load->name, line, text ? text : strerror(ENOMEM));
	json_array_append_new(load->errors,
			      json_pack("{s:I, s:s*}", "line", (json_int_t)line, "error", text));
}

static void report_field(struct load *load, unsigned int line, const struct field_error *error)
{
	CLEANUP_FREE char *text = call_field_text(error);

	report(load, line, text);
}

/* An SA that is no mistake, but that xesp cannot take over: the others are still loaded. */
static void count_unsupported(const struct field_error *error, unsigned int line, void *ctx)
{
	struct load *load = ctx;

	load->unsupported++;
	report_field(load, line, error);
}

/* Kernels before 6.10 do not say which way an SA goes; its addresses do. Marks those that neither begin nor
 * end at this host. */
static int sort_by_direction(struct load *load)
{
	CLEANUP(local_addrs_clear) struct local_addrs local = {0};
	unsigned int first_line = 0;
	int err = local_addrs_read(&local);

	if (err)
		return err;
	for (size_t i = 0; i < load->list.count; i++) {
		struct load_entry *entry = &load->list.entries[i];

		if (entry->params.dir == SA_DIR_OUT || local_addrs_have(&local, &entry->params.dst))
			continue;
		if (local_addrs_have(&local, &entry->params.src)) {
			entry->params.dir = SA_DIR_OUT;
			continue;
		}
		entry->skip = true;
		if (!load->skipped++)
			first_line = entry->line;
	}
	if (load->skipped)
		cli_error(
			load->cli,
			"%s: skipped: %zu SAs between other hosts, neither src nor dst of this one (the first on "
			"line %u); --all loads them as inbound",
			load->name, load->skipped, first_line);
	return 0;
}

/* Reads and checks everything. -EINVAL with the faults reported. Whether legacy algorithms are on, the daemon
 * says. */
static int read_all(struct load *load, FILE *file, bool all)
{
	struct field_error error = {0};
	unsigned int line = 0;
	int err = load_list_read(&load->list, file, &line, &error);

	if (err == -EINVAL)
		report_field(load, line, &error);
	if (!err && !all)
		err = sort_by_direction(load);
	if (err)
		return err;
	for (size_t i = 0; i < load->list.count; i++) {
		struct load_entry *entry = &load->list.entries[i];
		int invalid = entry->skip ? 0 : validate_sa(&entry->params, true, &error);

		if (!invalid)
			continue;
		report_field(load, entry->line, &error);
		entry->skip = true;
		if (invalid != -EOPNOTSUPP)
			err = -EINVAL;
	}
	return err;
}

static int send_entry(struct client *client, const struct load_entry *entry)
{
	json_t *sa = sa_json_encode(&entry->params, true);
	CLEANUP_JSON json_t *parameters = sa ? json_pack("{s:o}", "sa", sa) : NULL;

	return parameters ? client_send(client, "org.xesp.AddSa", parameters, false) : -ENOMEM;
}

/* The reply to the oldest request in flight. */
static int take_reply(struct load *load, struct client *client)
{
	CLEANUP_REPLY struct client_reply reply = {0};
	int err = client_receive(client, &reply);

	if (err)
		return err;
	while (load->list.entries[load->answered].skip)
		load->answered++;
	if (reply.error) {
		CLEANUP_FREE char *text = call_error_text(&reply);

		report(load, load->list.entries[load->answered].line, text);
	} else {
		load->loaded++;
	}
	load->answered++;
	return 0;
}

static int send_all(struct load *load, struct client *client)
{
	size_t in_flight = 0;
	int err = 0;

	if (isatty(STDERR_FILENO))
		load->next_progress_s = now_s() + 2;
	while (!err && (load->sent < load->list.count || in_flight)) {
		if (load->sent < load->list.count && load->list.entries[load->sent].skip) {
			load->sent++;
		} else if (load->sent < load->list.count && in_flight < IN_FLIGHT_MAX) {
			err = send_entry(client, &load->list.entries[load->sent++]);
			in_flight++;
		} else {
			err = take_reply(load, client);
			in_flight--;
			show_progress(load);
		}
	}
	/* What was answered before the connection went is done. */
	while (err == -ECONNRESET && in_flight-- && !take_reply(load, client))
		continue;
	end_progress(load);
	return err;
}

static void print_result(struct load *load)
{
	if (!load->cli->json) {
		printf("loaded %zu, skipped %zu, failed %zu\n", load->loaded, load->skipped, load->failed);
		return;
	}
	json_t *result = json_pack("{s:I, s:I, s:I, s:O}", "loaded", (json_int_t)load->loaded, "skipped",
				   (json_int_t)load->skipped, "failed", (json_int_t)load->failed, "errors",
				   load->errors);
	output_json(result);
	json_decref(result);
}

static int load_file(struct load *load, FILE *file, bool all)
{
	CLEANUP_CLIENT struct client *client = NULL;
	int err = read_all(load, file, all);
	int status;

	if (err == -EINVAL)
		cli_error(load->cli, "%s: nothing is loaded because the file has faults", load->name);
	else if (err)
		cli_error(load->cli, "%s: %s", load->name, strerror(-err));
	if (err)
		return CLI_REFUSED;
	status = call_open(load->cli, &client);
	if (!status)
		err = send_all(load, client);
	if (err)
		status = call_connection_failed(load->cli, err);
	/* Without an answer nobody knows; an SA that may not be there counts as failed. */
	load->failed = load->unsupported + load->list.count - load->skipped - load->loaded;
	if (status)
		return status;
	/* A script that hands over SAs must learn that none was taken. */
	return load->failed || (load->skipped && !load->loaded) ? CLI_REFUSED : CLI_OK;
}

int cmd_sa_load(struct cli *cli, int argc, char **argv)
{
	struct load_input input = {0};
	struct load load = {.cli = cli};
	FILE *file = stdin;
	int status;

	cli_parse(cli, &load_argp, argc, argv, &input);
	load.name = input.path;
	if (strcmp(input.path, "-")) {
		file = fopen(input.path, "re");
		if (!file) {
			cli_error(cli, "%s: %m", input.path);
			return CLI_REFUSED;
		}
		keyfile_warn(cli, input.path);
	}
	load.errors = json_array();
	load.list.unsupported = count_unsupported;
	load.list.ctx = &load;
	status = load_file(&load, file, input.all);
	print_result(&load);
	load_list_clear(&load.list);
	json_decref(load.errors);
	if (file != stdin)
		fclose(file);
	return status;
}
