/* SPDX-License-Identifier: BSD-2-Clause */
/* The listening socket: who is let in, and who has to go for it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/varlink_private.h"

/* Connections that are taken before clients get their turn. */
#define ACCEPTED_AT_ONCE 16

/* Without a descriptor to accept it with, a connection would wait, and wake the loop for ever. */
static void turn_away(struct varlink_server *server)
{
	int connection;

	cleanup_fd(&server->spare);
	connection = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
	cleanup_fd(&connection);
	server->spare = fcntl(server->listener, F_DUPFD_CLOEXEC, 0);
}

/* ---- who is let in ------------------------------------------------------------------------------------- */

/* A part of the clients that is bounded on its own, so that nobody takes the places of others. */
struct share {
	unsigned int limit;
	bool unprivileged; /* only those */
	bool same_user;
};

static const struct share shares[] = {
	{XESP_CLIENTS_PER_USER_MAX, true, true},
	{XESP_CLIENTS_UNPRIVILEGED_MAX, true, false},
	{XESP_CLIENTS_MAX, false, false},
};

static bool is_in_share(const struct client *client, const struct share *share, const struct peer *newcomer)
{
	if (share->unprivileged && client->peer.privileged)
		return false;
	return !share->same_user || client->peer.uid == newcomer->uid;
}

/* A client that does nothing, or does not read what it asked for. Who waits for events does something. */
static bool is_idle(const struct client *client, uint64_t now)
{
	return now - client->progress >= client->server->config.idle_usec &&
	       (!varlink_client_is_subscribed(client) || client->out.used);
}

/* Makes room in one share for `newcomer`, by closing the client that did nothing for longest if need be. */
static bool make_room(struct varlink_server *server, const struct share *share, const struct peer *newcomer)
{
	struct client *client, *victim = NULL;
	unsigned int count = 0;
	uint64_t now;

	sd_event_now(server->event, CLOCK_MONOTONIC, &now);
	LIST_FOREACH(client, &server->clients, link)
	{
		if (!is_in_share(client, share, newcomer))
			continue;
		count++;
		if ((newcomer->privileged || !client->peer.privileged) && is_idle(client, now) &&
		    (!victim || client->progress < victim->progress))
			victim = client;
	}
	if (count < share->limit)
		return true;
	if (!victim)
		return false;
	log_debug("an idle client of user %u is closed: another one wants its place", victim->peer.uid);
	varlink_client_free(victim);
	return true;
}

/* NULL if there is room in every share, else the one that is full. */
static const struct share *full_share(struct varlink_server *server, const struct peer *newcomer)
{
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		if (shares[i].unprivileged && newcomer->privileged)
			continue;
		if (!make_room(server, &shares[i], newcomer))
			return &shares[i];
	}
	return NULL;
}

/* What a client reads as the answer to its first call. There is room for it in a new socket. */
static void refuse(const struct varlink_server *server, int connection, unsigned int limit)
{
	char text[160];
	int length = snprintf(
		text, sizeof(text),
		"{\"error\":\"%s.CapacityExceeded\",\"parameters\":{\"what\":\"clients\",\"limit\":%u}}",
		server->config.interface, limit);

	if (length > 0 && (size_t)length < sizeof(text))
		send(connection, text, (size_t)length + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* False if nobody waits. */
static bool accept_one(struct varlink_server *server)
{
	CLEANUP_FD int connection = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	const struct share *full;
	struct peer peer;

	if (connection < 0) {
		if (errno == EMFILE || errno == ENFILE)
			turn_away(server);
		return false;
	}
	if (peer_identify(connection, server->config.group, &peer))
		return true;
	full = full_share(server, &peer);
	if (full)
		refuse(server, connection, full->limit);
	else
		varlink_client_new(server, TAKE_FD(connection), &peer);
	return true;
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	(void)source;
	(void)fd;
	(void)events;
	for (unsigned int i = 0; i < ACCEPTED_AT_ONCE && accept_one(ctx); i++)
		;
	return 0;
}

/* ---- server -------------------------------------------------------------------------------------------- */

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
		varlink_client_free(client);
	sd_event_source_disable_unref(server->source);
	sd_event_unref(server->event);
	cleanup_fd(&server->spare);
	free(server);
}
