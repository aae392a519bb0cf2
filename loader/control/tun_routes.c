/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/tun_routes.h"

#include <errno.h>
#include <stdlib.h>
#include <xesp/limits.h>

#include "base/hash.h"
#include "base/log.h"

struct route {
	struct ip_prefix dst;
	uint32_t round; /* in which an SA had it last */
	bool refused;
	UT_hash_handle hh;
};

struct tun_routes {
	struct tun_routes_config config;
	struct route *routes;
	uint32_t round;
	bool full; /* and that was told */
};

int tun_routes_new(const struct tun_routes_config *config, struct tun_routes **ret_routes)
{
	struct tun_routes *routes = calloc(1, sizeof(*routes));

	if (!routes)
		return -ENOMEM;
	routes->config = *config;
	*ret_routes = routes;
	return 0;
}

static void forget(struct tun_routes *routes, struct route *route)
{
	HASH_DEL(routes->routes, route); /* NOLINT(clang-analyzer-core.NullDereference): it is in it */
	free(route);
}

void tun_routes_free(struct tun_routes *routes)
{
	struct route *route;
	struct route *next;

	if (!routes)
		return;
	HASH_ITER (hh, routes->routes, route, next)
		forget(routes, route);
	free(routes);
}

/* NULL: there is no room for it. */
static struct route *add(struct tun_routes *routes, const struct sa_selector *selector)
{
	struct route *route = NULL;

	if (HASH_COUNT(routes->routes) < XESP_ROUTES_MAX)
		route = calloc(1, sizeof(*route));
	if (route) {
		route->dst = selector->dst;
		HASH_ADD(hh, routes->routes, dst, sizeof(route->dst), route);
	}
	if (!route || !hash_added(&route->hh)) {
		if (!routes->full)
			log_warning("--routes: there are %u, there is no room for more",
				    HASH_COUNT(routes->routes));
		routes->full = true;
		free(route);
		return NULL;
	}
	route->refused = routes->config.add(routes->config.owner, &selector->dst, &selector->src) != 0;
	return route;
}

void tun_routes_sync(struct tun_routes *routes, const struct outbound *outbound)
{
	const struct sa_out *sa;
	struct route *route;
	struct route *next;

	routes->round++;
	for (uint32_t i = 0; (sa = outbound_next(outbound, &i));) {
		const struct sa_selector *selector = &sa->params.selector;

		if (sa->mode == SA_MODE_TRANSPORT || selector->dst.addr.family == AF_UNSPEC)
			continue;
		HASH_FIND(hh, routes->routes, &selector->dst, sizeof(selector->dst), route);
		if (!route)
			route = add(routes, selector);
		if (route)
			route->round = routes->round;
	}
	HASH_ITER (hh, routes->routes, route, next) {
		if (route->round == routes->round)
			continue;
		if (!route->refused)
			routes->config.remove(routes->config.owner, &route->dst);
		forget(routes, route);
		routes->full = false;
	}
}
