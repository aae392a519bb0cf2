/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's end of the socket to the loader; see host/ipc.h. Requests wait for their answer. What the
 * loader says unasked meanwhile is kept for the engine to work off. Control thread.
 */
#ifndef XESP_CONTROL_LOADER_CHANNEL_H
#define XESP_CONTROL_LOADER_CHANNEL_H

#include <xesp/limits.h>

#include "host/ipc.h"

struct loader_channel {
	int socket;
	uint32_t last_id; /* of a request */
	/* LINK_STATE and LINK_GONE, one an interface: a later word says all that an earlier one did. */
	struct ipc_message unasked[XESP_IFACES_MAX];
	size_t unasked_count;
	/* NEXTHOP, at once: it changes nothing but the way itself. */
	void (*on_nexthop)(void *ctx, const struct ipc_nexthop *way);
	void *ctx;
};

/* Sends a request. */
int loader_ask(struct loader_channel *loader, struct ipc_message *message, struct failure *ret_failure);
/* The loader's next word on the last request, other than FAILED, which becomes -EREMOTEIO and the failure it
 * tells. The descriptors are the caller's. Answers to a request that was given up before are skipped. */
int loader_answer(struct loader_channel *loader, struct ipc_message *ret_message, int *ret_fds,
		  size_t *ret_fd_count, struct failure *ret_failure);
/* For an answer that is none to this request: closes its descriptors. Returns -EPROTO. */
int loader_unexpected(const struct ipc_message *message, const int *fds, size_t count,
		      struct failure *ret_failure);
/* Sends a request that is answered by DONE, and waits for it. */
int loader_do(struct loader_channel *loader, struct ipc_message *message, struct ipc_message *ret_done,
	      struct failure *ret_failure);

/* Keeps a message that came unasked, or hands it on; others are passed over. */
void loader_note(struct loader_channel *loader, const struct ipc_message *message);
/* Takes one that was kept; false if there is none. */
bool loader_noted(struct loader_channel *loader, struct ipc_message *ret_message);

#endif
