/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DPDK's librte_ipsec with its libipsec-mb devices, as a peer for benchmarks: one SA, one direction, packets
 * in memory. One thread. Whoever includes this sees nothing of DPDK, whose macros and flags are its own.
 */
#ifndef XESP_TESTS_RTE_PEER_H
#define XESP_TESTS_RTE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/sa_params.h"

#define RTE_PEER_SLOTS 64
#define RTE_PEER_BURST 32

/* A way to have librte_ipsec's crypto done. */
struct rte_peer_way {
	const char *name;
	const char *device; /* DPDK's name of the driver, with a number behind it */
	bool synchronous; /* within prepare (CPU_CRYPTO); else enqueued to the device and dequeued (lookaside)
			   */
};

#define RTE_PEER_WAYS 5
extern const struct rte_peer_way rte_peer_ways[RTE_PEER_WAYS];

struct rte_peer;

/* Begins DPDK without huge pages and without devices of the machine; prints what is missing. Once a process;
 * the thread is bound to the CPU that it is on. -ENODEV: there is no way. */
int rte_peer_begin(void);
/* Ends it, also after an error, when no peer is left. */
void rte_peer_end(void);
const char *rte_peer_version(void);

/* An SA of tunnel mode, IPv4 in IPv4, in UDP if `params` say so. `open`: inbound, with their window; else
 * outbound, from their src to their dst. Packets of up to `longest` bytes, all headers included. -EOPNOTSUPP:
 * the way is missing, or has not this suite. */
int rte_peer_new(const struct rte_peer_way *way, const struct sa_params *params, bool open, size_t longest,
		 struct rte_peer **ret_peer);
void rte_peer_free(struct rte_peer *peer); /* NULL-safe */

/* The packet for `slot`: copied, with `link` bytes of link-layer header and `headers` bytes of headers behind
 * that; what lies behind them is ESP, or what is to be sealed. */
void rte_peer_put(struct rte_peer *peer, size_t slot, const uint8_t *packet, size_t len, size_t link,
		  size_t headers);
/* Numbers and window of the SA as they were in the beginning. */
void rte_peer_reset(struct rte_peer *peer);

/* What is measured: opens or seals the packets of `count` <= RTE_PEER_BURST slots from `first` on. Returns
 * how many of them are good. If not all are, the slots are in any order then. */
size_t rte_peer_run(struct rte_peer *peer, size_t first, size_t count);
/* What became of it, until the next rte_peer_put(). */
const uint8_t *rte_peer_packet(const struct rte_peer *peer, size_t slot, size_t *ret_len);

#endif
