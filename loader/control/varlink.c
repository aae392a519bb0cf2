/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/varlink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/varlink_buffer.h"

/* Bytes read at a time. */
#define READ_CHUNK VARLINK_BUFFER_MIN
/* Calls of one client that are served before the others get their turn. */
#define CALLS_AT_ONCE 16

#define SERVICE "org.varlink.service"

struct stream {
	json_t *(*next)(void *state);
	void (*done)(void *state);
	void *state;
	json_t *held; /* the reply that goes out when it is known whether another follows */
};

/* Who is told that the client of an open call is gone. */
struct subscription {
	void (*gone)(void *ctx);
	void *ctx;
};

/* Exists while a method runs, and on while its stream is open, or the call itself. */
struct varlink_call {
	struct client *client;
	bool more;
	bool oneway;
	bool answered;
	struct stream stream;
	struct subscription subscription;
};

struct client {
	LIST_ENTRY(client) link;
	struct varlink_server *server;
	sd_event_source *source;
	int fd;
	bool eof;    /* the client sends nothing more */
	bool failed; /* an answer was lost, so the client must not wait for it */
	struct varlink_buffer in;
	struct varlink_buffer out;
	struct varlink_call call;
};

struct varlink_server {
	struct varlink_config config;
	sd_event *event;
	sd_event_source *source;
	int listener;
	int spare; /* given up for a connection that there is no other descriptor for */
	unsigned int client_count;
	LIST_HEAD(, client) clients;
};

/* ---- clients ----------------------------------------------------------------------------------------- */

static void stream_end(struct stream *stream)
{
	json_decref(stream->held);
	if (stream->done)
		stream->done(stream->state);
	*stream = (struct stream){0};
}

static void client_free(struct client *client)
{
	LIST_REMOVE(client, link);
	client->server->client_count--;
	stream_end(&client->call.stream);
	if (client->call.subscription.gone)
		client->call.subscription.gone(client->call.subscription.ctx);
	sd_event_source_disable_unref(client->source);
	cleanup_fd(&client->fd);
	varlink_buffer_free(&client->in);
	varlink_buffer_free(&client->out);
	free(client);
}

static bool client_is_slow(const struct client *client)
{
	return client->out.used >= XESP_CLIENT_QUEUE_MAX;
}

static void client_queue(struct client *client, json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);
	size_t size = text ? strlen(text) + 1 : 0;

	json_decref(message);
	if (!text || varlink_buffer_reserve(&client->out, size)) {
		client->failed = true;
	} else {
		memcpy(client->out.data + client->out.used, text, size);
		client->out.used += size;
	}
	free(text);
}

/* ---- answers ----------------------------------------------------------------------------------------- */

static void send_parameters(struct client *client, json_t *parameters, bool continues)
{
	json_t *message = json_pack("{s:o}", "parameters", parameters ? parameters : json_object());

	if (continues)
		json_object_set_new(message, "continues", json_true());
	client_queue(client, message);
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
	client_queue(call->client, json_pack("{s:s, s:o}", "error", full, "parameters",
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

/* Sends of an open stream what there is room for. */
static void stream_continue(struct client *client)
{
	struct stream *stream = &client->call.stream;

	while (stream->held && !client_is_slow(client)) {
		json_t *reply = stream->held;

		stream->held = stream->next(stream->state);
		send_parameters(client, reply, stream->held != NULL);
		if (!stream->held)
			stream_end(stream);
	}
}

static bool client_is_subscribed(const struct client *client)
{
	return client->call.subscription.gone != NULL;
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

	if (client_is_slow(client)) {
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

static void get_description(struct varlink_call *call, const json_t *parameters)
{
	const struct varlink_config *config = &call->client->server->config;
	const char *interface = json_string_value(json_object_get(parameters, "interface"));

	if (!interface)
		send_error(call, SERVICE, "InvalidParameter", json_pack("{s:s}", "parameter", "interface"));
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

static void call_own(struct varlink_call *call, const char *name, const json_t *parameters)
{
	const struct varlink_config *config = &call->client->server->config;

	for (const struct varlink_method *method = config->methods; method->name; method++)
		if (!strcmp(method->name, name)) {
			method->run(call, parameters, config->ctx);
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

/* One message. -EPROTO if it is no Varlink call. */
static int handle_message(struct client *client, const char *text, size_t length)
{
	json_error_t error;
	json_t *message = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	json_t *parameters = json_object_get(message, "parameters");
	const char *method = json_string_value(json_object_get(message, "method"));
	int err = 0;

	if (!json_is_object(message) || !method || (parameters && !json_is_object(parameters))) {
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

/* ---- input and output -----------------------------------------------------------------------------------
 */

static int client_read(struct client *client)
{
	ssize_t n;

	if (varlink_buffer_reserve(&client->in, READ_CHUNK))
		return -ENOMEM;
	n = recv(client->fd, client->in.data + client->in.used, client->in.size - client->in.used,
		 MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		client->eof = true;
	client->in.used += (size_t)n;
	return 0;
}

static int client_write(struct client *client)
{
	ssize_t n;

	if (!client->out.used)
		return 0;
	n = send(client->fd, client->out.data, client->out.used, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	varlink_buffer_consume(&client->out, (size_t)n);
	return 0;
}

/* False while the answer to its last call is not complete, or may never be. */
static bool client_may_call(const struct client *client)
{
	return !client->call.stream.held && !client_is_subscribed(client) && !client_is_slow(client);
}

/* Handles some whole messages in the buffer, as far as answers find room. */
static int client_work(struct client *client)
{
	size_t handled = 0;
	int err = 0;

	stream_continue(client);
	for (int i = 0; i < CALLS_AT_ONCE && !err && client_may_call(client); i++) {
		const char *start = client->in.data + handled;
		const char *end =
			client->in.used > handled ? memchr(start, '\0', client->in.used - handled) : NULL;

		if (!end)
			break;
		err = handle_message(client, start, (size_t)(end - start));
		handled += (size_t)(end - start) + 1;
		stream_continue(client);
	}
	if (handled)
		varlink_buffer_consume(&client->in, handled);
	if (!err && client->in.used >= XESP_MESSAGE_MAX && !memchr(client->in.data, '\0', client->in.used))
		err = -EMSGSIZE;
	return err;
}

static bool client_has_work(const struct client *client)
{
	if (client_is_subscribed(client))
		return false;
	return client->call.stream.held ||
	       (client->in.used && memchr(client->in.data, '\0', client->in.used));
}

static bool client_is_busy(const struct client *client)
{
	return !client_may_call(client) || client->in.used >= XESP_MESSAGE_MAX;
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct client *client = ctx;
	uint32_t wanted;
	int err = 0;

	(void)fd;
	if (events & EPOLLIN)
		err = client_read(client);
	if (!err)
		err = client_work(client);
	if (!err)
		err = client->failed ? -ENOMEM : client_write(client);
	if (err == -ENOMEM)
		log_warning("a client is closed: no memory for its requests");
	if (err == -EPROTO || err == -EMSGSIZE)
		log_warning("a client is closed: %s",
			    err == -EPROTO ? "what it sent is no Varlink call" : "its message is too long");
	if (err || (events & (EPOLLHUP | EPOLLERR)) ||
	    (client->eof && !client->out.used && !client_has_work(client) && !client_is_subscribed(client))) {
		client_free(client);
		return 0;
	}
	/* Waiting for room to write, which there is already, is how the rest of its work gets its turn. */
	wanted = (client->eof || client_is_busy(client) ? 0 : EPOLLIN) |
		 (client->out.used || client_has_work(client) ? EPOLLOUT : 0);
	return sd_event_source_set_io_events(source, wanted);
}

/* Without a descriptor to accept it with, a connection would wait, and wake the loop for ever. */
static void turn_away(struct varlink_server *server)
{
	int connection;

	cleanup_fd(&server->spare);
	connection = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
	cleanup_fd(&connection);
	server->spare = fcntl(server->listener, F_DUPFD_CLOEXEC, 0);
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct varlink_server *server = ctx;
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client;

	(void)source;
	(void)events;
	if (connection < 0) {
		if (errno == EMFILE || errno == ENFILE)
			turn_away(server);
		return 0;
	}
	client = server->client_count < XESP_CLIENTS_MAX ? calloc(1, sizeof(*client)) : NULL;
	if (!client) {
		close(connection);
		return 0;
	}
	client->server = server;
	client->fd = connection;
	LIST_INSERT_HEAD(&server->clients, client, link);
	server->client_count++;
	if (sd_event_add_io(server->event, &client->source, connection, EPOLLIN, on_client, client) < 0)
		client_free(client);
	return 0;
}

int varlink_server_new(const struct varlink_config *config, sd_event *event, int listener,
		       struct varlink_server **ret_server)
{
	struct varlink_server *server = calloc(1, sizeof(*server));
	int err;

	if (!server)
		return -ENOMEM;
	server->config = *config;
	server->event = sd_event_ref(event);
	server->listener = listener;
	server->spare = fcntl(listener, F_DUPFD_CLOEXEC, 0);
	LIST_INIT(&server->clients);
	err = sd_event_add_io(event, &server->source, listener, EPOLLIN, on_connect, server);
	if (err < 0) {
		varlink_server_free(server);
		return err;
	}
	*ret_server = server;
	return 0;
}

void varlink_server_free(struct varlink_server *server)
{
	struct client *client;

	if (!server)
		return;
	while ((client = LIST_FIRST(&server->clients)))
		client_free(client);
	sd_event_source_disable_unref(server->source);
	sd_event_unref(server->event);
	cleanup_fd(&server->spare);
	free(server);
}
