/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the engine is given of an attached interface: the maps, and for each queue AF_XDP socket, UMEM, TUN
 * queue and packet socket. Loader process only.
 */
#ifndef XESP_HOST_HANDOVER_H
#define XESP_HOST_HANDOVER_H

#include "host/attached.h"
#include "host/supervisor.h"

struct handover {
	struct supervisor *engine;
	uint32_t request;  /* id of the one that is answered */
	const char *tun;   /* NULL: the null sink */
	uint32_t capacity; /* SAs of one interface */
	bool udp_segments; /* the kernel knows them */
};

/* Sends ATTACHED and one QUEUE each for `opened`, which has a socket for each queue of the interface's state.
 */
int handover_attached(const struct handover *handover, struct attached *attached,
		      const struct xsk_opened *opened, struct failure *ret_failure);
/* Sends a QUEUE each for those from `from` to `count` - 1. */
int handover_queues(const struct handover *handover, struct attached *attached, uint32_t from, uint32_t count,
		    const struct xsk_opened *opened, struct failure *ret_failure);

#endif
