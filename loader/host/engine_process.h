/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine as a process of its own: this program once more, from the beginning. It is executed and not only
 * forked, the first as each that follows, because a copy of the loader would have the addresses of the last
 * engine, which who made that one crash may have learned, and what the loader has in its memory. Of the
 * loader's descriptors it gets the three that are named here. Loader process.
 */
#ifndef XESP_HOST_ENGINE_PROCESS_H
#define XESP_HOST_ENGINE_PROCESS_H

#include <sys/types.h>

#include "host/ipc.h"

/* What the engine finds open, beside the standard files. */
enum engine_fd {
	ENGINE_FD_IPC = 3,	/* socket to the loader */
	ENGINE_FD_LISTENER = 4, /* control socket */
	ENGINE_FD_STATE = 5,	/* memory that outlives it */
	ENGINE_FD_END
};

struct engine_program {
	char *const *argv; /* that make this program an engine */
	int listener;
	int state;
};

/* Starts one; the caller owns the socket to it. Everything that goes wrong behind the fork ends that process,
 * with a line in the log. Called by the only thread: the kernel ends the engine with the thread that made it.
 */
int engine_process_start(const struct engine_program *program, pid_t *ret_pid, int *ret_ipc);

#endif
