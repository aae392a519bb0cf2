/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In place of librte_ipsec where there was no libdpdk when this was built.
 */
#include <errno.h>
#include <stdio.h>

#include "tests/bench/rte_peer.h"

const struct rte_peer_way rte_peer_ways[RTE_PEER_WAYS];

int rte_peer_begin(void)
{
	fprintf(stderr, "bench_rte_ipsec: built without libdpdk (make deps-bench)\n");
	return -ENODEV;
}

void rte_peer_end(void)
{
}

/* No peer is there to be asked for any of these. */
const char *rte_peer_version(void)
{
	return "";
}

int rte_peer_new(const struct rte_peer_way *way, const struct sa_params *params, bool open, size_t longest,
		 struct rte_peer **ret_peer)
{
	(void)way, (void)params, (void)open, (void)longest, (void)ret_peer;
	return -EOPNOTSUPP;
}

void rte_peer_free(struct rte_peer *peer)
{
	(void)peer;
}

void rte_peer_put(struct rte_peer *peer, size_t slot, const uint8_t *packet, size_t len, size_t link,
		  size_t headers)
{
	(void)peer, (void)slot, (void)packet, (void)len, (void)link, (void)headers;
}

void rte_peer_reset(struct rte_peer *peer)
{
	(void)peer;
}

size_t rte_peer_run(struct rte_peer *peer, size_t first, size_t count)
{
	(void)peer, (void)first, (void)count;
	return 0;
}

const uint8_t *rte_peer_packet(const struct rte_peer *peer, size_t slot, size_t *ret_len)
{
	(void)peer, (void)slot, (void)ret_len;
	return NULL;
}
