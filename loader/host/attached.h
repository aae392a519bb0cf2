/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An attached interface as the loader has it: the claim on it, the classifier on its hook, the queues that
 * have a socket, and what is known of its state. Loader process only.
 */
#ifndef XESP_HOST_ATTACHED_H
#define XESP_HOST_ATTACHED_H

#include "host/claim.h"
#include "host/ipc.h"
#include "host/xdp_attach.h"
#include "host/xsk_open.h"

struct attached {
	bool used;
	struct ipc_link_state state; /* as it was looked at last */
	bool transmit;		     /* sockets get transmit rings */
	uint32_t queues;	     /* that the engine was given sockets of: 0 to queues - 1 */
	bool pass_keepalives;
	bool orphan; /* its sockets were those of an engine that ended */
	bool inside; /* its role, whatever it is renamed to */
	struct claim claim;
	struct xdp_attachment *xdp;
};

/* Claims the interface of `state` and attaches the classifier to it. `tun`: number of the TUN device whose
 * inside interface it is to be, or 0. */
int attached_new(const struct ipc_attach *request, const struct ipc_link_state *state, uint32_t capacity,
		 uint32_t tun, struct attached *ret_attached, struct failure *ret_failure);
/* Detaches, unless the interface is gone, and gives up the claim. */
void attached_release(struct attached *attached, bool interface_gone);

/* The engine ended: every packet passes until the next one has its sockets and SAs. */
void attached_suspend(struct attached *attached);

/* Opens sockets of the queues from `from` to `count` - 1 into `opened`, which has XESP_QUEUES_MAX elements
 * and is to be closed by attached_close_queues(), also after a failure. */
int attached_open_queues(const struct attached *attached, uint32_t from, uint32_t count,
			 struct xsk_opened *opened, struct failure *ret_failure);
void attached_close_queues(struct xsk_opened *opened);

/* Looks at the interface again. `*ret_news`: there is something to tell, for its state is another one, or has
 * other queues than there are sockets for. -ENODEV: it is gone. */
int attached_look(struct attached *attached, bool *ret_news);

#endif
