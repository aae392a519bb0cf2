/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `xesp explain`: says of each packet of a capture what xesp makes of it and why, with the classifier and
 * the data plane that also run in xespd. Needs neither daemon nor privileges. One thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/explain_capture.h"
#include "cli/explain_engine.h"
#include "cli/explain_plain.h"
#include "cli/explain_report.h"

enum { OPTION_ONLY = 0x2000, OPTION_CLASSIFIER, OPTION_CRYPTO, OPTION_RESTART, OPTION_BURST, OPTION_LEGACY };

struct arguments {
	const char *capture;
	const char **sa_files; /* as many as argv could hold, ended by NULL */
	size_t sa_count;
	const char *write; /* NULL: opened packets are not written */
	unsigned int only;
	size_t burst; /* 0: by the kind of input */
	struct explain_engine_config engine;
};

/* ---- command line --------------------------------------------------------------------------------- */

static const char *const classifier_names[] = {"auto", "kernel", "native", NULL};
static const char *const crypto_names[] = {"auto", "ipsec-mb", "openssl", NULL};

static const char *choose(const struct argp_state *state, const char *option, const char *const *names,
			  const char *arg)
{
	for (size_t i = 0; names[i]; i++)
		if (strcmp(names[i], arg) == 0)
			return names[i];
	argp_error(state, "--%s: '%s' is none of %s, %s, %s", option, arg, names[0], names[1], names[2]);
	return NULL;
}

static size_t parse_burst(const struct argp_state *state, const char *arg)
{
	char *end;
	unsigned long value = strtoul(arg, &end, 10);

	if (*end || *arg < '0' || *arg > '9' || value < 1 || value > XESP_BURST_MAX)
		argp_error(state, "--burst: '%s' is not a number from 1 to %d", arg, XESP_BURST_MAX);
	return value;
}

static unsigned int parse_only(const struct argp_state *state, const char *arg)
{
	unsigned int bit = explain_report_only(arg);

	if (!bit)
		argp_error(state, "--only: '%s' is none of passed, delivered, dropped, consumed, skipped",
			   arg);
	return bit;
}

/* A stream can be read once and written by one. */
static void check_streams(const struct argp_state *state, const struct arguments *arguments)
{
	unsigned int readers = strcmp(arguments->capture, "-") == 0;

	for (size_t i = 0; i < arguments->sa_count; i++)
		readers += strcmp(arguments->sa_files[i], "-") == 0;
	if (readers > 1)
		argp_error(state, "standard input ('-') can be read only once");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 's': arguments->sa_files[arguments->sa_count++] = arg; return 0;
	case 'w': arguments->write = arg; return 0;
	case OPTION_ONLY: arguments->only |= parse_only(state, arg); return 0;
	case OPTION_CLASSIFIER:
		arguments->engine.classifier = choose(state, "classifier", classifier_names, arg);
		return 0;
	case OPTION_CRYPTO: arguments->engine.crypto = choose(state, "crypto", crypto_names, arg); return 0;
	case OPTION_RESTART: arguments->engine.restart_replay = true; return 0;
	case OPTION_BURST: arguments->burst = parse_burst(state, arg); return 0;
	case OPTION_LEGACY: arguments->engine.legacy = true; return 0;
	case ARGP_KEY_ARG:
		if (arguments->capture)
			argp_error(state, "one capture at a time: '%s' is too much", arg);
		arguments->capture = arg;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->capture)
			argp_error(state, "which capture?");
		else if (!arguments->sa_count)
			argp_error(state, "--sa FILE is needed: the SAs that the packets belong to");
		else
			check_streams(state, arguments);
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"sa", 's', "FILE", 0,
	 "SAs: lines of `xesp sa add`, or what `ip xfrm state` prints; '-' is standard input."
	 " Repeatable. Every SA counts as inbound",
	 0},
	{"write", 'w', "FILE", 0,
	 "Write opened packets, as raw IP with the capture's time stamps; '-' is standard"
	 " output, and the listing goes to standard error",
	 0},
	{"only", OPTION_ONLY, "VERDICT", 0,
	 "List only packets passed, delivered, dropped, consumed or skipped."
	 " Repeatable. The summary counts all",
	 0},
	{"classifier", OPTION_CLASSIFIER, "NAME", 0,
	 "kernel: the BPF program in the kernel (root); native: the same"
	 " source as part of this program; auto (default): kernel if"
	 " possible",
	 0},
	{"crypto", OPTION_CRYPTO, "NAME", 0, "ipsec-mb, openssl, or auto (default): ipsec-mb if the CPU can",
	 0},
	{"restart-replay", OPTION_RESTART, NULL, 0,
	 "Start with empty anti-replay windows, although the SAs say what"
	 " was received; the high half of extended sequence numbers"
	 " is kept",
	 0},
	{"legacy", OPTION_LEGACY, NULL, 0, "Take SAs with DES, 3DES or MD5, as `xespd --legacy` does", 0},
	{"burst", OPTION_BURST, "N", 0, "Open up to N packets together (default: 64; 1 for standard input)",
	 0},
	{0},
};

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "CAPTURE",
	.doc = "Say of each packet of a capture (pcap or pcapng; '-' is standard input) what xesp makes of it: "
	       "passed to the kernel, delivered, dropped or consumed, and why. The daemon is not needed.",
};

/* ---- run ------------------------------------------------------------------------------------------ */

struct run {
	const struct cli *cli;
	struct explain_engine *engine;
	struct explain_capture *capture;
	struct explain_plain *plain; /* or NULL */
	struct explain_report report;
	struct explain_packet packets[XESP_BURST_MAX];
	uint8_t *frames;
	size_t burst;
};

static void cleanup_run(struct run *run)
{
	explain_capture_close(run->capture);
	explain_engine_free(run->engine);
	free(run->frames);
}

static int open_frames(struct run *run)
{
	run->frames = malloc(run->burst * EXPLAIN_FRAME_MAX);
	if (!run->frames) {
		cli_error(run->cli, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	for (size_t i = 0; i < run->burst; i++)
		run->packets[i].frame = run->frames + i * EXPLAIN_FRAME_MAX;
	return 0;
}

/* Of what is standard input, too: a shell may have redirected it. */
static bool is_same_file(const char *name, const struct stat *output)
{
	struct stat status;
	int err = strcmp(name, "-") == 0 ? fstat(STDIN_FILENO, &status) : stat(name, &status);

	return !err && S_ISREG(status.st_mode) && status.st_dev == output->st_dev &&
	       status.st_ino == output->st_ino;
}

/* `--sa sas.txt -w sas.txt` must not cost the keys. */
static int spare_sa_files(const struct cli *cli, const struct arguments *arguments)
{
	struct stat output;

	if (strcmp(arguments->write, "-") == 0 || stat(arguments->write, &output))
		return 0;
	for (size_t i = 0; i < arguments->sa_count; i++) {
		if (is_same_file(arguments->sa_files[i], &output)) {
			cli_error(cli, "%s: is a file of SAs", arguments->write);
			return -EBUSY;
		}
	}
	return 0;
}

/* SAs before the capture: without them nothing is worth reading. The output last: it empties a file. */
static int open_all(struct run *run, const struct arguments *arguments)
{
	int err;

	err = explain_engine_new(run->cli, &arguments->engine, &run->engine);
	for (size_t i = 0; i < arguments->sa_count && !err; i++)
		err = explain_engine_load(run->cli, run->engine, arguments->sa_files[i]);
	if (!err)
		err = explain_capture_open(run->cli, arguments->capture, &run->capture);
	if (!err)
		err = open_frames(run);
	if (!err && arguments->write)
		err = spare_sa_files(run->cli, arguments);
	if (!err && arguments->write)
		err = explain_plain_open(run->cli, arguments->write, explain_capture_stat(run->capture),
					 &run->plain);
	return err;
}

static void say_what_judges(struct run *run)
{
	const char *why;
	const char *detail;

	run->report.classifier = explain_engine_classifier(run->engine, &why);
	run->report.crypto = explain_engine_crypto(run->engine, &detail);
	fprintf(stderr, "xesp: %s: classifier %s%s%s%s, crypto %s (%s), %u SAs\n", run->cli->command,
		run->report.classifier, why ? " (kernel: " : "", why ? why : "", why ? ")" : "",
		run->report.crypto, detail, explain_engine_sas(run->engine));
}

/* 1: there may be more, 0: the capture is at its end; -EBADMSG: unreadable from here on. What was read
 * before the end is judged and listed in each case. */
static int run_burst(struct run *run)
{
	size_t count = 0;
	int more = 1;
	int err;

	while (count < run->burst && more > 0) {
		more = explain_capture_next(run->cli, run->capture, &run->packets[count]);
		count += more > 0;
	}
	err = explain_engine_run(run->cli, run->engine, run->packets, count);
	for (size_t i = 0; i < count && !err; i++) {
		err = explain_report_packet(&run->report, &run->packets[i]);
		if (run->plain && run->packets[i].opened)
			explain_plain_write(run->plain, &run->packets[i]);
	}
	return err ? err : more;
}

static void hint_replay(const struct run *run)
{
	uint64_t old = run->report.reasons[XESP_REASON_REPLAY_OLD];

	if (old && explain_engine_replay_preset(run->engine))
		cli_error(run->cli,
			  "%llu packets are left of a window that starts at an SA's replay-seq; "
			  "--restart-replay starts with empty windows",
			  (unsigned long long)old);
}

static int run_capture(struct run *run)
{
	int more;
	int err;

	say_what_judges(run);
	explain_report_begin(&run->report);
	do
		more = run_burst(run);
	while (more > 0);
	err = explain_report_end(&run->report, more == 0);
	if (err)
		cli_error(run->cli, "writing the listing failed: %s", strerror(-err));
	hint_replay(run);
	return more ? more : err;
}

static int check_output(const struct cli *cli, const struct arguments *arguments)
{
	if (!cli->json || !arguments->write || strcmp(arguments->write, "-") != 0)
		return 0;
	cli_error(cli, "--json and --write=- both want standard output");
	return -EINVAL;
}

int cmd_explain(struct cli *cli, int argc, char **argv)
{
	CLEANUP_FREE const char **sa_files = calloc((size_t)argc + 1, sizeof(*sa_files));
	CLEANUP(cleanup_run) struct run run = {.cli = cli};
	struct arguments arguments = {
		.sa_files = sa_files,
		.engine = {.classifier = "auto", .crypto = "auto"},
	};
	bool write_stdout;
	int err;

	if (!sa_files) {
		cli_error(cli, "%s", strerror(ENOMEM));
		return CLI_REFUSED;
	}
	cli_parse(cli, &argp, argc, argv, &arguments);
	if (check_output(cli, &arguments))
		return CLI_USAGE;
	write_stdout = arguments.write && strcmp(arguments.write, "-") == 0;
	run.report.out = write_stdout ? stderr : stdout;
	run.report.json = cli->json;
	run.report.only = arguments.only;
	/* Who pipes a live capture in wants to see a packet when it comes. */
	run.burst = strcmp(arguments.capture, "-") == 0 ? 1 : XESP_BURST_MAX;
	if (arguments.burst)
		run.burst = arguments.burst;
	err = open_all(&run, &arguments);
	if (!err)
		err = run_capture(&run);
	if (explain_plain_close(cli, run.plain) || err)
		return CLI_REFUSED;
	return CLI_OK;
}
