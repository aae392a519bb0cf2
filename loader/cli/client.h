/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One Varlink connection to the daemon: method calls out, replies in, both JSON objects ended by NUL
 * (https://varlink.org). Calls may be pipelined: replies come in the order of the calls. Every wait is
 * bounded. Prints nothing.
 */
#ifndef XESP_CLI_CLIENT_H
#define XESP_CLI_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

/* Bytes of the longest reply that the CLI takes; the daemon's own bound is XESP_MESSAGE_MAX for what it
 * receives, and statistics of many interfaces are longer. */
#define CLIENT_REPLY_MAX (16 * 1024 * 1024)

struct client;

struct client_reply {
	json_t *message;    /* owned: the whole reply */
	const char *error;  /* qualified name, or NULL for a success; part of `message` */
	json_t *parameters; /* an object; part of `message` */
	bool continues;	    /* more replies to the same call follow */
};

/* Connects to the socket at `path`. What connect() says, -ENAMETOOLONG, or -ETIMEDOUT. */
int client_open(const char *path, unsigned int timeout_s, struct client **ret_client);
/* The same on a connected stream socket, which becomes the client's also on failure. */
int client_new(int fd, unsigned int timeout_s, struct client **ret_client);
/* Closes; NULL-safe. */
void client_free(struct client *client);

/* Sends one call; borrows `parameters`. No copy of the message remains, since it may hold a key.
 * -EMSGSIZE above XESP_MESSAGE_MAX, -ECONNRESET if the daemon closed, -ETIMEDOUT. */
int client_send(struct client *client, const char *method, json_t *parameters, bool more);

/* Waits without bound until a reply comes (0), or `other` is readable (1). -errno of poll(). */
int client_wait(const struct client *client, int other);

/* Waits for the next reply. -ETIMEDOUT, -ECONNRESET if the daemon closed, -EBADMSG if it is not a Varlink
 * reply, -EMSGSIZE above CLIENT_REPLY_MAX. The caller clears the reply. */
int client_receive(struct client *client, struct client_reply *ret_reply);
void client_reply_clear(struct client_reply *reply);

static inline void cleanup_client(struct client **client)
{
	client_free(*client);
}

#define CLEANUP_CLIENT CLEANUP(cleanup_client)
#define CLEANUP_REPLY CLEANUP(client_reply_clear)

#endif
