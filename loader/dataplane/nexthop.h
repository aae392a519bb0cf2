/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to a peer: which interface, which link-layer addresses, which MTU. The control thread writes what
 * the loader learned from the kernel, workers read it for each burst without waiting for anybody.
 */
#ifndef XESP_DATAPLANE_NEXTHOP_H
#define XESP_DATAPLANE_NEXTHOP_H

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#define NEXTHOP_LINK_BYTES 14 /* Ethernet header */

enum nexthop_state {
	NEXTHOP_NONE,	   /* no route, or it does not leave through an attached interface */
	NEXTHOP_RESOLVING, /* the neighbour is asked; packets may wait for it */
	NEXTHOP_USABLE,
};

struct port; /* of the interface, see port.h */

/* What a worker needs, read in one piece. */
struct nexthop_way {
	uint8_t link[NEXTHOP_LINK_BYTES]; /* destination, source, EtherType */
	uint8_t state;			  /* enum nexthop_state */
	uint8_t _pad;
	uint32_t mtu; /* of the outer packet: the route's, the interface's, or what was learned of the path */
	uint32_t _pad2;
	struct port *port; /* valid for the round in which it was read */
};

#define NEXTHOP_WORDS 4

_Static_assert(sizeof(struct nexthop_way) == NEXTHOP_WORDS * sizeof(uint64_t), "it is copied by words");

/* Zeroed memory is a hop in state NEXTHOP_NONE. */
struct nexthop {
	_Atomic uint32_t version; /* its lowest bit says which of `words` is valid */
	_Atomic uint64_t words[2][NEXTHOP_WORDS];
};

/* Control thread only. Two copies, of which readers use the one that the version names while the other is
 * written: a reader begins again only after a whole change. */
static inline void nexthop_write(struct nexthop *hop, const struct nexthop_way *way)
{
	uint32_t version = atomic_load_explicit(&hop->version, memory_order_relaxed) + 1;
	uint64_t words[NEXTHOP_WORDS];

	memcpy(words, way, sizeof(words));
	/* The version before this one is seen before what is written here. */
	atomic_thread_fence(memory_order_release);
	for (uint32_t i = 0; i < NEXTHOP_WORDS; i++)
		atomic_store_explicit(&hop->words[version % 2][i], words[i], memory_order_relaxed);
	atomic_store_explicit(&hop->version, version, memory_order_release);
}

/* Any thread. */
static inline void nexthop_read(const struct nexthop *hop, struct nexthop_way *ret_way)
{
	uint64_t words[NEXTHOP_WORDS];
	uint32_t version, after;

	do {
		version = atomic_load_explicit(&hop->version, memory_order_acquire);
		for (uint32_t i = 0; i < NEXTHOP_WORDS; i++)
			words[i] = atomic_load_explicit(&hop->words[version % 2][i], memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&hop->version, memory_order_relaxed);
	} while (after != version);
	memcpy(ret_way, words, sizeof(words));
}

#endif
