/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens on an interface and to its SAs, from the workers and from the clock: handed to the monitor,
 * and acted on where the contract says so (an SA at a hard lifetime is deleted). Control thread only.
 */
#ifndef XESP_CONTROL_IFACE_EVENTS_H
#define XESP_CONTROL_IFACE_EVENTS_H

#include <systemd/sd-event.h>

#include "control/iface.h"
#include "control/monitor.h"
#include "control/outbound_events.h"

struct iface_events;

/* For an interface whose store and workers are there, and outlive the object. `monitor` may be NULL;
 * `outbound` is told of outbound SAs, or NULL. */
int iface_events_new(struct iface *iface, sd_event *event, struct monitor *monitor,
		     struct outbound_events *outbound, struct iface_events **ret_events);
/* Takes everything that the workers have told so far. */
void iface_events_drain(struct iface_events *events);
/* Tells what the workers have told, then frees; NULL-safe. */
void iface_events_free(struct iface_events *events);

/* Begins the lifetimes of an SA that was just added. -ENOMEM. NULL-safe. */
int iface_events_watch(struct iface_events *events, const struct sa *sa);

/* Goes on with the SAs that sadb_restore() found: their lifetimes; what had expired is told and deleted.
 * NULL-safe.
 */
void iface_events_resume(struct iface_events *events);

/* Asks for the deletion of an SA (NDIS SaDeleteReq). NULL-safe. */
void iface_events_delete_request(const struct iface_events *events, const struct sa *sa);

#endif
