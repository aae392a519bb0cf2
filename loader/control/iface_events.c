/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/iface_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "control/lifetime.h"
#include "dataplane/esp_watch.h"

/* Events that are taken before requests get their turn. */
#define EVENTS_AT_ONCE 256

struct iface_events {
	struct iface *iface;
	struct monitor *monitor;
	struct outbound_events *outbound; /* the daemon's */
	struct lifetime *lifetime;
	sd_event_source *source;
};

static struct handle handle_of(const struct sa *sa)
{
	return (struct handle){sa->index, sa->generation};
}

static void publish(const struct iface_events *events, const struct event *event)
{
	monitor_publish(events->monitor, events->iface->info.dev, event, NULL);
}

static void delete_expired(const struct iface_events *events, const struct sa *sa)
{
	struct ip_addr dst = sa->params.dst;
	uint32_t spi = sa->spi;
	char text[IP_ADDR_TEXT_MAX];
	int err = sadb_del(events->iface->db, spi, &dst);

	if (err)
		log_warning(
			"%s: SA 0x%08x to %s has expired; it is gone, but an entry of the classifier may be "
			"left: %s",
			events->iface->info.dev, spi, ip_addr_format(&dst, text), strerror(-err));
}

static void on_mapping_change(const struct iface_events *events, struct sa *sa, const struct event *event)
{
	outbound_events_follow(events->outbound, sa->params.reqid, event);
	sa->mappings_taken++;
}

static void on_worker_event(struct iface_events *events, const struct event *event)
{
	struct sa *sa = event->sa_index == UINT32_MAX || event->outbound
				? NULL
				: sadb_get(events->iface->db, event->sa_index, event->sa_generation);

	if (event->outbound) {
		outbound_events_take(events->outbound, event);
		return;
	}
	/* The clock was faster, or a request: it is told already, or nobody's business any more. */
	if (event->type == EVENT_HARD_LIFETIME && !sa)
		return;
	publish(events, event);
	if (event->type == EVENT_HARD_LIFETIME)
		delete_expired(events, sa);
	else if (event->type == EVENT_MAPPING_CHANGE && sa)
		on_mapping_change(events, sa, event);
	else if (event->type == EVENT_FIRST_USE && sa)
		lifetime_first_use(events->lifetime, handle_of(sa), lifetime_now());
}

/* An event about an SA that no packet brought about. */
static struct event event_of(const struct sa *sa, enum event_type type)
{
	const struct sa_encap *encap = &sa->params.encap;
	struct event event = {.type = (uint8_t)type,
			      .family = sa->params.dst.family == AF_INET6 ? 6 : 4,
			      .sa_index = sa->index,
			      .sa_generation = sa->generation,
			      .spi = sa->spi};
	struct sa_peer peer;

	esp_watch_read_peer(sa, &peer);
	memcpy(event.src, peer.addr, sizeof(event.src));
	memcpy(event.dst, sa->params.dst.bytes, sizeof(event.dst));
	event.sport = ntohs(peer.port);
	if (encap->present) {
		event.form = encap->type == XESP_ENCAP_IKE ? XESP_FORM_UDP_IKE : XESP_FORM_UDP;
		event.dport = encap->dport;
	}
	return event;
}

static struct sa_life *find(void *ctx, struct handle handle)
{
	const struct iface_events *events = ctx;
	struct sa *sa = sadb_get(events->iface->db, handle.index, handle.generation);

	return sa ? &sa->life : NULL;
}

/* At a lifetime in seconds. */
static void on_due(void *ctx, struct handle handle, bool hard)
{
	struct iface_events *events = ctx;
	const struct sa *sa = sadb_get(events->iface->db, handle.index, handle.generation);
	struct event event = event_of(sa, hard ? EVENT_HARD_LIFETIME : EVENT_SOFT_LIFETIME);

	event.limit = EVENT_LIMIT_SECONDS;
	publish(events, &event);
	if (hard)
		delete_expired(events, sa);
}

void iface_events_delete_request(const struct iface_events *events, const struct sa *sa)
{
	const struct event event = event_of(sa, EVENT_DELETE_REQUEST);

	if (events)
		publish(events, &event);
}

/* False if there are more. */
static bool take_events(struct iface_events *events, unsigned int max)
{
	struct event event;

	for (unsigned int i = 0; i < max; i++) {
		if (!worker_group_next_event(events->iface->workers, &event))
			return true;
		on_worker_event(events, &event);
	}
	return false;
}

/* Stays readable until all are taken. */
static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
	(void)source;
	(void)fd;
	(void)revents;
	take_events(ctx, EVENTS_AT_ONCE);
	return 0;
}

int iface_events_new(struct iface *iface, sd_event *event, struct monitor *monitor,
		     struct outbound_events *outbound, struct iface_events **ret_events)
{
	struct iface_events *events = calloc(1, sizeof(*events));
	const struct lifetime_config config = {.event = event, .find = find, .due = on_due, .ctx = events};
	int err;

	if (!events)
		return -ENOMEM;
	events->iface = iface;
	events->monitor = monitor;
	events->outbound = outbound;
	err = lifetime_new(&config, &events->lifetime);
	if (!err)
		err = sd_event_add_io(event, &events->source, worker_group_event_fd(iface->workers), EPOLLIN,
				      on_readable, events);
	if (err < 0) {
		lifetime_free(events->lifetime);
		free(events);
		return err;
	}
	if (monitor)
		worker_group_monitor_packets(iface->workers,
					     monitor_wants(monitor, EVENT_PACKET, iface->info.dev));
	*ret_events = events;
	return 0;
}

void iface_events_drain(struct iface_events *events)
{
	while (!take_events(events, EVENTS_AT_ONCE))
		;
}

void iface_events_free(struct iface_events *events)
{
	if (!events)
		return;
	iface_events_drain(events);
	sd_event_source_disable_unref(events->source);
	lifetime_free(events->lifetime);
	free(events);
}

int iface_events_watch(struct iface_events *events, const struct sa *sa)
{
	if (!events)
		return 0;
	return lifetime_start(events->lifetime, handle_of(sa), lifetime_now());
}

/* What cannot be watched for want of memory ends. */
void iface_events_resume(struct iface_events *events)
{
	const struct sa *sa;

	for (uint32_t i = 0; events && (sa = sadb_next(events->iface->db, &i));) {
		struct event event = event_of(sa, EVENT_HARD_LIFETIME);
		bool used = sa->watch.told & SA_TOLD_FIRST_USE;
		int err = lifetime_resume(events->lifetime, handle_of(sa), used, lifetime_now());

		event.limit = err ? EVENT_LIMIT_SECONDS : sa->watch.expired;
		if (!event.limit)
			continue;
		publish(events, &event);
		delete_expired(events, sa);
	}
}
