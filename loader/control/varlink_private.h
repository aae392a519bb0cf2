/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the Varlink server share: varlink.c knows calls and answers, varlink_client.c one
 * connection, varlink_server.c who is let in.
 */
#ifndef XESP_CONTROL_VARLINK_PRIVATE_H
#define XESP_CONTROL_VARLINK_PRIVATE_H

#include <sys/queue.h>
#include <xesp/limits.h>

#include "control/peer.h"
#include "control/varlink.h"
#include "control/varlink_buffer.h"

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
	struct peer peer;
	uint64_t progress; /* CLOCK_MONOTONIC in us: when it last sent something, or took an answer */
	bool eof;	   /* the client sends nothing more */
	bool failed;	   /* an answer was lost, so the client must not wait for it */
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
	LIST_HEAD(, client) clients;
};

/* Handles one message. -EPROTO if it is no Varlink call. */
int varlink_handle(struct client *client, const char *text, size_t length);
/* Sends of an open stream what there is room for. */
void varlink_stream_continue(struct client *client);
/* Ends what is still open of the last call of a client that goes. */
void varlink_call_abandon(struct varlink_call *call);
/* True while the last call stays open for replies from outside. */
static inline bool varlink_client_is_subscribed(const struct client *client)
{
	return client->call.subscription.gone != NULL;
}

/* Serves a connection, which becomes the client's, also on failure. -ENOMEM, or what epoll says. */
int varlink_client_new(struct varlink_server *server, int connection, const struct peer *peer);
void varlink_client_free(struct client *client);
/* Queues one message; takes over the reference. */
void varlink_client_queue(struct client *client, json_t *message);
/* True if it has not read so much that there is no room for more. */
bool varlink_client_is_slow(const struct client *client);

#endif
