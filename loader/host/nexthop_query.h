/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to the kernel about the way to an address, each answered at once: route, neighbour, interface.
 * Loader process only.
 */
#ifndef XESP_HOST_NEXTHOP_QUERY_H
#define XESP_HOST_NEXTHOP_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip_addr.h"

#define NEXTHOP_MAC_BYTES 6

struct nexthop_query; /* a netlink socket */

struct nexthop_route {
	uint32_t ifindex;
	struct ip_addr gateway; /* or the address itself where it is on the link; of either family */
	uint32_t mtu;		/* of the route, 0: it has none of its own */
};

struct nexthop_neighbour {
	uint16_t state;			/* NUD_*, 0: there is none */
	uint8_t mac[NEXTHOP_MAC_BYTES]; /* valid if the state is one of NUD_VALID's */
};

struct nexthop_link {
	bool up;
	uint32_t mtu;
	uint8_t mac[NEXTHOP_MAC_BYTES];
};

int nexthop_query_new(struct nexthop_query **ret_query);
void nexthop_query_free(struct nexthop_query *query); /* NULL-safe */

/* -ENETUNREACH: no route, or one that leaves through no interface; -EIO: the kernel does not answer. */
int nexthop_query_route(struct nexthop_query *query, const struct ip_addr *dst,
			struct nexthop_route *ret_route);
/* -EIO. */
int nexthop_query_neighbour(struct nexthop_query *query, uint32_t ifindex, const struct ip_addr *addr,
			    struct nexthop_neighbour *ret_neighbour);
/* -ENODEV: there is none, or it has no Ethernet address; -EIO. */
int nexthop_query_link(struct nexthop_query *query, uint32_t ifindex, struct nexthop_link *ret_link);
/* Bits of the prefix of the route that `addr` takes. -ENETUNREACH, -EIO. */
int nexthop_query_match(struct nexthop_query *query, const struct ip_addr *addr, uint8_t *ret_length);
/* A route into the TUN device, marked as ours; packets of the host itself get `src` unless it is AF_UNSPEC.
 * -EEXIST: there is one like it; -EINVAL, -EIO. */
int nexthop_query_add_route(struct nexthop_query *query, uint32_t ifindex, const struct ip_prefix *dst,
			    const struct ip_addr *src);
int nexthop_query_remove_route(struct nexthop_query *query, uint32_t ifindex, const struct ip_prefix *dst);
/* What the kernel does before it sends to a neighbour: asks for its address, or whether it is still right. */
int nexthop_query_use(struct nexthop_query *query, uint32_t ifindex, const struct ip_addr *addr);

#endif
