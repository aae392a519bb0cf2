/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the engine asks the loader about the ways to peers, and what it does when they or the outbound SAs
 * change: the MTU of the TUN device, routes into it, NAT keepalives. `owner` is the struct engine, as the
 * store of outbound SAs calls it. Control thread.
 */
#ifndef XESP_CONTROL_ENGINE_ROUTE_H
#define XESP_CONTROL_ENGINE_ROUTE_H

#include "control/engine.h"
#include "control/nexthops.h"

int engine_route_begin(struct engine *engine);
/* No SA has a hop any more. */
void engine_route_end(struct engine *engine);

/* Takes over the TUN device as the engine before left it, with this MTU, 0 if it had set none; asks for the
 * routes of the SAs that there are. */
void engine_route_resume(struct engine *engine, uint32_t tun_mtu);

/* See struct outbound_config. */
int engine_hop_take(void *owner, const struct ip_addr *peer, struct nexthop **ret_hop);
void engine_hop_give(void *owner, struct nexthop *hop);

/* An interface was attached: ways that lead there can be used. */
void engine_ports_changed(const struct engine *engine);
/* See struct iface_config. */
bool engine_port_leaves(void *owner);

/* After each event: if SAs or ways have changed since, what follows from that is done soon. */
void engine_route_look(struct engine *engine);

#endif
