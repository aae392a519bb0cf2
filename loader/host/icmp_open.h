/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw sockets by which the engine hears of packets that were too long for a link on their way. The loader
 * does not read what comes by them. Loader process.
 */
#ifndef XESP_HOST_ICMP_OPEN_H
#define XESP_HOST_ICMP_OPEN_H

#include "host/ipc.h"

/* Opens one of AF_INET or AF_INET6. By a filter that cannot be taken off, nothing comes in but "fragmentation
 * needed" and "packet too big", and of those only what quotes UDP, ESP or, with IPv6, extension headers.
 * Returns a descriptor or -errno. */
int icmp_open(int family);

/* Opens one of each family that this kernel has. `ret_fds` has IPC_ICMP_FDS places. */
int icmp_open_all(int *ret_fds, size_t *ret_count, struct failure *ret_failure);

#endif
