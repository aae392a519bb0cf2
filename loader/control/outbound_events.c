/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/outbound_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/lifetime.h"
#include "dataplane/sa_out_watch.h"

struct outbound_events {
	struct outbound *outbound;
	struct monitor *monitor;
	struct lifetime *lifetime;
};

static struct handle handle_of(const struct sa_out *sa)
{
	return (struct handle){sa->index, sa->generation};
}

/* An outbound SA is no interface's; one may have been named for it. */
static void publish(const struct outbound_events *events, const struct sa_out *sa, const struct event *event)
{
	monitor_publish(events->monitor, sa && sa->params.dev[0] ? sa->params.dev : NULL, event, NULL);
}

void outbound_events_take(struct outbound_events *events, const struct event *event)
{
	const struct handle handle = {event->sa_index, event->sa_generation};
	const struct sa_out *sa = events ? outbound_get(events->outbound, handle) : NULL;

	/* The clock was faster, or a request: it is told already, or nobody's business any more. */
	if (!events || (event->type == EVENT_HARD_LIFETIME && !sa))
		return;
	publish(events, sa, event);
	if (event->type == EVENT_HARD_LIFETIME)
		outbound_delete(events->outbound, sa, NULL);
	else if (event->type == EVENT_FIRST_USE)
		lifetime_first_use(events->lifetime, handle, lifetime_now());
}

void outbound_events_follow(struct outbound_events *events, uint32_t reqid, const struct event *event)
{
	struct ip_addr peer = {.family = event->family == 6 ? AF_INET6 : AF_INET};
	char text[IP_ADDR_TEXT_MAX];
	const struct sa_out *sa;
	int err;

	if (!events || !reqid)
		return;
	memcpy(peer.bytes, event->src, ip_addr_size(peer.family));
	for (uint32_t i = 0; (sa = outbound_next(events->outbound, &i));) {
		if (sa->params.reqid != reqid || !(sa->params.flags & SA_FLAG_FOLLOW) ||
		    sa->params.encap.present != (event->sport != 0))
			continue;
		err = outbound_move(events->outbound, sa, &peer, event->sport);
		if (err)
			log_warning("SA 0x%08x does not follow its peer to %s: %s", sa->spi,
				    ip_addr_format(&peer, text), strerror(-err));
	}
}

/* ---- lifetimes in seconds -------------------------------------------------------------------------------
 */

static struct sa_life *find(void *ctx, struct handle handle)
{
	const struct outbound_events *events = ctx;

	return outbound_life(events->outbound, handle);
}

static void on_due(void *ctx, struct handle handle, bool hard)
{
	const struct outbound_events *events = ctx;
	const struct sa_out *sa = outbound_get(events->outbound, handle);
	struct event event;

	sa_out_watch_fill(sa, hard ? EVENT_HARD_LIFETIME : EVENT_SOFT_LIFETIME, &event);
	event.limit = EVENT_LIMIT_SECONDS;
	publish(events, sa, &event);
	if (hard)
		outbound_delete(events->outbound, sa, NULL);
}

int outbound_events_watch(struct outbound_events *events, const struct sa_out *sa)
{
	return events ? lifetime_start(events->lifetime, handle_of(sa), lifetime_now()) : 0;
}

void outbound_events_resume(struct outbound_events *events)
{
	const struct sa_out *sa;

	for (uint32_t i = 0; events && (sa = outbound_next(events->outbound, &i));) {
		bool used = atomic_load(&sa->watch.told) & SA_OUT_TOLD_FIRST_USE;
		int err = lifetime_resume(events->lifetime, handle_of(sa), used, lifetime_now());
		struct event event;

		sa_out_watch_fill(sa, EVENT_HARD_LIFETIME, &event);
		event.limit = err ? EVENT_LIMIT_SECONDS : (uint8_t)sa_out_watch_expired(sa);
		if (!event.limit)
			continue;
		publish(events, sa, &event);
		outbound_delete(events->outbound, sa, NULL);
	}
}

/* ---- begin and end --------------------------------------------------------------------------------------
 */

int outbound_events_new(struct outbound *outbound, sd_event *event, struct monitor *monitor,
			struct outbound_events **ret_events)
{
	struct outbound_events *events = calloc(1, sizeof(*events));
	const struct lifetime_config config = {.event = event, .find = find, .due = on_due, .ctx = events};
	int err;

	if (!events)
		return -ENOMEM;
	events->outbound = outbound;
	events->monitor = monitor;
	err = lifetime_new(&config, &events->lifetime);
	if (err) {
		free(events);
		return err;
	}
	*ret_events = events;
	return 0;
}

void outbound_events_free(struct outbound_events *events)
{
	if (!events)
		return;
	lifetime_free(events->lifetime);
	free(events);
}
