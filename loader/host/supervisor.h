/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine process as the loader sees it: started, listened to, ended when it breaks the protocol or does
 * not read, and followed by another when it ends. Loader process, its only thread.
 */
#ifndef XESP_HOST_SUPERVISOR_H
#define XESP_HOST_SUPERVISOR_H

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "host/ipc.h"

struct supervisor;

struct supervisor_ops {
	/* Makes an engine. The socket becomes the supervisor's. */
	int (*start)(void *ctx, pid_t *ret_pid, int *ret_ipc);
	/* There is another engine, which has heard nothing yet. `past`: of the engines before it. */
	void (*began)(const struct ipc_past *past, void *ctx);
	/* It says something; the descriptors that came along are closed. */
	void (*says)(const struct ipc_message *message, void *ctx);
	/* It is gone, with all its descriptors; another one follows. */
	void (*ended)(void *ctx);
	/* None follows: -ECHILD, or what was wrong with the last. */
	void (*given_up)(int err, void *ctx);
};

int supervisor_new(const struct supervisor_ops *ops, void *ctx, sd_event *event,
		   struct supervisor **ret_supervisor);
/* The first one. An engine that ends before supervisor_ready() was called once is not followed by another: it
 * cannot begin, and who started xespd is to know. */
int supervisor_start(struct supervisor *supervisor);
/* The engine serves. Returns the us since the one before it ended, or 0. */
uint64_t supervisor_ready(struct supervisor *supervisor);

/* Says something to the engine; the descriptors stay the caller's. 0 also if there is none at the moment: the
 * next one hears everything anew. An error means that the engine is being ended, or has ended. */
int supervisor_send(struct supervisor *supervisor, const struct ipc_message *message, const int *fds,
		    size_t fd_count);

/* Ends the engine, in time or by force, and starts no other; NULL-safe. */
void supervisor_free(struct supervisor *supervisor);

#endif
