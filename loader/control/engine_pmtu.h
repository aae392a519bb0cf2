/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MTU of the paths to peers, learned from the ICMP errors of routers on them: the kernel has no socket
 * that sealed packets are from, so it learns nothing. Errors can be forged, and come as fast as anybody
 * likes: each is compared with what was sent, and all together take a bounded part of the time. Control
 * thread.
 */
#ifndef XESP_CONTROL_ENGINE_PMTU_H
#define XESP_CONTROL_ENGINE_PMTU_H

#include <jansson.h>

#include "control/engine.h"

int engine_pmtu_begin(struct engine *engine);
void engine_pmtu_end(struct engine *engine); /* NULL-safe */

/* Asks the loader for the sockets, if that was not done yet: there are outbound SAs. */
void engine_pmtu_need(struct engine *engine);
/* What was learned of the path to a peer is forgotten; see struct nexthops_config. */
void engine_pmtu_expired(void *owner, const struct ip_addr *peer, uint32_t mtu);

/* What became of the errors, by path_mtu_result_name(). NULL-safe: then nothing came. */
json_t *engine_pmtu_json(const struct engine_pmtu *pmtu);

#endif
