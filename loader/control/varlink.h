/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Varlink server (varlink.org): JSON objects ended by NUL over a stream socket. Framing, clients and
 * their bounds; what the methods do is the caller's. One thread, on an sd-event loop.
 *
 * A client's calls are answered in order, one at a time. A client that does not read its answers is not
 * read from until it does; one that sends a message over XESP_MESSAGE_MAX, or no JSON, is closed. Callers
 * without privileges have a smaller share of the clients, and of the memory of each. The interface has the
 * errors PermissionDenied(reason) and CapacityExceeded(what, limit).
 */
#ifndef XESP_CONTROL_VARLINK_H
#define XESP_CONTROL_VARLINK_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct varlink_server;
struct varlink_call;

/* Answers a call with exactly one of varlink_reply(), varlink_error(), varlink_stream() and varlink_open(),
 * before it returns. `parameters` is an object, borrowed. */
typedef void (*varlink_method_fn)(struct varlink_call *call, const json_t *parameters, void *ctx);

struct varlink_method {
	const char *name; /* without the interface: "AddSa" */
	varlink_method_fn run;
};

struct varlink_config {
	const char *interface;	 /* "org.xesp" */
	const char *description; /* text of its .varlink file */
	const char *vendor;
	const char *product;
	const char *version;
	const struct varlink_method *methods; /* ended by a NULL name */
	void *ctx;
	const char *const *open; /* names of the methods that are for everybody, ended by NULL; or NULL */
	gid_t group;		 /* whose members may call every method, as root may; or PEER_NO_GROUP */
	uint64_t idle_usec; /* who did nothing for so long gives way if another wants in and there is no room
			     */
};

/* Serves connections of `listener`, a listening socket that stays the caller's. `*config` is copied. */
int varlink_server_new(const struct varlink_config *config, sd_event *event, int listener,
		       struct varlink_server **ret_server);
void varlink_server_free(struct varlink_server *server); /* closes all clients; NULL-safe */

/* These take over the reference to `parameters`; NULL means an empty object. */
void varlink_reply(struct varlink_call *call, json_t *parameters);
/* `name` without the interface for its own errors ("NotFound"). */
void varlink_error(struct varlink_call *call, const char *name, json_t *parameters);

/* True if the client asked for more than one reply. */
bool varlink_wants_more(const struct varlink_call *call);
/* Answers with many replies, each made when there is room for it. `next` returns a new reference, or NULL
 * at the end; `done` frees `state`, also if the client goes away before. The last reply is one with the
 * parameters `next` returned last, so that there is always at least one; an empty stream replies with
 * `empty`, whose reference is taken. */
void varlink_stream(struct varlink_call *call, json_t *(*next)(void *state), void (*done)(void *state),
		    void *state, json_t *empty);

/* Leaves the call open: replies come by varlink_notify(), as long as the client is there. `gone(ctx)` says
 * that it is not, after which the call must not be used; also when the server is freed. False if the client
 * did not ask for more than one reply: then the call is answered. */
bool varlink_open(struct varlink_call *call, void (*gone)(void *ctx), void *ctx);
/* A reply to an open call, from outside of its method. Takes over the reference to `parameters`. False if
 * the client is too slow to take it: then it is not sent. */
bool varlink_notify(struct varlink_call *call, json_t *parameters);

#endif
