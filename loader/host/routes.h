/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routes that lead what outbound SAs protect into the TUN device. None is set that would catch what goes to a
 * peer itself: sealed packets of an IKE daemon, or its own, would go round in circles. The kernel removes
 * them with the device. Loader process only.
 */
#ifndef XESP_HOST_ROUTES_H
#define XESP_HOST_ROUTES_H

#include "host/ipc.h"
#include "host/nexthop.h"

struct routes;

/* `watch` knows the peers; both it and `tun` live longer. */
int routes_new(const char *tun, const struct nexthop_watch *watch, struct routes **ret_routes);
void routes_free(struct routes *routes); /* NULL-safe; removes them */

/* One that would catch a peer is kept, and set when it does not any more. -EINVAL, -ENOSPC, -ENOMEM. */
int routes_add(struct routes *routes, const struct ipc_route *route);
/* -ENOENT. */
int routes_remove(struct routes *routes, const struct ipc_route *route);
/* Marks all; routes_add() takes the mark off. */
void routes_mark(struct routes *routes);
/* Removes those that are marked. */
void routes_sweep(struct routes *routes);
/* A peer's way leads into the TUN device: removes what of ours leads it there. True if there was any. */
bool routes_release(struct routes *routes, const struct ip_addr *peer);
/* Sets those that were kept back and need not be any more. */
void routes_retry(struct routes *routes);

#endif
