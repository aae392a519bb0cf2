/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `xesp status`: the daemon, its interfaces, their queues and where their frames are. Runs on the CLI's only
 * thread.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/call.h"
#include "cli/output.h"

static const struct argp status_argp = {
	.doc = "Shows the daemon, its crypto provider and sink, and for each interface how XDP is attached, its "
	       "queues and the place of each frame.",
};

static const struct table_column daemon_columns[] = {{"DAEMON", false}, {"xespd", false}};

static const struct table_column interface_columns[] = {
	{"INTERFACE", false}, {"ROLE", false},	     {"XDP", false},   {"ATTACHED", false},
	{"LINK", false},      {"KEEPALIVES", false}, {"SAS", true},    {"OF", true},
	{"PARSERS", true},    {"LONGEST", true},     {"QUEUES", true},
};

static const struct table_column queue_columns[] = {
	{"INTERFACE", false}, {"QUEUE", true},	 {"WORKER", true},  {"ZERO-COPY", false},
	{"RX-PACKETS", true}, {"FRAMES", true},	 {"FILL", true},    {"RX", true},
	{"HELD", true},	      {"DROPPED", true}, {"RX-FULL", true}, {"NO-FILL", true},
};

static int print_daemon(const json_t *status)
{
	CLEANUP_TABLE struct table table = {daemon_columns, ARRAY_SIZE(daemon_columns), NULL, 0, false};
	static const struct {
		const char *label, *member;
	} rows[] = {
		{"version", "version"},
		{"loader process", "pid"},
		{"engine process", "engine_pid"},
		{"engine user", "engine_user"},
		{"crypto provider", "crypto"},
		{"crypto detail", "crypto_detail"},
		{"sink", "sink"},
		{"offload enabled", "enabled"},
		{"engine restarts", "restarts"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		table_add(&table, "%s", rows[i].label);
		table_add_member(&table, status, rows[i].member);
	}
	return table_print(&table, stdout, output_width());
}

/* Of the last engine that was not told to end. */
static void print_restart(const json_t *restart)
{
	const json_t *by = json_object_get(restart, "signal");
	time_t seconds = (time_t)(json_integer_value(json_object_get(restart, "time_us")) / 1000000);
	struct tm local;
	char when[32];

	if (!json_is_object(restart) || !localtime_r(&seconds, &local) ||
	    !strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local))
		return;
	printf("An engine ended at %s %s %" JSON_INTEGER_FORMAT
	       "; the one after it kept %" JSON_INTEGER_FORMAT " SAs and lost %" JSON_INTEGER_FORMAT ".\n",
	       when, by ? "by signal" : "with status",
	       json_integer_value(by ? by : json_object_get(restart, "status")),
	       json_integer_value(json_object_get(restart, "sas_kept")),
	       json_integer_value(json_object_get(restart, "sas_lost")));
}

static void add_members(struct table *table, const json_t *object, const char *const *members, size_t count)
{
	for (size_t i = 0; i < count; i++)
		table_add_member(table, object, members[i]);
}

static int print_interfaces(const json_t *interfaces)
{
	CLEANUP_TABLE struct table table = {interface_columns, ARRAY_SIZE(interface_columns), NULL, 0, false};
	static const char *const members[] = {"name",	    "role", "mode",	"attach",  "link",
					      "keepalives", "sas",  "capacity", "parsers", "packet_max"};
	const json_t *interface;
	size_t i;

	json_array_foreach (interfaces, i, interface) {
		add_members(&table, interface, members, ARRAY_SIZE(members));
		table_add(&table, "%zu", json_array_size(json_object_get(interface, "queues")));
	}
	return table_print(&table, stdout, output_width());
}

static int print_queues(const json_t *interfaces)
{
	CLEANUP_TABLE struct table table = {queue_columns, ARRAY_SIZE(queue_columns), NULL, 0, false};
	static const char *const members[] = {"queue",
					      "worker",
					      "zero_copy",
					      "rx_packets",
					      "frames",
					      "frames_fill",
					      "frames_rx",
					      "frames_held",
					      "kernel_rx_dropped",
					      "kernel_rx_ring_full",
					      "kernel_fill_ring_empty"};
	const json_t *interface, *queue;
	size_t i, j;

	json_array_foreach (interfaces, i, interface) {
		json_array_foreach (json_object_get(interface, "queues"), j, queue) {
			table_add_member(&table, interface, "name");
			add_members(&table, queue, members, ARRAY_SIZE(members));
		}
	}
	return table_print(&table, stdout, output_width());
}

static json_int_t integer(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* What is seldom to be said of a queue. A frame that is on no list is lost for good, so a queue that leaks
 * starves in the end. */
static void print_remarks(const json_t *interface, const json_t *queue)
{
	const char *name = json_string_value(json_object_get(interface, "name"));
	json_int_t lost = integer(queue, "frames") - integer(queue, "frames_fill") -
			  integer(queue, "frames_rx") - integer(queue, "frames_held");
	json_int_t jumbo = integer(queue, "jumbo_buffers_held");
	json_int_t merged = integer(queue, "merged_packets");
	json_int_t cut = integer(queue, "cut_packets");

	if (lost)
		printf("%s queue %" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT
		       " frames in flight between the lists\n",
		       name, integer(queue, "queue"), lost);
	if (jumbo)
		printf("%s queue %" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
		       " jumbo buffers in use\n",
		       name, integer(queue, "queue"), jumbo, integer(queue, "jumbo_buffers"));
	if (cut)
		printf("%s queue %" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT
		       " pieces of UDP segments came, and were cut into %" JSON_INTEGER_FORMAT " packets\n",
		       name, integer(queue, "queue"), integer(queue, "cut_pieces"), cut);
	if (merged)
		printf("%s queue %" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT
		       " packets went to the host in %" JSON_INTEGER_FORMAT " pieces (%s)\n",
		       name, integer(queue, "queue"), merged, integer(queue, "merged_writes"),
		       json_string_value(json_object_get(queue, "merges")));
}

/* Nothing with the null sink, which sends nothing. */
static void print_way(const json_t *interface, const json_t *queue)
{
	const json_t *send = json_object_get(queue, "send");
	const char *name = json_string_value(json_object_get(interface, "name"));
	const char *why = json_string_value(json_object_get(send, "why"));
	const char *way = json_string_value(json_object_get(send, "way"));
	json_int_t away = integer(send, "frames") - integer(send, "frames_idle");

	if (!why || !way)
		return;
	printf("%s queue %" JSON_INTEGER_FORMAT ": sends by %s (", name, integer(queue, "queue"),
	       !strcmp(way, "xdp") ? "AF_XDP" : "packet socket");
	if (!strcmp(why, "measured"))
		printf("measured: a packet takes %" JSON_INTEGER_FORMAT " ns by AF_XDP, %" JSON_INTEGER_FORMAT
		       " by packet socket; %" JSON_INTEGER_FORMAT " trials",
		       integer(send, "xdp_ns"), integer(send, "packet_ns"), integer(send, "trials"));
	else if (!strcmp(why, "no_ring"))
		printf("the interface has no AF_XDP transmit ring");
	else
		printf("%s", !strcmp(why, "option") ? "as xespd was told" : "not measured yet");
	printf(")");
	if (away)
		printf(", %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " frames on their way", away,
		       integer(send, "frames"));
	putchar('\n');
}

static void print_sent(const json_t *interface)
{
	const json_t *send = json_object_get(interface, "send");

	if (integer(send, "packets") || integer(send, "failed"))
		printf("%s: %" JSON_INTEGER_FORMAT " packets sent in %" JSON_INTEGER_FORMAT
		       " frames (%s), %" JSON_INTEGER_FORMAT " refused by the interface\n",
		       json_string_value(json_object_get(interface, "name")), integer(send, "packets"),
		       integer(send, "frames"), json_string_value(json_object_get(send, "way")),
		       integer(send, "failed"));
}

static void print_all_remarks(const json_t *interfaces)
{
	const json_t *interface, *queue;
	size_t i, j;

	json_array_foreach (interfaces, i, interface) {
		json_array_foreach (json_object_get(interface, "queues"), j, queue) {
			print_remarks(interface, queue);
			print_way(interface, queue);
		}
		print_sent(interface);
	}
}

/* Only where there were any; `errors` may be NULL. */
static void print_pmtu_errors(json_t *errors)
{
	const char *separator = "ICMP errors about packets that were too long:";
	void *at = json_object_iter(errors);

	for (; at; at = json_object_iter_next(errors, at)) {
		json_int_t number = json_integer_value(json_object_iter_value(at));

		if (!number)
			continue;
		printf("%s %" JSON_INTEGER_FORMAT " %s", separator, number, json_object_iter_key(at));
		separator = ",";
	}
	if (separator[0] == ',')
		putchar('\n');
}

static int print_status(const json_t *status)
{
	const json_t *interfaces = json_object_get(status, "interfaces");
	int err = print_daemon(status);

	print_restart(json_object_get(status, "restart"));
	putchar('\n');
	if (!json_array_size(interfaces)) {
		puts("No interface is attached. `xesp attach IFACE` attaches one.");
		return err;
	}
	if (!err)
		err = print_interfaces(interfaces);
	putchar('\n');
	if (!err)
		err = print_queues(interfaces);
	print_all_remarks(interfaces);
	print_pmtu_errors(json_object_get(status, "pmtu_errors"));
	return err;
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON json_t *answer = NULL;
	int status, err = 0;

	cli_parse(cli, &status_argp, argc, argv, NULL);
	status = call_method(cli, "org.xesp.Status", json_object(), &answer);
	if (status)
		return status;
	if (cli->json)
		output_json(answer);
	else
		err = print_status(answer);
	return err ? cli_failed(cli, err) : CLI_OK;
}
