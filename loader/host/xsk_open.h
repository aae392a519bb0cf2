/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The privileged half of an AF_XDP socket: UMEM in a memfd, rings, bind. The loader makes it and passes
 * the descriptors on; the unprivileged half, dataplane/xsk.h, maps rings and UMEM. A memfd is a shared
 * mapping: a private one would be copied on write between the two processes.
 */
#ifndef XESP_HOST_XSK_OPEN_H
#define XESP_HOST_XSK_OPEN_H

#include "host/ipc.h"

struct xsk_opened {
	int socket;
	int umem;
	struct ipc_queue info;
};

/* Of a queue of the interface that `state` is about; its MTU has a say in how the socket is bound. With
 * `transmit` it gets a transmit ring, where kernel and interface can have one: see ret_opened->info. A queue
 * that another socket has is waited for, up to `patience_ms`. */
int xsk_open(const struct ipc_link_state *state, uint32_t queue, bool transmit, unsigned int patience_ms,
	     struct xsk_opened *ret_opened, struct failure *ret_failure);
/* Closes both descriptors; harmless where they are -1. */
void xsk_opened_close(struct xsk_opened *opened);

#endif
