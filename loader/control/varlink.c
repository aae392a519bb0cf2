/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls and their answers. */
#include "control/varlink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/varlink_private.h"

#define SERVICE "org.varlink.service"

static void stream_end(struct stream *stream)
{
	json_decref(stream->held);
	if (stream->done)
		stream->done(stream->state);
	*stream = (struct stream){0};
}

void varlink_call_abandon(struct varlink_call *call)
{
	stream_end(&call->stream);
	if (call->subscription.gone)
		call->subscription.gone(call->subscription.ctx);
}

/* ---- answers ----------------------------------------------------------------------------------------- */

static void send_parameters(struct client *client, json_t *parameters, bool continues)
{
	json_t *message = json_pack("{s:o}", "parameters", parameters ? parameters : json_object());

	if (continues)
		json_object_set_new(message, "continues", json_true());
	varlink_client_queue(client, message);
}

void varlink_reply(struct varlink_call *call, json_t *parameters)
{
	call->answered = true;
	if (call->oneway)
		json_decref(parameters);
	else
		send_parameters(call->client, parameters, false);
}

static void send_error(struct varlink_call *call, const char *interface, const char *name, json_t *parameters)
{
	char full[128];

	call->answered = true;
	if (call->oneway) {
		json_decref(parameters);
		return;
	}
	snprintf(full, sizeof(full), "%s.%s", interface, name);
	varlink_client_queue(call->client, json_pack("{s:s, s:o}", "error", full, "parameters",
						     parameters ? parameters : json_object()));
}

void varlink_error(struct varlink_call *call, const char *name, json_t *parameters)
{
	send_error(call, call->client->server->config.interface, name, parameters);
}

bool varlink_wants_more(const struct varlink_call *call)
{
	return call->more;
}

void varlink_stream(struct varlink_call *call, json_t *(*next)(void *state), void (*done)(void *state),
		    void *state, json_t *empty)
{
	struct stream stream = {.next = next, .done = done, .state = state, .held = next(state)};

	call->answered = true;
	if (stream.held && !call->oneway) {
		json_decref(empty);
		call->stream = stream;
		return;
	}
	stream_end(&stream);
	varlink_reply(call, empty);
}

void varlink_stream_continue(struct client *client)
{
	struct stream *stream = &client->call.stream;

	while (stream->held && !varlink_client_is_slow(client)) {
		json_t *reply = stream->held;

		stream->held = stream->next(stream->state);
		send_parameters(client, reply, stream->held != NULL);
		if (!stream->held)
			stream_end(stream);
	}
}

bool varlink_open(struct varlink_call *call, void (*gone)(void *ctx), void *ctx)
{
	if (!call->more || call->oneway) {
		send_error(call, SERVICE, "ExpectedMore", NULL);
		return false;
	}
	call->answered = true;
	call->subscription = (struct subscription){.gone = gone, .ctx = ctx};
	return true;
}

bool varlink_notify(struct varlink_call *call, json_t *parameters)
{
	struct client *client = call->client;

	if (varlink_client_is_slow(client)) {
		json_decref(parameters);
		return false;
	}
	send_parameters(client, parameters, true);
	sd_event_source_set_io_events(client->source, EPOLLOUT);
	return true;
}

/* ---- org.varlink.service ------------------------------------------------------------------------------ */

static void get_info(struct varlink_call *call)
{
	const struct varlink_config *config = &call->client->server->config;

	varlink_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", config->vendor, "product",
				      config->product, "version", config->version, "url", "", "interfaces",
				      SERVICE, config->interface));
}

static const char service_description[] =
	"# What every Varlink service says of itself.\n"
	"interface org.varlink.service\n\n"
	"method GetInfo() -> (\n"
	"  vendor: string,\n  product: string,\n  version: string,\n  url: string,\n  interfaces: []string\n)\n\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n\n"
	"error InterfaceNotFound (interface: string)\n"
	"error MethodNotFound (method: string)\n"
	"error MethodNotImplemented (method: string)\n"
	"error InvalidParameter (parameter: string)\n"
	"error PermissionDenied ()\n"
	"error ExpectedMore ()\n";

static void get_description(struct varlink_call *call, const json_t *parameters)
{
	const struct varlink_config *config = &call->client->server->config;
	const char *interface = json_string_value(json_object_get(parameters, "interface"));

	if (!interface)
		send_error(call, SERVICE, "InvalidParameter", json_pack("{s:s}", "parameter", "interface"));
	else if (!strcmp(interface, SERVICE))
		varlink_reply(call, json_pack("{s:s}", "description", service_description));
	else if (strcmp(interface, config->interface))
		send_error(call, SERVICE, "InterfaceNotFound", json_pack("{s:s}", "interface", interface));
	else
		varlink_reply(call, json_pack("{s:s}", "description", config->description));
}

static void call_service(struct varlink_call *call, const char *method, const json_t *parameters)
{
	if (!strcmp(method, "GetInfo"))
		get_info(call);
	else if (!strcmp(method, "GetInterfaceDescription"))
		get_description(call, parameters);
	else
		send_error(call, SERVICE, "MethodNotFound", json_pack("{s:s}", "method", method));
}

/* ---- calls ------------------------------------------------------------------------------------------- */

static bool is_open(const struct varlink_config *config, const char *name)
{
	for (const char *const *open = config->open; open && *open; open++) {
		if (!strcmp(*open, name))
			return true;
	}
	return false;
}

static void deny(struct varlink_call *call)
{
	varlink_error(call, "PermissionDenied",
		      json_pack("{s:s}", "reason", "run as root or as a member of group xesp"));
}

static void call_own(struct varlink_call *call, const char *name, const json_t *parameters)
{
	const struct varlink_config *config = &call->client->server->config;

	for (const struct varlink_method *method = config->methods; method->name; method++)
		if (!strcmp(method->name, name)) {
			if (is_open(config, name) || call->client->peer.privileged)
				method->run(call, parameters, config->ctx);
			else
				deny(call);
			return;
		}
	send_error(call, SERVICE, "MethodNotFound", json_pack("{s:s}", "method", name));
}

static void dispatch(struct varlink_call *call, const char *method, const json_t *parameters)
{
	const char *interface = call->client->server->config.interface;
	const char *dot = strrchr(method, '.');
	size_t length = dot ? (size_t)(dot - method) : 0;

	if (dot && length == strlen(SERVICE) && !strncmp(method, SERVICE, length))
		call_service(call, dot + 1, parameters);
	else if (dot && length == strlen(interface) && !strncmp(method, interface, length))
		call_own(call, dot + 1, parameters);
	else
		send_error(call, SERVICE, "InterfaceNotFound", json_pack("{s:s}", "interface", method));
}

/* A member of a message; NULL also if it is null, which means the same in Varlink. */
static json_t *member(const json_t *message, const char *name)
{
	json_t *value = json_object_get(message, name);

	return json_is_null(value) ? NULL : value;
}

static bool is_boolean(const json_t *value)
{
	return !value || json_is_boolean(value);
}

int varlink_handle(struct client *client, const char *text, size_t length)
{
	json_error_t error;
	json_t *message = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	json_t *parameters = member(message, "parameters");
	const char *method = json_string_value(json_object_get(message, "method"));
	int err = 0;

	if (!json_is_object(message) || !method || (parameters && !json_is_object(parameters)) ||
	    !is_boolean(member(message, "more")) || !is_boolean(member(message, "oneway"))) {
		err = -EPROTO;
	} else {
		parameters = parameters ? json_incref(parameters) : json_object();
		client->call =
			(struct varlink_call){.client = client,
					      .more = json_is_true(json_object_get(message, "more")),
					      .oneway = json_is_true(json_object_get(message, "oneway"))};
		dispatch(&client->call, method, parameters);
		if (!client->call.answered)
			log_error("method %s left a call without an answer", method);
		json_decref(parameters);
	}
	json_decref(message);
	return err;
}
