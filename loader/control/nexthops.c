/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/nexthops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xesp/limits.h>

#include "base/hash.h"

struct peer {
	struct nexthop hop; /* first: what others have of it */
	struct ip_addr addr;
	uint32_t users;
	bool expected;		    /* the loader's first word, which packets wait for */
	struct ipc_nexthop told;    /* by the loader */
	struct nexthop_way written; /* into `hop` */
	struct path_mtu learned;
	uint32_t learned_ifindex; /* of the way that it was learned of */
	UT_hash_handle hh;
};

struct nexthops {
	struct nexthops_config config;
	bool resuming;
	struct peer *peers;
};

static struct peer *peer_of(const struct nexthop *hop)
{
	_Static_assert(offsetof(struct peer, hop) == 0, "a hop is the begin of its peer");
	return (struct peer *)hop;
}

int nexthops_new(const struct nexthops_config *config, struct nexthops **ret_nexthops)
{
	struct nexthops *nexthops = calloc(1, sizeof(*nexthops));

	if (!nexthops)
		return -ENOMEM;
	nexthops->config = *config;
	*ret_nexthops = nexthops;
	return 0;
}

static void forget(struct nexthops *nexthops, struct peer *peer)
{
	HASH_DEL(nexthops->peers, peer);
	free(peer);
}

void nexthops_free(struct nexthops *nexthops)
{
	struct peer *peer;
	struct peer *next;

	if (!nexthops)
		return;
	HASH_ITER (hh, nexthops->peers, peer, next)
		forget(nexthops, peer);
	free(nexthops);
}

static struct peer *find(const struct nexthops *nexthops, const struct ip_addr *addr)
{
	struct peer *peer;

	HASH_FIND(hh, nexthops->peers, addr, sizeof(*addr), peer);
	return peer;
}

/* ---- what is written --------------------------------------------------------------------------------- */

static void write_way(const struct nexthops *nexthops, struct peer *peer)
{
	const struct nexthops_config *config = &nexthops->config;
	const struct ipc_nexthop *told = &peer->told;
	struct nexthop_way way;

	memset(&way, 0, sizeof(way)); /* it is compared */
	way.state = nexthops->resuming || peer->expected ? NEXTHOP_RESOLVING : NEXTHOP_NONE;
	if (told->state == NEXTHOP_RESOLVING || told->state == NEXTHOP_USABLE)
		way.port = config->port(config->owner, told->ifindex);
	if (way.port) {
		_Static_assert(sizeof(way.link) == sizeof(told->link), "an Ethernet header");
		way.state = (uint8_t)told->state;
		way.mtu = path_mtu_least(&peer->learned, told->mtu);
		memcpy(way.link, told->link, sizeof(way.link));
	}
	if (!memcmp(&way, &peer->written, sizeof(way)))
		return;
	peer->written = way;
	nexthop_write(&peer->hop, &way);
}

/* ---- peers --------------------------------------------------------------------------------------------- */

static int add(struct nexthops *nexthops, const struct ip_addr *addr, struct peer **ret_peer)
{
	const struct nexthops_config *config = &nexthops->config;
	struct peer *peer;
	int err;

	if (HASH_COUNT(nexthops->peers) >= XESP_PEERS_MAX)
		return -ENOSPC;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return -ENOMEM;
	peer->addr = *addr;
	peer->expected = nexthops->resuming;
	write_way(nexthops, peer);
	/* The loader's first word may come before its answer. */
	HASH_ADD(hh, nexthops->peers, addr, sizeof(peer->addr), peer);
	if (!hash_added(&peer->hh)) {
		free(peer);
		return -ENOMEM;
	}
	err = config->watch ? config->watch(config->owner, addr, true) : 0;
	if (err) {
		forget(nexthops, peer);
		return err;
	}
	*ret_peer = peer;
	return 0;
}

int nexthops_take(struct nexthops *nexthops, const struct ip_addr *addr, struct nexthop **ret_hop)
{
	struct peer *peer = find(nexthops, addr);
	int err = peer ? 0 : add(nexthops, addr, &peer);

	if (err)
		return err;
	peer->users++;
	*ret_hop = &peer->hop;
	return 0;
}

void nexthops_give(struct nexthops *nexthops, struct nexthop *hop)
{
	struct peer *peer = peer_of(hop);

	if (--peer->users)
		return;
	/* A loader that does not take this will say more about the peer, which is passed over. */
	if (nexthops->config.watch)
		nexthops->config.watch(nexthops->config.owner, &peer->addr, false);
	forget(nexthops, peer);
}

static void changed(const struct nexthops *nexthops, struct peer *peer)
{
	write_way(nexthops, peer);
	if (nexthops->config.changed)
		nexthops->config.changed(nexthops->config.owner, &peer->hop);
}

void nexthops_note(struct nexthops *nexthops, const struct ipc_nexthop *way)
{
	struct peer *peer = find(nexthops, &way->dst);

	if (!peer)
		return;
	peer->told = *way;
	peer->expected = false;
	/* Another path. While there is no way the path is what it was. */
	if (way->ifindex && way->ifindex != peer->learned_ifindex)
		peer->learned = (struct path_mtu){0};
	changed(nexthops, peer);
}

void nexthops_resume(struct nexthops *nexthops, bool begin)
{
	nexthops->resuming = begin;
	nexthops_refresh(nexthops);
}

void nexthops_refresh(struct nexthops *nexthops)
{
	for (struct peer *peer = nexthops->peers; peer; peer = peer->hh.next)
		write_way(nexthops, peer);
}

/* ---- the path's MTU ------------------------------------------------------------------------------------ */

uint32_t nexthops_mtu(const struct nexthop *hop)
{
	const struct peer *peer = peer_of(hop);

	return path_mtu_least(&peer->learned, peer->told.mtu);
}

enum path_mtu_result nexthops_learn(struct nexthops *nexthops, const struct nexthop *hop, uint32_t mtu,
				    uint64_t now_ms)
{
	struct peer *peer = peer_of(hop);
	enum path_mtu_result result = path_mtu_learn(&peer->learned, mtu, nexthops_mtu(hop), now_ms);

	if (result == PATH_MTU_LEARNED) {
		peer->learned_ifindex = peer->told.ifindex;
		changed(nexthops, peer);
	}
	return result;
}

uint64_t nexthops_expire(struct nexthops *nexthops, uint64_t now_ms)
{
	const struct nexthops_config *config = &nexthops->config;
	uint64_t next = UINT64_MAX;

	for (struct peer *peer = nexthops->peers; peer; peer = peer->hh.next) {
		if (path_mtu_expire(&peer->learned, now_ms)) {
			changed(nexthops, peer);
			if (config->expired)
				config->expired(config->owner, &peer->addr, peer->told.mtu);
		} else if (peer->learned.mtu && peer->learned.until_ms < next) {
			next = peer->learned.until_ms;
		}
	}
	return next;
}

uint64_t nexthops_learned_until(const struct nexthop *hop)
{
	const struct peer *peer = peer_of(hop);

	return nexthops_mtu(hop) != peer->told.mtu ? peer->learned.until_ms : 0;
}

uint32_t nexthops_count(const struct nexthops *nexthops)
{
	return HASH_COUNT(nexthops->peers);
}
