/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. */
#include "host/routes.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <xesp/limits.h>

#include "base/hash.h"
#include "base/log.h"
#include "host/nexthop_query.h"

struct entry {
	struct ip_prefix dst;
	struct ip_prefix src;
	bool set;
	bool told;   /* that it is not set */
	bool marked; /* nobody has asked for it since routes_mark() */
	UT_hash_handle hh;
};

struct routes {
	const char *tun;
	const struct nexthop_watch *watch;
	struct nexthop_query *query;
	struct entry *entries;
	unsigned int unset;
};

int routes_new(const char *tun, const struct nexthop_watch *watch, struct routes **ret_routes)
{
	struct routes *routes = calloc(1, sizeof(*routes));
	int err;

	if (!routes)
		return -ENOMEM;
	err = nexthop_query_new(&routes->query);
	if (err) {
		free(routes);
		return err;
	}
	routes->tun = tun;
	routes->watch = watch;
	*ret_routes = routes;
	return 0;
}

/* ---- one route -------------------------------------------------------------------------------------- */

/* An address of this host that the SA may carry: the kernel would take another one as the source of the
 * host's own packets, which fits no selector. AF_UNSPEC: there is none, the host is a gateway. */
static struct ip_addr own_address(const struct ip_prefix *prefix)
{
	struct ip_addr found = {.family = AF_UNSPEC};
	struct ifaddrs *list = NULL;

	if (getifaddrs(&list))
		return found;
	for (const struct ifaddrs *i = list; i && found.family == AF_UNSPEC; i = i->ifa_next) {
		struct ip_addr addr = {.family = AF_UNSPEC};

		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET) {
			addr.family = AF_INET;
			memcpy(addr.bytes, &((struct sockaddr_in *)i->ifa_addr)->sin_addr, 4);
		} else if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET6) {
			addr.family = AF_INET6;
			memcpy(addr.bytes, &((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, 16);
		}
		if (prefix->length && ip_prefix_match(prefix, addr.family, addr.bytes))
			found = addr;
	}
	freeifaddrs(list);
	return found;
}

/* The first peer that the route would catch, or NULL: one that it covers, and whose own route is not more
 * specific. */
static const struct ip_addr *caught(const struct routes *routes, const struct ip_prefix *dst)
{
	const struct ip_addr *peer = NULL;

	while ((peer = nexthop_watch_next(routes->watch, peer))) {
		uint8_t length;

		if (!ip_prefix_match(dst, peer->family, peer->bytes))
			continue;
		if (nexthop_query_match(routes->query, peer, &length) || length <= dst->length)
			return peer;
	}
	return NULL;
}

static void tell_unset(struct entry *entry, const char *tun, const char *why, const char *what)
{
	char text[IP_PREFIX_TEXT_MAX];

	if (!entry->told)
		log_warning("no route to %s by %s: %s%s", ip_prefix_format(&entry->dst, text), tun, why,
			    what);
	entry->told = true;
}

static void set(struct routes *routes, struct entry *entry)
{
	const struct ip_addr *peer = caught(routes, &entry->dst);
	struct ip_addr src = own_address(&entry->src);
	char text[IP_ADDR_TEXT_MAX];
	int err;

	if (peer) {
		tell_unset(entry, routes->tun, "it would catch what goes to the peer ",
			   ip_addr_format(peer, text));
		return;
	}
	err = nexthop_query_add_route(routes->query, if_nametoindex(routes->tun), &entry->dst, &src);
	if (err) {
		tell_unset(entry, routes->tun, "", strerror(-err));
		return;
	}
	entry->set = true;
	entry->told = false;
	routes->unset--;
}

static void unset(struct routes *routes, struct entry *entry)
{
	/* Somebody may have removed it, or the device. */
	nexthop_query_remove_route(routes->query, if_nametoindex(routes->tun), &entry->dst);
	entry->set = false;
	routes->unset++;
}

/* ---- all of them ------------------------------------------------------------------------------------ */

static bool is_prefix(const struct ip_prefix *prefix)
{
	size_t bytes = ip_addr_size(prefix->addr.family);
	char text[IP_PREFIX_TEXT_MAX];
	struct ip_prefix again;

	/* Nothing behind the length, nothing behind the address. */
	if (!bytes || prefix->length > bytes * 8)
		return false;
	return !ip_prefix_parse(ip_prefix_format(prefix, text), &again) && again.length == prefix->length &&
	       ip_addr_equal(&again.addr, &prefix->addr);
}

static struct entry *find(const struct routes *routes, const struct ip_prefix *dst)
{
	struct entry *entry;

	HASH_FIND(hh, routes->entries, dst, sizeof(*dst), entry);
	return entry;
}

int routes_add(struct routes *routes, const struct ipc_route *route)
{
	struct entry *entry;

	if (!is_prefix(&route->dst) || (route->src.addr.family != AF_UNSPEC && !is_prefix(&route->src)))
		return -EINVAL;
	entry = find(routes, &route->dst);
	if (entry) {
		entry->marked = false;
		return 0;
	}
	if (HASH_COUNT(routes->entries) >= XESP_ROUTES_MAX)
		return -ENOSPC;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->dst = route->dst;
	entry->src = route->src;
	HASH_ADD(hh, routes->entries, dst, sizeof(entry->dst), entry);
	if (!hash_added(&entry->hh)) {
		free(entry);
		return -ENOMEM;
	}
	routes->unset++;
	set(routes, entry);
	return 0;
}

static void forget(struct routes *routes, struct entry *entry)
{
	if (entry->set)
		unset(routes, entry);
	routes->unset--;
	HASH_DEL(routes->entries, entry);
	free(entry);
}

int routes_remove(struct routes *routes, const struct ipc_route *route)
{
	struct entry *entry = find(routes, &route->dst);

	if (!entry)
		return -ENOENT;
	forget(routes, entry);
	return 0;
}

void routes_mark(struct routes *routes)
{
	for (struct entry *entry = routes->entries; entry; entry = entry->hh.next)
		entry->marked = true;
}

void routes_sweep(struct routes *routes)
{
	struct entry *entry;
	struct entry *next;

	HASH_ITER (hh, routes->entries, entry, next)
		if (entry->marked)
			forget(routes, entry);
}

bool routes_release(struct routes *routes, const struct ip_addr *peer)
{
	bool any = false;

	for (struct entry *entry = routes->entries; entry; entry = entry->hh.next) {
		if (!entry->set || !ip_prefix_match(&entry->dst, peer->family, peer->bytes))
			continue;
		unset(routes, entry);
		any = true;
	}
	return any;
}

void routes_retry(struct routes *routes)
{
	if (!routes->unset)
		return;
	for (struct entry *entry = routes->entries; entry; entry = entry->hh.next)
		if (!entry->set)
			set(routes, entry);
}

void routes_free(struct routes *routes)
{
	struct entry *entry;
	struct entry *next;

	if (!routes)
		return;
	HASH_ITER (hh, routes->entries, entry, next)
		forget(routes, entry);
	nexthop_query_free(routes->query);
	free(routes);
}
