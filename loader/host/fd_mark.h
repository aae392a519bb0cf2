/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closes descriptors that a library left open. libxdp (seen in 1.3.1) does so with each program that it
 * finds on an interface, and such a program keeps its maps, tens of megabytes of them, in the kernel. Only
 * for a process with one thread, around calls after which nothing new may be open. Loader process only.
 */
#ifndef XESP_HOST_FD_MARK_H
#define XESP_HOST_FD_MARK_H

#include <stdint.h>

#define FD_MARK_MAX 8192 /* descriptors from here on are left alone */

struct fd_mark {
	uint64_t open[FD_MARK_MAX / 64];
};

/* Notes which descriptors are open. */
void fd_mark_set(struct fd_mark *mark);
/* Closes those that were opened since. */
void fd_mark_close_later(const struct fd_mark *mark);

#endif
