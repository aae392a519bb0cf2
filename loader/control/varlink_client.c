/* SPDX-License-Identifier: BSD-2-Clause */
/* One connection: reading, working off in turns, writing, and its bounds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/varlink_private.h"

/* Bytes read at a time. */
#define READ_CHUNK VARLINK_BUFFER_MIN
/* Calls of one client that are served before the others get their turn. */
#define CALLS_AT_ONCE 16

/* What one client may make the server hold: who may ask for little needs little. */
struct bounds {
	size_t message;
	size_t queue; /* of answers that it does not read; reached, not kept: the last one may be long */
};

static const struct bounds *bounds_of(const struct client *client)
{
	static const struct bounds privileged = {XESP_MESSAGE_MAX, XESP_CLIENT_QUEUE_MAX};
	static const struct bounds unprivileged = {XESP_MESSAGE_UNPRIVILEGED_MAX,
						   XESP_CLIENT_QUEUE_UNPRIVILEGED_MAX};

	return client->peer.privileged ? &privileged : &unprivileged;
}

static void note_progress(struct client *client)
{
	sd_event_now(client->server->event, CLOCK_MONOTONIC, &client->progress);
}

void varlink_client_free(struct client *client)
{
	LIST_REMOVE(client, link);
	varlink_call_abandon(&client->call);
	sd_event_source_disable_unref(client->source);
	cleanup_fd(&client->fd);
	varlink_buffer_free(&client->in);
	varlink_buffer_free(&client->out);
	free(client);
}

bool varlink_client_is_slow(const struct client *client)
{
	return client->out.used >= bounds_of(client)->queue;
}

void varlink_client_queue(struct client *client, json_t *message)
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
	else
		note_progress(client);
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
	note_progress(client);
	return 0;
}

/* False while the answer to its last call is not complete, or may never be. */
static bool client_may_call(const struct client *client)
{
	return !client->call.stream.held && !varlink_client_is_subscribed(client) &&
	       !varlink_client_is_slow(client);
}

/* Handles some whole messages in the buffer, as far as answers find room. */
static int client_work(struct client *client)
{
	size_t handled = 0;
	int err = 0;

	varlink_stream_continue(client);
	for (int i = 0; i < CALLS_AT_ONCE && !err && client_may_call(client); i++) {
		const char *start = client->in.data + handled;
		const char *end =
			client->in.used > handled ? memchr(start, '\0', client->in.used - handled) : NULL;

		if (!end)
			break;
		err = varlink_handle(client, start, (size_t)(end - start));
		handled += (size_t)(end - start) + 1;
		varlink_stream_continue(client);
	}
	if (handled)
		varlink_buffer_consume(&client->in, handled);
	if (!err && client->in.used >= bounds_of(client)->message &&
	    !memchr(client->in.data, '\0', client->in.used))
		err = -EMSGSIZE;
	return err;
}

static bool client_has_work(const struct client *client)
{
	if (varlink_client_is_subscribed(client))
		return false;
	return client->call.stream.held ||
	       (client->in.used && memchr(client->in.data, '\0', client->in.used));
}

static bool client_is_busy(const struct client *client)
{
	return !client_may_call(client) || client->in.used >= bounds_of(client)->message;
}

/* The log is bounded; who may ask for nothing shall not use it up. */
static void log_closed(const struct client *client, int err)
{
	enum log_level level = client->peer.privileged ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG;

	if (err == -ENOMEM)
		log_warning("a client is closed: no memory for its requests");
	else if (err == -EPROTO || err == -EMSGSIZE)
		log_at(level, "a client of user %u is closed: %s", client->peer.uid,
		       err == -EPROTO ? "what it sent is no Varlink call" : "its message is too long");
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
	if (err)
		log_closed(client, err);
	if (err || (events & (EPOLLHUP | EPOLLERR)) ||
	    (client->eof && !client->out.used && !client_has_work(client) &&
	     !varlink_client_is_subscribed(client))) {
		varlink_client_free(client);
		return 0;
	}
	/* Waiting for room to write, which there is already, is how the rest of its work gets its turn. */
	wanted = (client->eof || client_is_busy(client) ? 0 : EPOLLIN) |
		 (client->out.used || client_has_work(client) ? EPOLLOUT : 0);
	return sd_event_source_set_io_events(source, wanted);
}

int varlink_client_new(struct varlink_server *server, int connection, const struct peer *peer)
{
	struct client *client = calloc(1, sizeof(*client));
	int err;

	if (!client) {
		close(connection);
		return -ENOMEM;
	}
	client->server = server;
	client->fd = connection;
	client->peer = *peer;
	note_progress(client);
	LIST_INSERT_HEAD(&server->clients, client, link);
	err = sd_event_add_io(server->event, &client->source, connection, EPOLLIN, on_client, client);
	/* Whoever may only ask who is there does not delay those who work. */
	if (err >= 0 && !peer->privileged)
		err = sd_event_source_set_priority(client->source, SD_EVENT_PRIORITY_IDLE);
	if (err < 0)
		varlink_client_free(client);
	return err < 0 ? err : 0;
}
