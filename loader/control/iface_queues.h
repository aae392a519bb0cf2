/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receive queues of an attached interface and their workers. Control thread.
 */
#ifndef XESP_CONTROL_IFACE_QUEUES_H
#define XESP_CONTROL_IFACE_QUEUES_H

#include "control/iface.h"

/* The next queue of the loader's answer; its descriptors are the caller's, but for that of the port. */
int iface_queues_receive(struct loader_channel *loader, struct iface *iface, struct worker_queue *ret_queue,
			 struct failure *ret_failure);
void iface_queues_close(struct worker_queue *queue);

/* Gives the interface workers of the queues 0 to `count` - 1: more or fewer. The others' packets wait in
 * their rings meanwhile. On failure it has those of before, or, with -ESRCH, none that runs. */
int iface_queues_set(struct loader_channel *loader, struct iface *iface, uint32_t count,
		     struct failure *ret_failure);

#endif
