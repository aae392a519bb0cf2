/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. */
#include "host/nexthop.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/log.h"
#include "dataplane/nexthop.h"
#include "host/nexthop_query.h"

/* After a change, others follow: one look for all of them. */
#define SETTLE_USEC 10000ull
/* A look takes at most this part of the time, however many peers there are and however often routes change.
 */
#define LOOK_SHARE 10
/* The kernel tells nothing of an expired path MTU, and gives a neighbour up that did not answer. */
#define LOOK_USEC (10 * 1000000ull)
#define LOOK_UNUSABLE_USEC 1000000ull

#define NUD_VALID (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

struct watched {
	struct ip_addr peer;
	struct ipc_nexthop told;
	bool marked;		/* nobody has asked for it since nexthop_watch_mark() */
	bool tell;		/* `told` was not told yet, or is asked for again */
	bool failed;		/* the gateway did not answer, and has not since */
	struct ip_addr gateway; /* neighbour that it leaves by, of told.ifindex */
	UT_hash_handle hh;
};

struct nexthop_watch {
	const struct nexthop_watch_ops *ops;
	void *ctx;
	struct nl_sock *news;
	struct nexthop_query *query;
	sd_event *event;
	sd_event_source *io;
	sd_event_source *timer;
	uint64_t not_before; /* of the next look, CLOCK_MONOTONIC */
	bool soon;	     /* the timer is set to the time of a look that a change asked for */
	bool all;	     /* that look is at all peers, not only at those that are new */
	struct watched *peers;
};

/* ---- one way ---------------------------------------------------------------------------------------- */

static void write_link(struct ipc_nexthop *way, const struct nexthop_link *link,
		       const struct nexthop_neighbour *neighbour)
{
	memcpy(way->link, neighbour->mac, NEXTHOP_MAC_BYTES);
	memcpy(way->link + NEXTHOP_MAC_BYTES, link->mac, NEXTHOP_MAC_BYTES);
	way->link[12] = way->dst.family == AF_INET ? 0x08 : 0x86;
	way->link[13] = way->dst.family == AF_INET ? 0x00 : 0xdd;
	way->state = NEXTHOP_USABLE;
}

/* The kernel forgets neighbours that nobody sends to, and our packets are not the kernel's: so a stale one is
 * used, which makes the kernel ask whether it still is where it was (RFC 4861 section 7.3.3). */
static void follow_neighbour(struct nexthop_watch *watch, struct watched *watched,
			     const struct nexthop_link *link, struct ipc_nexthop *way)
{
	struct nexthop_neighbour neighbour;

	if (nexthop_query_neighbour(watch->query, way->ifindex, &watched->gateway, &neighbour))
		return;
	if (neighbour.state & NUD_VALID) {
		watched->failed = false;
		write_link(way, link, &neighbour);
		if (neighbour.state & NUD_STALE)
			nexthop_query_use(watch->query, way->ifindex, &watched->gateway);
		return;
	}
	if (watch->ops->known_only)
		return;
	/* While it is asked again packets do not wait: it had its time. */
	if (neighbour.state & NUD_FAILED)
		watched->failed = true;
	if (!(neighbour.state & NUD_INCOMPLETE) &&
	    nexthop_query_use(watch->query, way->ifindex, &watched->gateway))
		return;
	way->state = watched->failed ? NEXTHOP_NONE : NEXTHOP_RESOLVING;
}

static void find_way(struct nexthop_watch *watch, struct watched *watched, struct ipc_nexthop *way)
{
	const struct nexthop_watch_ops *ops = watch->ops;
	struct nexthop_route route;
	struct nexthop_link link;

	if (nexthop_query_route(watch->query, &watched->peer, &route))
		return;
	if (!ops->serves(route.ifindex, watch->ctx) && ops->astray &&
	    ops->astray(route.ifindex, &watched->peer, watch->ctx) &&
	    nexthop_query_route(watch->query, &watched->peer, &route))
		return;
	if (!ops->serves(route.ifindex, watch->ctx) ||
	    nexthop_query_link(watch->query, route.ifindex, &link) || !link.up)
		return;
	way->ifindex = route.ifindex;
	way->mtu = route.mtu && route.mtu < link.mtu ? route.mtu : link.mtu;
	if (way->ifindex != watched->told.ifindex || !ip_addr_equal(&route.gateway, &watched->gateway))
		watched->failed = false;
	watched->gateway = route.gateway;
	follow_neighbour(watch, watched, &link, way);
}

static void look_at(struct nexthop_watch *watch, struct watched *watched)
{
	struct ipc_nexthop way;

	memset(&way, 0, sizeof(way)); /* it is compared, and leaves the process */
	way.dst = watched->peer;
	way.state = NEXTHOP_NONE;
	find_way(watch, watched, &way);
	if (!watched->tell && !memcmp(&way, &watched->told, sizeof(way)))
		return;
	watched->tell = false;
	watched->told = way;
	watch->ops->changed(&way, watch->ctx);
}

/* ---- when to look ----------------------------------------------------------------------------------- */

static uint64_t now_usec(struct nexthop_watch *watch)
{
	uint64_t now = 0;

	sd_event_now(watch->event, CLOCK_MONOTONIC, &now);
	return now;
}

static void set_timer(struct nexthop_watch *watch, uint64_t at)
{
	sd_event_source_set_time(watch->timer, at > watch->not_before ? at : watch->not_before);
	sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
}

static void look_soon(struct nexthop_watch *watch, uint64_t delay)
{
	if (!watch->peers || watch->soon)
		return;
	watch->soon = true;
	set_timer(watch, now_usec(watch) + delay);
}

void nexthop_watch_look(struct nexthop_watch *watch)
{
	watch->all = true;
	look_soon(watch, SETTLE_USEC);
}

static uint64_t clock_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* `serves` and `changed` do not add or remove peers. */
static int on_timer(sd_event_source *source, uint64_t at, void *ctx)
{
	struct nexthop_watch *watch = ctx;
	uint64_t start = clock_usec();
	bool all = watch->all || !watch->soon;
	bool unusable = false;
	uint64_t end;

	(void)source;
	(void)at;
	watch->soon = watch->all = false;
	for (struct watched *w = watch->peers, *next; w; w = next) {
		next = w->hh.next;
		if (all || w->tell)
			look_at(watch, w);
		unusable |= w->told.state != NEXTHOP_USABLE;
	}
	if (all && watch->ops->looked)
		watch->ops->looked(watch->ctx);
	end = clock_usec();
	watch->not_before = end + (end - start) * LOOK_SHARE;
	if (watch->peers)
		set_timer(watch, end + (unusable ? LOOK_UNUSABLE_USEC : LOOK_USEC));
	return 0;
}

/* ---- news ------------------------------------------------------------------------------------------- */

/* A busy link has many neighbours; few are gateways of ours. */
static bool concerns_us(const struct nexthop_watch *watch, struct nlmsghdr *header)
{
	struct nlattr *attributes[NDA_MAX + 1];
	const struct ndmsg *ndm = nlmsg_data(header);
	const struct nlattr *dst;

	if (nlmsg_parse(header, sizeof(*ndm), attributes, NDA_MAX, NULL) || !attributes[NDA_DST])
		return false;
	dst = attributes[NDA_DST];
	for (const struct watched *w = watch->peers; w; w = w->hh.next)
		if (w->told.ifindex == (uint32_t)ndm->ndm_ifindex && w->gateway.family == ndm->ndm_family &&
		    (size_t)nla_len(dst) == ip_addr_size(w->gateway.family) &&
		    !memcmp(nla_data(dst), w->gateway.bytes, ip_addr_size(w->gateway.family)))
			return true;
	return false;
}

static int on_message(struct nl_msg *msg, void *arg)
{
	struct nexthop_watch *watch = arg;
	struct nlmsghdr *header = nlmsg_hdr(msg);

	if ((header->nlmsg_type != RTM_NEWNEIGH && header->nlmsg_type != RTM_DELNEIGH) ||
	    concerns_us(watch, header))
		nexthop_watch_look(watch);
	return NL_OK;
}

static int on_news(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct nexthop_watch *watch = ctx;
	int err;

	(void)source;
	(void)fd;
	(void)events;
	do {
		err = nl_recvmsgs_default(watch->news);
	} while (!err);
	if (err != -NLE_AGAIN) /* some were lost */
		nexthop_watch_look(watch);
	return 0;
}

static int subscribe(struct nexthop_watch *watch)
{
	watch->news = nl_socket_alloc();
	if (!watch->news)
		return -ENOMEM;
	nl_socket_disable_seq_check(watch->news);
	nl_socket_modify_cb(watch->news, NL_CB_VALID, NL_CB_CUSTOM, on_message, watch);
	if (nl_connect(watch->news, NETLINK_ROUTE) ||
	    nl_socket_add_memberships(watch->news, RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE,
				      RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE,
				      RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_NONE) ||
	    nl_socket_set_nonblocking(watch->news))
		return -EIO;
	return 0;
}

int nexthop_watch_new(const struct nexthop_watch_ops *ops, void *ctx, sd_event *event,
		      struct nexthop_watch **ret_watch)
{
	struct nexthop_watch *watch = calloc(1, sizeof(*watch));
	int err;

	if (!watch)
		return -ENOMEM;
	watch->ops = ops;
	watch->ctx = ctx;
	watch->event = sd_event_ref(event);
	err = subscribe(watch);
	if (!err)
		err = nexthop_query_new(&watch->query);
	if (!err)
		err = sd_event_add_io(event, &watch->io, nl_socket_get_fd(watch->news), EPOLLIN, on_news,
				      watch);
	if (err >= 0)
		err = sd_event_add_time(event, &watch->timer, CLOCK_MONOTONIC, 0, 1, on_timer, watch);
	if (err >= 0)
		err = sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
	if (err < 0) {
		nexthop_watch_free(watch);
		return err;
	}
	*ret_watch = watch;
	return 0;
}

void nexthop_watch_free(struct nexthop_watch *watch)
{
	struct watched *watched;
	struct watched *next;

	if (!watch)
		return;
	HASH_ITER (hh, watch->peers, watched, next) {
		HASH_DEL(watch->peers, watched);
		free(watched);
	}
	sd_event_source_disable_unref(watch->io);
	sd_event_source_disable_unref(watch->timer);
	sd_event_unref(watch->event);
	nexthop_query_free(watch->query);
	nl_socket_free(watch->news);
	free(watch);
}

/* ---- peers ------------------------------------------------------------------------------------------ */

static bool is_host(const struct ip_addr *addr)
{
	static const uint8_t zero[sizeof(addr->bytes)];
	size_t bytes = ip_addr_size(addr->family);

	if (!bytes || ip_addr_is_any(addr) ||
	    memcmp(addr->bytes + bytes, zero, sizeof(addr->bytes) - bytes) != 0)
		return false;
	/* Multicast and class E. */
	return addr->family == AF_INET ? addr->bytes[0] < 224 : addr->bytes[0] != 0xff;
}

static struct watched *find(const struct nexthop_watch *watch, const struct ip_addr *peer)
{
	struct watched *watched;

	HASH_FIND(hh, watch->peers, peer, sizeof(*peer), watched);
	return watched;
}

int nexthop_watch_add(struct nexthop_watch *watch, const struct ip_addr *peer)
{
	struct watched *watched;

	if (!is_host(peer))
		return -EINVAL;
	watched = find(watch, peer);
	if (!watched) {
		if (HASH_COUNT(watch->peers) >= XESP_PEERS_MAX)
			return -ENOSPC;
		watched = calloc(1, sizeof(*watched));
		if (!watched)
			return -ENOMEM;
		watched->peer = *peer;
		HASH_ADD(hh, watch->peers, peer, sizeof(watched->peer), watched);
		if (!hash_added(&watched->hh)) {
			free(watched);
			return -ENOMEM;
		}
	}
	watched->marked = false;
	watched->tell = true;
	look_soon(watch, 0);
	return 0;
}

const struct ip_addr *nexthop_watch_next(const struct nexthop_watch *watch, const struct ip_addr *peer)
{
	const struct watched *next = peer ? find(watch, peer)->hh.next : watch->peers;

	return next ? &next->peer : NULL;
}

int nexthop_watch_remove(struct nexthop_watch *watch, const struct ip_addr *peer)
{
	struct watched *watched = find(watch, peer);

	if (!watched)
		return -ENOENT;
	HASH_DEL(watch->peers, watched);
	free(watched);
	return 0;
}

void nexthop_watch_mark(struct nexthop_watch *watch)
{
	for (struct watched *w = watch->peers; w; w = w->hh.next)
		w->marked = true;
}

void nexthop_watch_sweep(struct nexthop_watch *watch)
{
	struct watched *watched;
	struct watched *next;

	HASH_ITER (hh, watch->peers, watched, next) {
		if (!watched->marked)
			continue;
		HASH_DEL(watch->peers, watched);
		free(watched);
	}
}
