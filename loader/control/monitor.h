/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is told of events: the subscribers of the method Monitor, each with its own bounded queue, and the log
 * for what an operator has to know. Control thread only.
 */
#ifndef XESP_CONTROL_MONITOR_H
#define XESP_CONTROL_MONITOR_H

#include "control/varlink.h"
#include "dataplane/event.h"

struct monitor;

/* `demand_changed(ctx)` is called when somebody began or ended to subscribe; may be NULL. */
int monitor_new(void (*demand_changed)(void *ctx), void *ctx, struct monitor **ret_monitor);
/* After the Varlink server, whose clients the subscribers are; NULL-safe. */
void monitor_free(struct monitor *monitor);

/* Tells whom it concerns; NULL-safe, never fails: who cannot take the event gets LOST later. `dev` is the
 * interface it is about, or NULL; `detail` one line for a person, or NULL. A time_ns of 0 becomes now. An
 * event without SA has sa_index UINT32_MAX. */
void monitor_publish(struct monitor *monitor, const char *dev, const struct event *event, const char *detail);

/* The engine is the successor of one that ended at `time_us` since 1970: published, and the first that each
 * who subscribes later is told, for those of before had lost their connection. */
void monitor_restarted(struct monitor *monitor, uint64_t time_us, const char *detail);

/* True if a subscriber wants events of this type of this interface. */
bool monitor_wants(const struct monitor *monitor, enum event_type type, const char *dev);

/* The bit of a type in a set of them. */
#define MONITOR_TYPE(type) (1u << (type))
/* What a subscriber gets that names no types: packets would drown all else. */
#define MONITOR_TYPES_DEFAULT ((MONITOR_TYPE(EVENT_TYPE_END) - 1) & ~MONITOR_TYPE(EVENT_PACKET))

/* Answers the call: leaves it open, sends an empty reply at once, then the events of these types, of
 * interface `dev` if it is not empty. LOST always comes. -ENOMEM: the call is not answered. */
int monitor_subscribe(struct monitor *monitor, struct varlink_call *call, uint32_t types, const char *dev);

#endif
