/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. */
#include "host/ways.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <xesp/limits.h>

#include "host/nexthop.h"
#include "host/routes.h"
#include "host/tun.h"

struct ways {
	struct ways_config config;
	struct nexthop_watch *watch;
	struct nexthop_watch *inside; /* NULL: there is no inside interface */
	struct routes *routes;	      /* NULL: none may be set */
};

static bool on_serves(uint32_t ifindex, void *ctx)
{
	const struct ways *ways = ctx;

	return ways->config.serves(ifindex, ways->config.ctx);
}

static bool on_astray(uint32_t ifindex, const struct ip_addr *peer, void *ctx)
{
	const struct ways *ways = ctx;

	return ways->routes && ifindex == if_nametoindex(ways->config.tun) &&
	       routes_release(ways->routes, peer);
}

static void on_looked(void *ctx)
{
	const struct ways *ways = ctx;

	if (ways->routes)
		routes_retry(ways->routes);
}

static void on_changed(const struct ipc_nexthop *way, void *ctx)
{
	const struct ways *ways = ctx;
	struct ipc_message message = {.type = IPC_NEXTHOP, .nexthop = *way};

	ways->config.tell(&message, ways->config.ctx);
}

static bool on_serves_inside(uint32_t ifindex, void *ctx)
{
	const struct ways *ways = ctx;

	return ways->config.is_inside(ifindex, ways->config.ctx);
}

static void on_inside_changed(const struct ipc_nexthop *way, void *ctx)
{
	struct ipc_nexthop inside = *way;

	inside.inside = 1;
	on_changed(&inside, ctx);
}

int ways_new(const struct ways_config *config, struct ways **ret_ways)
{
	static const struct nexthop_watch_ops ops = {
		.serves = on_serves, .astray = on_astray, .looked = on_looked, .changed = on_changed};
	/* A host behind the inside interface is no peer: its route is the operator's, and never put right. */
	static const struct nexthop_watch_ops inside_ops = {
		.known_only = true, .serves = on_serves_inside, .changed = on_inside_changed};
	struct ways *ways = calloc(1, sizeof(*ways));
	int err;

	if (!ways)
		return -ENOMEM;
	ways->config = *config;
	err = nexthop_watch_new(&ops, ways, config->event, &ways->watch);
	if (!err && config->inside)
		err = nexthop_watch_new(&inside_ops, ways, config->event, &ways->inside);
	if (!err && config->routes && config->tun)
		err = routes_new(config->tun, ways->watch, &ways->routes);
	if (err) {
		ways_free(ways);
		return err;
	}
	*ret_ways = ways;
	return 0;
}

void ways_free(struct ways *ways)
{
	if (!ways)
		return;
	routes_free(ways->routes);
	nexthop_watch_free(ways->inside);
	nexthop_watch_free(ways->watch);
	free(ways);
}

void ways_mark(struct ways *ways)
{
	nexthop_watch_mark(ways->watch);
	if (ways->inside)
		nexthop_watch_mark(ways->inside);
	if (ways->routes)
		routes_mark(ways->routes);
}

void ways_sweep(struct ways *ways)
{
	if (ways->routes)
		routes_sweep(ways->routes);
	if (ways->inside)
		nexthop_watch_sweep(ways->inside);
	nexthop_watch_sweep(ways->watch);
}

uint32_t ways_inside_of(const struct ways *ways, const char *dev)
{
	const struct ways_config *config = &ways->config;

	return config->inside && config->tun && !strcmp(dev, config->inside) ? if_nametoindex(config->tun)
									     : 0;
}

void ways_look(struct ways *ways)
{
	nexthop_watch_look(ways->watch);
	if (ways->inside)
		nexthop_watch_look(ways->inside);
}

/* 0 is what the device had before any SA. */
static int set_mtu(const struct ways *ways, uint32_t mtu, struct failure *ret_failure)
{
	if (!ways->config.tun)
		return failure_set(ret_failure, ENODEV, "set MTU", "", "there is no TUN device");
	if (mtu && (mtu < XESP_TUN_MTU_MIN || mtu > XESP_TUN_MTU_MAX))
		return failure_set(ret_failure, EINVAL, "set MTU", "", "malformed request");
	return tun_set_mtu(ways->config.tun, mtu ? mtu : TUN_MTU_DEFAULT, ret_failure);
}

static int set_route(const struct ways *ways, const struct ipc_message *request, struct failure *ret_failure)
{
	int err = -EPERM;

	if (ways->routes && request->type == IPC_ROUTE)
		err = routes_add(ways->routes, &request->route);
	else if (ways->routes)
		err = routes_remove(ways->routes, &request->route);
	return err ? failure_set(ret_failure, -err, "set route", "", "into the TUN device") : 0;
}

static int resolve(const struct ways *ways, const struct ipc_message *request, struct failure *ret_failure)
{
	const struct ipc_peer *peer = &request->peer;
	struct nexthop_watch *watch = peer->inside ? ways->inside : ways->watch;
	const char *whose = peer->inside ? "the way to a host inside" : "the way to a peer";
	int err = -EPERM;

	if (request->type == IPC_RESOLVE) {
		if (watch)
			err = nexthop_watch_add(watch, &peer->addr);
		return err ? failure_set(ret_failure, -err, "resolve", "", "%s", whose) : 0;
	}
	if (watch)
		err = nexthop_watch_remove(watch, &peer->addr);
	return err ? failure_set(ret_failure, -err, "unresolve", "", "%s", whose) : 0;
}

int ways_serve(struct ways *ways, const struct ipc_message *request, struct failure *ret_failure)
{
	switch (request->type) {
	case IPC_RESOLVE:
	case IPC_UNRESOLVE: return resolve(ways, request, ret_failure);
	case IPC_TUN_MTU: return set_mtu(ways, request->mtu.bytes, ret_failure);
	case IPC_ROUTE:
	case IPC_UNROUTE: return set_route(ways, request, ret_failure);
	default:
		return failure_set(ret_failure, EPROTO, "serve engine", "", "unknown request %u",
				   request->type);
	}
}
