/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TUN device that opened packets come out of. It lives as long as a descriptor of it is open.
 */
#ifndef XESP_HOST_TUN_H
#define XESP_HOST_TUN_H

#include "host/ipc.h"

/* Creates the multi-queue device `name`, sets it up, keeps the kernel's reverse path filter
 * from dropping what comes out of it, switches IPv6 address generation off; returns a descriptor that
 * keeps it. */
int tun_create(const char *name, int *ret_fd, struct failure *ret_failure);
/* One more queue of the device, for a worker; non-blocking. */
int tun_open_queue(const char *name, int *ret_fd, struct failure *ret_failure);

#endif
