/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways to the peers of outbound SAs: asked of the kernel's routes and neighbours, and followed when those
 * change, as a packet that the kernel itself sends would follow them. Loader process only.
 */
#ifndef XESP_HOST_NEXTHOP_H
#define XESP_HOST_NEXTHOP_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "host/ipc.h"

struct nexthop_watch;

struct nexthop_watch_ops {
	/* Neighbours are not asked for, only used where the kernel has them: who sends to them makes no more
	 * of them than the kernel's own traffic does. */
	bool known_only;
	/* Whether packets may leave by this interface: only then its neighbours are asked. */
	bool (*serves)(uint32_t ifindex, void *ctx);
	/* A peer's route leads to an interface that packets may not leave by. True: that was put right, so
	 * look again. May be NULL. */
	bool (*astray)(uint32_t ifindex, const struct ip_addr *peer, void *ctx);
	void (*looked)(void *ctx); /* at all of them; may be NULL */
	void (*changed)(const struct ipc_nexthop *way, void *ctx);
};

int nexthop_watch_new(const struct nexthop_watch_ops *ops, void *ctx, sd_event *event,
		      struct nexthop_watch **ret_watch);
void nexthop_watch_free(struct nexthop_watch *watch); /* NULL-safe */

/* From now on `changed` is told of the way to `peer`, the first time soon after the return, also if it is
 * watched already. -EINVAL: no address of one host; -ENOSPC: XESP_PEERS_MAX are watched; -ENOMEM. */
int nexthop_watch_add(struct nexthop_watch *watch, const struct ip_addr *peer);
/* -ENOENT. */
int nexthop_watch_remove(struct nexthop_watch *watch, const struct ip_addr *peer);
/* Marks all peers; nexthop_watch_add() takes the mark off. */
void nexthop_watch_mark(struct nexthop_watch *watch);
/* Removes those that are marked. */
void nexthop_watch_sweep(struct nexthop_watch *watch);
/* The peer behind `peer`, the first one if that is NULL; NULL: there is no other. */
const struct ip_addr *nexthop_watch_next(const struct nexthop_watch *watch, const struct ip_addr *peer);
/* An interface came or went: looks at all ways soon. */
void nexthop_watch_look(struct nexthop_watch *watch);

#endif
