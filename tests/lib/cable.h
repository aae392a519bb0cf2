/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What benchmarks of the packet path stand on: a network namespace of the process' own with a cable, and a
 * CPU to stay on. Needs root.
 */
#ifndef XESP_TESTS_CABLE_H
#define XESP_TESTS_CABLE_H

#include <stdint.h>

#include "host/ipc.h"

struct cable {
	uint32_t sender;	    /* ifindex of the end that packets are sent out of */
	struct ipc_link_state link; /* the receiver's end, as the loader tells of it */
};

/* Moves the calling thread, and those that it makes from now on, to a new network namespace, and makes a veth
 * pair there, with all offloads. -errno. */
int cable_new(struct cable *ret_cable);

/* The calling thread runs on this CPU alone from now on. */
void cable_stay_on(int cpu);

#endif
