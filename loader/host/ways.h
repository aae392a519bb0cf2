/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the loader does for outbound SAs: follows the ways to their peers, and fits the TUN device that the
 * host hands packets to; and for a gateway: follows the ways to hosts behind the inside interface. It takes
 * the engine for compromised here as elsewhere.
 */
#ifndef XESP_HOST_WAYS_H
#define XESP_HOST_WAYS_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "host/ipc.h"

struct ways;

struct ways_config {
	sd_event *event;
	const char *tun; /* NULL: there is none */
	bool routes;	 /* may be set into it */
	/* Whether the interface is attached. */
	bool (*serves)(uint32_t ifindex, void *ctx);
	const char *inside; /* name of the inside interface; NULL: there is none */
	/* Whether this is it, attached in that role. */
	bool (*is_inside)(uint32_t ifindex, void *ctx);
	/* Says something to the engine. */
	void (*tell)(struct ipc_message *message, void *ctx);
	void *ctx;
};

int ways_new(const struct ways_config *config, struct ways **ret_ways);
void ways_free(struct ways *ways); /* NULL-safe */

/* Does what RESOLVE, UNRESOLVE and TUN_MTU, ROUTE and UNROUTE ask; -EPROTO: it is another request. */
int ways_serve(struct ways *ways, const struct ipc_message *request, struct failure *ret_failure);
/* The engine ended: what it had watched and set stays, and is marked. */
void ways_mark(struct ways *ways);
/* The next one has asked for all that it needs: what is still marked goes. */
void ways_sweep(struct ways *ways);
/* Number of the TUN device if `dev` is its inside interface, or 0. */
uint32_t ways_inside_of(const struct ways *ways, const char *dev);
/* An interface was attached or is not any more. */
void ways_look(struct ways *ways);

#endif
