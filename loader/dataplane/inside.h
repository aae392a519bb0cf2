/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hosts behind the inside interface of a gateway that opened packets go to, and the way to each: a
 * bounded table that workers read without waiting for anybody. A worker that misses a destination notes that;
 * the control thread finds the way (control/inside_ways.h) while the kernel forwards, and takes out what is
 * no longer used.
 */
#ifndef XESP_DATAPLANE_INSIDE_H
#define XESP_DATAPLANE_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip_addr.h"
#include "dataplane/nexthop.h"

struct inside;

/* -ENOMEM. `seed` is random: peers choose what is hashed. */
int inside_new(uint64_t seed, struct inside **ret_inside);
void inside_free(struct inside *inside); /* NULL-safe */

/* The way to a destination of `family` (4 or 6), good for one round; NULL: there is none in the table, which
 * is noted. Any worker, in a round. */
const struct nexthop *inside_find(struct inside *inside, uint8_t family, const uint8_t *dst);

/* The rest: control thread. */

/* A destination that was missed and is not in the table; false: there is none. */
bool inside_wanted(struct inside *inside, struct ip_addr *ret_dst);
/* False: there are XESP_INSIDE_MAX, or its places are taken by others that share them. */
bool inside_has_room(struct inside *inside, const struct ip_addr *dst);
/* There is room for it, and it is not there yet. */
void inside_add(struct inside *inside, const struct ip_addr *dst, struct nexthop *hop);
/* From now on workers that begin a round do not find what nobody looked up since the last call. Returns how
 * many these are; they go with inside_reap(). */
uint32_t inside_expire(struct inside *inside);
/* Frees the place of one that was expired, when all workers have been seen at rest since; NULL: there is none
 * left. Its hop is the caller's again. */
struct nexthop *inside_reap(struct inside *inside);
/* Destinations that are in the table, expired ones included. */
uint32_t inside_count(const struct inside *inside);

#endif
