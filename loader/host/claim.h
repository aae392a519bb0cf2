/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which xespd serves an interface: a lock on a file of root's that the kernel frees with its holder. It tells
 * a living xespd from the leftovers of a dead one, whatever control socket each of them has. Loader process
 * only.
 */
#ifndef XESP_HOST_CLAIM_H
#define XESP_HOST_CLAIM_H

#include <stdint.h>

#include "host/ipc.h"

/* One directory for every xespd of the host. Only root may write to it. */
#define CLAIM_DIRECTORY "/run/xesp"

struct claim {
	int fd; /* -1: none */
	char path[80];
};

/* Takes the interface, which `dev` names in the failure. EBUSY in it: another xespd has it. */
int claim_take(const char *dev, uint32_t ifindex, struct claim *ret_claim, struct failure *ret_failure);
/* Gives it back; harmless on none. */
void claim_release(struct claim *claim);

#endif
