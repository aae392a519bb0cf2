/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to outbound SAs, from the workers of all interfaces and from the clock: handed to the monitor,
 * and acted on (an SA at a hard lifetime is deleted), as iface_events.h does for inbound ones. Control thread
 * only.
 */
#ifndef XESP_CONTROL_OUTBOUND_EVENTS_H
#define XESP_CONTROL_OUTBOUND_EVENTS_H

#include <systemd/sd-event.h>

#include "control/monitor.h"
#include "control/outbound.h"

struct outbound_events;

/* For a store that outlives the object. `monitor` may be NULL, `event` as in struct lifetime_config. */
int outbound_events_new(struct outbound *outbound, sd_event *event, struct monitor *monitor,
			struct outbound_events **ret_events);
void outbound_events_free(struct outbound_events *events); /* NULL-safe */

/* Begins the lifetimes of an SA that was just added. -ENOMEM. NULL-safe. */
int outbound_events_watch(struct outbound_events *events, const struct sa_out *sa);
/* Goes on with the SAs that outbound_restore() found, as iface_events_resume() does. NULL-safe. */
void outbound_events_resume(struct outbound_events *events);
/* A worker has told where the peer of an inbound SA with this reqid is now (MAPPING_CHANGE): the outbound SAs
 * that follow it go there. NULL-safe. */
void outbound_events_follow(struct outbound_events *events, uint32_t reqid, const struct event *event);
/* A worker has told of an outbound SA. NULL-safe. */
void outbound_events_take(struct outbound_events *events, const struct event *event);

#endif
