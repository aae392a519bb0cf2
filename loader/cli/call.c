/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns errors of the connection and of the daemon into sentences. Runs on the CLI's only thread.
 */
#include "cli/call.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cli/output.h"

static const char *advice(int err)
{
	switch (err) {
	case -ENOENT: return "is xespd running? Start it with `xespd`";
	case -ECONNREFUSED: return "xespd has ended without removing it; start it with `xespd`";
	case -EACCES: return "run as root or in group xesp";
	case -ENAMETOOLONG: return "the path of a socket has at most 107 bytes";
	default: return "see the log of xespd";
	}
}

int call_open(const struct cli *cli, struct client **ret_client)
{
	int err = client_open(cli->socket_path, cli->timeout_s, ret_client);

	if (!err)
		return CLI_OK;
	cli_error(cli, "cannot connect to the control socket %s: %s (%s); %s", cli->socket_path,
		  strerror(-err), strerrorname_np(-err), advice(err));
	return CLI_UNREACHABLE;
}

int call_connection_failed(const struct cli *cli, int err)
{
	switch (err) {
	case -ETIMEDOUT:
		cli_error(
			cli,
			"no answer from xespd at %s within %u s; see its log, or wait longer with --timeout",
			cli->socket_path, cli->timeout_s);
		break;
	case -ECONNRESET:
		cli_error(cli, "xespd closed the connection at %s before it answered; see its log",
			  cli->socket_path);
		break;
	case -EBADMSG:
		cli_error(cli, "what answers at %s is not xespd: the reply is not a Varlink message",
			  cli->socket_path);
		break;
	case -EMSGSIZE: cli_error(cli, "a message to or from %s is too long", cli->socket_path); break;
	default: cli_error(cli, "the connection to %s failed: %s", cli->socket_path, strerror(-err));
	}
	return CLI_UNREACHABLE;
}

__attribute__((format(printf, 1, 2))) static char *format_text(const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	return len < 0 ? NULL : output_printable(text);
}

static const char *text_of(const json_t *parameters, const char *name)
{
	const char *text = json_string_value(json_object_get(parameters, name));

	return text ? text : "?";
}

char *call_field_text(const struct field_error *error)
{
	return format_text("%s: value '%s': %s", error->field, error->value, error->rule);
}

static char *invalid_field(const json_t *parameters)
{
	const char *field = text_of(parameters, "field");
	const char *value = text_of(parameters, "value");

	/* The daemon hides keys; if ever it does not, the terminal still shows none. */
	if (strstr(field, "key"))
		value = "(hidden)";
	return format_text("%s: value '%s': %s", field, value, text_of(parameters, "rule"));
}

static char *capacity_exceeded(const json_t *parameters)
{
	json_int_t limit = json_integer_value(json_object_get(parameters, "limit"));

	return format_text("no room for more %s: the limit is %" JSON_INTEGER_FORMAT,
			   text_of(parameters, "what"), limit);
}

static char *operation_failed(const json_t *parameters)
{
	const char *next = json_string_value(json_object_get(parameters, "advice"));

	return format_text("%s: %s%s%s", text_of(parameters, "operation"), text_of(parameters, "reason"),
			   next && *next ? "; " : "", next ? next : "");
}

static char *not_found(const json_t *parameters)
{
	return format_text("not found: %s", text_of(parameters, "what"));
}

static char *already_exists(const json_t *parameters)
{
	return format_text("already exists: %s", text_of(parameters, "what"));
}

static char *stale_handle(const json_t *parameters)
{
	return format_text("stale handle: what was %s is gone", text_of(parameters, "what"));
}

static char *in_use(const json_t *parameters)
{
	return format_text("in use: %s", text_of(parameters, "what"));
}

static char *permission_denied(const json_t *parameters)
{
	return format_text("permission denied: %s", text_of(parameters, "reason"));
}

static char *not_supported(const json_t *parameters)
{
	return format_text("not supported: %s (see `xesp capabilities`)", text_of(parameters, "what"));
}

static char *method_unknown(const json_t *parameters)
{
	return format_text("the daemon does not know the method %s: it is older than this xesp",
			   text_of(parameters, "method"));
}

static char *interface_unknown(const json_t *parameters)
{
	return format_text("what answers has no interface %s: it is not xespd",
			   text_of(parameters, "interface"));
}

static char *parameter_invalid(const json_t *parameters)
{
	return format_text("the daemon does not take the parameter %s", text_of(parameters, "parameter"));
}

static char *service_denied(const json_t *parameters)
{
	(void)parameters;
	return format_text("permission denied: run as root or in group xesp");
}

static char *more_expected(const json_t *parameters)
{
	(void)parameters;
	return format_text("the answer is too long for one message");
}

/* One row an error of org.xesp and of org.varlink.service. */
static const struct {
	const char *name;
	char *(*text)(const json_t *parameters);
} errors[] = {
	{"org.xesp.InvalidField", invalid_field},
	{"org.xesp.NotFound", not_found},
	{"org.xesp.AlreadyExists", already_exists},
	{"org.xesp.StaleHandle", stale_handle},
	{"org.xesp.InUse", in_use},
	{"org.xesp.CapacityExceeded", capacity_exceeded},
	{"org.xesp.PermissionDenied", permission_denied},
	{"org.xesp.NotSupported", not_supported},
	{"org.xesp.Failed", operation_failed},
	{"org.varlink.service.InterfaceNotFound", interface_unknown},
	{"org.varlink.service.MethodNotFound", method_unknown},
	{"org.varlink.service.MethodNotImplemented", method_unknown},
	{"org.varlink.service.InvalidParameter", parameter_invalid},
	{"org.varlink.service.PermissionDenied", service_denied},
	{"org.varlink.service.ExpectedMore", more_expected},
};

char *call_error_text(const struct client_reply *reply)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (!strcmp(reply->error, errors[i].name))
			return errors[i].text(reply->parameters);
	}
	return format_text("the daemon reports %s", reply->error);
}

int call_refused(const struct cli *cli, const struct client_reply *reply)
{
	CLEANUP_FREE char *text = call_error_text(reply);

	cli_error(cli, "%s", text ? text : strerror(ENOMEM));
	return CLI_REFUSED;
}

int call_field_failed(const struct cli *cli, const struct field_error *error)
{
	CLEANUP_FREE char *text = call_field_text(error);

	cli_error(cli, "%s", text ? text : strerror(ENOMEM));
	return CLI_REFUSED;
}

int call_method(const struct cli *cli, const char *method, json_t *parameters, json_t **ret_parameters)
{
	CLEANUP_CLIENT struct client *client = NULL;
	CLEANUP_REPLY struct client_reply reply = {0};
	CLEANUP_JSON json_t *owned = parameters;
	int status, err;

	if (!owned)
		return cli_failed(cli, -ENOMEM);
	status = call_open(cli, &client);
	if (status)
		return status;
	err = client_send(client, method, owned, false);
	/* A daemon that refuses a client may say why and close before it reads the call. */
	if (!err || err == -ECONNRESET)
		err = client_receive(client, &reply);
	if (err)
		return call_connection_failed(cli, err);
	if (reply.error)
		return call_refused(cli, &reply);
	*ret_parameters = json_incref(reply.parameters);
	return CLI_OK;
}

int call_plain(const struct cli *cli, const char *method, json_t *parameters)
{
	CLEANUP_JSON json_t *answer = NULL;
	int status = call_method(cli, method, parameters, &answer);

	if (!status && cli->json)
		output_json(answer);
	return status;
}
