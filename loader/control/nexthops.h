/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways to the peers of outbound SAs, one a peer's address however many SAs it has. The loader finds them
 * and says when they change (host/nexthop.h); workers read them (dataplane/nexthop.h). The MTU of a path may
 * be less than the kernel knows. Control thread.
 */
#ifndef XESP_CONTROL_NEXTHOPS_H
#define XESP_CONTROL_NEXTHOPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip_addr.h"
#include "control/path_mtu.h"
#include "dataplane/nexthop.h"
#include "host/ipc.h"

struct nexthops;

struct nexthops_config {
	/* Tells the loader which peer's way to follow, or no longer. May be NULL: no way is ever known. */
	int (*watch)(void *owner, const struct ip_addr *peer, bool begin);
	/* The way out of an attached interface, or NULL. */
	struct port *(*port)(void *owner, uint32_t ifindex);
	/* The way is another one, perhaps with another MTU; may be NULL. */
	void (*changed)(void *owner, const struct nexthop *hop);
	/* The MTU that was learned of the path to a peer was forgotten; may be NULL. */
	void (*expired)(void *owner, const struct ip_addr *peer, uint32_t mtu);
	void *owner;
};

int nexthops_new(const struct nexthops_config *config, struct nexthops **ret_nexthops);
/* NULL-safe. Nobody has a hop any more. */
void nexthops_free(struct nexthops *nexthops);

/* The way to a peer, to be given back as often as it was taken. -ENOSPC: there are XESP_PEERS_MAX; -ENOMEM;
 * what `watch` says. */
int nexthops_take(struct nexthops *nexthops, const struct ip_addr *addr, struct nexthop **ret_hop);
/* No worker reads it any more where this is the last who has it. */
void nexthops_give(struct nexthops *nexthops, struct nexthop *hop);

/* What the loader says; passed over if nobody has that peer any more. */
void nexthops_note(struct nexthops *nexthops, const struct ipc_nexthop *way);
/* While SAs and interfaces of the engine before are being taken over, packets wait for what is not there yet
 * instead of being refused; for ways that were taken meanwhile also behind that, until the loader says
 * something. */
void nexthops_resume(struct nexthops *nexthops, bool begin);
/* Interfaces came or go: asks for the port of each way again. The caller sees to it that no worker is in a
 * round that began before, if the port is to be freed. */
void nexthops_refresh(struct nexthops *nexthops);

/* Of the outer packet, also while the way is not usable: the kernel's or, if that is less, what was learned;
 * 0: not known (yet). */
uint32_t nexthops_mtu(const struct nexthop *hop);

/* A router on the path to the peer has told its MTU: LEARNED or KNOWN. What was learned holds for
 * PATH_MTU_EXPIRES_MS, as long as the way leaves by the same interface. */
enum path_mtu_result nexthops_learn(struct nexthops *nexthops, const struct nexthop *hop, uint32_t mtu,
				    uint64_t now_ms);
/* Forgets what was learned too long ago; returns when there will be more to forget, UINT64_MAX: never. */
uint64_t nexthops_expire(struct nexthops *nexthops, uint64_t now_ms);
/* When what was learned and counts is forgotten; 0: the kernel's MTU counts. */
uint64_t nexthops_learned_until(const struct nexthop *hop);
/* Peers. */
uint32_t nexthops_count(const struct nexthops *nexthops);

#endif
