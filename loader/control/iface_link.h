/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to an attached interface from outside: its name, its link, its queues, what others do to its
 * XDP hook. Each change is told to log and monitor. Control thread.
 */
#ifndef XESP_CONTROL_IFACE_LINK_H
#define XESP_CONTROL_IFACE_LINK_H

#include "control/iface.h"
#include "control/monitor.h"

/* "up", "no_carrier" or "down". */
const char *iface_link_word(const struct ipc_link_state *state);

/* Takes over what the loader saw, and gives each queue a worker. -ESRCH: the interface has no worker any more
 * and has to be detached. */
int iface_link_changed(struct loader_channel *loader, struct iface *iface, const struct ipc_link_state *state,
		       struct monitor *monitor);

/* Has the classifier put back onto the hook if it is not there. `*ret_done`: it was not. */
int iface_link_repair(struct loader_channel *loader, struct iface *iface, struct monitor *monitor,
		      bool *ret_done, struct failure *ret_failure);

/* Tells log and monitor of a change that has no function of its own here. */
__attribute__((format(printf, 3, 4))) void iface_link_tell(const struct iface *iface, struct monitor *monitor,
							   const char *format, ...);

#endif
