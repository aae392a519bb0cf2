/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host behind the inside interface of a gateway: in another network namespace, whose kernel throws away
 * what it gets; and what a gateway sink needs to send there. Needs root and ip(8).
 */
#ifndef XESP_TESTS_INSIDE_HOST_H
#define XESP_TESTS_INSIDE_HOST_H

#include <stdint.h>
#include <sys/types.h>

#include "dataplane/inside.h"
#include "dataplane/nexthop.h"
#include "dataplane/port.h"

#define INSIDE_HOST_DEV "in0" /* the interface, in the caller's namespace; without an address */
#define INSIDE_HOST_MAC "02:00:00:00:00:02"

struct inside_host {
	pid_t pid; /* in the other namespace */
	struct port *port;
	struct nexthop hop;
	struct inside *inside; /* `dst` alone is behind the interface */
};

/* `dst` is an IPv4 address, 4 bytes. -errno. */
int inside_host_open(const uint8_t *dst, struct inside_host *host);
/* Harmless where it is zeroed. No worker may send. */
void inside_host_close(struct inside_host *host);

#endif
