/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The routes that lead what outbound SAs protect into the TUN device: one a destination of selectors, for as
 * long as there is an SA with it. The loader sets them. Control thread.
 */
#ifndef XESP_CONTROL_TUN_ROUTES_H
#define XESP_CONTROL_TUN_ROUTES_H

#include "base/ip_addr.h"
#include "control/outbound.h"

struct tun_routes;

struct tun_routes_config {
	/* Asks the loader for a route. What it refuses is not asked for again while there are SAs with it. */
	int (*add)(void *owner, const struct ip_prefix *dst, const struct ip_prefix *src);
	void (*remove)(void *owner, const struct ip_prefix *dst);
	void *owner;
};

int tun_routes_new(const struct tun_routes_config *config, struct tun_routes **ret_routes);
/* NULL-safe. Leaves the routes to the loader. */
void tun_routes_free(struct tun_routes *routes);

/* Asks for what is missing and removes what no SA has any more. In transport mode packets go to the peer
 * itself, and a selector without a destination says nothing about where to lead them: neither gets a route.
 */
void tun_routes_sync(struct tun_routes *routes, const struct outbound *outbound);

#endif
