/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways to hosts behind the inside interface of a gateway: found for those that workers missed
 * (dataplane/inside.h), followed as those to peers are, forgotten when nobody sends there any more. Peers
 * choose where their packets go, so all of it is bounded: destinations, and questions in a time. Control
 * thread.
 */
#ifndef XESP_CONTROL_INSIDE_WAYS_H
#define XESP_CONTROL_INSIDE_WAYS_H

#include <systemd/sd-event.h>

#include "control/nexthops.h"
#include "dataplane/inside.h"

struct inside_ways;

struct inside_ways_config {
	struct nexthops_config ways; /* of which `changed` is not used; `owner` is for the others here, too */
	/* See worker_group_quiesce(), for all workers that look destinations up. */
	bool (*quiesce)(void *owner, bool begin, unsigned int timeout_ms);
};

/* `event` may be NULL: then nothing is done but by inside_ways_turn(). -ENOMEM, -EIO (no random numbers). */
int inside_ways_new(const struct inside_ways_config *config, sd_event *event,
		    struct inside_ways **ret_inside_ways);
/* NULL-safe. No worker looks destinations up any more. */
void inside_ways_free(struct inside_ways *inside_ways);

/* What workers look into. */
struct inside *inside_ways_table(const struct inside_ways *inside_ways);
/* See nexthops_note() and nexthops_refresh(). */
void inside_ways_note(const struct inside_ways *inside_ways, const struct ipc_nexthop *way);
void inside_ways_refresh(const struct inside_ways *inside_ways);
/* What is done each tenth of a second. */
void inside_ways_turn(struct inside_ways *inside_ways);
/* Destinations whose ways are followed. */
uint32_t inside_ways_count(const struct inside_ways *inside_ways);

#endif
