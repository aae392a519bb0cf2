/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Subscribers of events. Their queue is the Varlink client's: what it does not take is counted and told as
 * LOST when it takes something again. Control thread.
 */
#include "control/monitor.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "base/log.h"
#include "control/event_json.h"

struct subscriber {
	LIST_ENTRY(subscriber) link;
	struct monitor *monitor;
	struct varlink_call *call;
	uint32_t types;
	uint32_t lost; /* not told yet */
	char dev[IF_NAMESIZE];
};

struct monitor {
	LIST_HEAD(, subscriber) subscribers;
	void (*demand_changed)(void *ctx);
	void *ctx;
	json_t *restart; /* event, or NULL */
};

/* What an operator finds in the log without having asked; log.h bounds its rate. */
#define TYPES_LOGGED \
	(MONITOR_TYPE(EVENT_AUDIT) | MONITOR_TYPE(EVENT_SOFT_LIFETIME) | MONITOR_TYPE(EVENT_HARD_LIFETIME) | \
	 MONITOR_TYPE(EVENT_MAPPING_CHANGE) | MONITOR_TYPE(EVENT_DELETE_REQUEST) | \
	 MONITOR_TYPE(EVENT_INTERFACE) | MONITOR_TYPE(EVENT_CAPABILITY_CHANGE) | \
	 MONITOR_TYPE(EVENT_ENGINE_RESTART) | MONITOR_TYPE(EVENT_PMTU))

int monitor_new(void (*demand_changed)(void *ctx), void *ctx, struct monitor **ret_monitor)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));

	if (!monitor)
		return -ENOMEM;
	LIST_INIT(&monitor->subscribers);
	monitor->demand_changed = demand_changed;
	monitor->ctx = ctx;
	*ret_monitor = monitor;
	return 0;
}

void monitor_free(struct monitor *monitor)
{
	if (!monitor)
		return;
	json_decref(monitor->restart);
	free(monitor);
}

/* ---- subscribers -------------------------------------------------------------------------------------- */

static void tell_demand(const struct monitor *monitor)
{
	if (monitor->demand_changed)
		monitor->demand_changed(monitor->ctx);
}

/* Borrows `object`; NULL counts as lost. */
static bool send_event(struct subscriber *subscriber, json_t *object)
{
	json_t *parameters = object ? json_pack("{s:O}", "event", object) : NULL;

	return parameters && varlink_notify(subscriber->call, parameters);
}

static void subscriber_gone(void *ctx)
{
	struct subscriber *subscriber = ctx;
	struct monitor *monitor = subscriber->monitor;

	LIST_REMOVE(subscriber, link);
	free(subscriber);
	tell_demand(monitor);
}

int monitor_subscribe(struct monitor *monitor, struct varlink_call *call, uint32_t types, const char *dev)
{
	struct subscriber *subscriber = calloc(1, sizeof(*subscriber));

	if (!subscriber)
		return -ENOMEM;
	if (!varlink_open(call, subscriber_gone, subscriber)) {
		free(subscriber);
		return 0;
	}
	subscriber->monitor = monitor;
	subscriber->call = call;
	subscriber->types = types | MONITOR_TYPE(EVENT_LOST);
	snprintf(subscriber->dev, sizeof(subscriber->dev), "%s", dev);
	LIST_INSERT_HEAD(&monitor->subscribers, subscriber, link);
	/* The first reply says that the subscription stands. */
	varlink_notify(call, NULL);
	if (monitor->restart && (types & MONITOR_TYPE(EVENT_ENGINE_RESTART)))
		send_event(subscriber, monitor->restart);
	tell_demand(monitor);
	return 0;
}

static bool subscriber_wants(const struct subscriber *subscriber, enum event_type type, const char *dev)
{
	return (subscriber->types & MONITOR_TYPE(type)) &&
	       (!subscriber->dev[0] || (dev && !strcmp(subscriber->dev, dev)));
}

bool monitor_wants(const struct monitor *monitor, enum event_type type, const char *dev)
{
	const struct subscriber *subscriber;

	LIST_FOREACH(subscriber, &monitor->subscribers, link)
	if (subscriber_wants(subscriber, type, dev))
		return true;
	return false;
}

/* ---- publishing --------------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void send_lost(struct subscriber *subscriber, uint64_t time_ns)
{
	const struct event event = {
		.time_ns = time_ns, .type = EVENT_LOST, .sa_index = UINT32_MAX, .lost = subscriber->lost};
	json_t *object = event_json(subscriber->dev[0] ? subscriber->dev : NULL, &event,
				    "this client read too slowly");

	if (send_event(subscriber, object))
		subscriber->lost = 0;
	json_decref(object);
}

static void subscriber_tell(struct subscriber *subscriber, const struct event *event, json_t *object)
{
	if (subscriber->lost)
		send_lost(subscriber, event->time_ns);
	if ((subscriber->lost || !send_event(subscriber, object)) && subscriber->lost < UINT32_MAX)
		subscriber->lost++;
}

void monitor_publish(struct monitor *monitor, const char *dev, const struct event *event, const char *detail)
{
	struct event stamped = *event;
	struct subscriber *subscriber;
	char text[EVENT_TEXT_MAX];
	json_t *object;
	bool logged;

	if (!monitor || event->type >= EVENT_TYPE_END)
		return;
	logged = TYPES_LOGGED & MONITOR_TYPE(event->type);
	if (!logged && !monitor_wants(monitor, event->type, dev))
		return;
	if (!stamped.time_ns)
		stamped.time_ns = now_ns();
	object = event_json(dev, &stamped, detail);
	if (logged && object)
		log_info("%s", event_json_text(object, text));
	LIST_FOREACH(subscriber, &monitor->subscribers, link)
	if (subscriber_wants(subscriber, event->type, dev))
		subscriber_tell(subscriber, &stamped, object);
	json_decref(object);
}

void monitor_restarted(struct monitor *monitor, uint64_t time_us, const char *detail)
{
	const struct event event = {
		.time_ns = time_us * 1000, .type = EVENT_ENGINE_RESTART, .sa_index = UINT32_MAX};

	json_decref(monitor->restart);
	monitor->restart = event_json(NULL, &event, detail);
	monitor_publish(monitor, NULL, &event, detail);
}
