/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TUN device that opened packets come out of. It lives as long as a descriptor of it is open.
 */
#ifndef XESP_HOST_TUN_H
#define XESP_HOST_TUN_H

#include <stdbool.h>
#include <stdint.h>

#include "host/ipc.h"

#define TUN_MTU_DEFAULT 1500

/* Creates the multi-queue device `name`, sets it up, keeps the kernel's reverse path filter
 * from dropping what comes out of it, switches IPv6 address generation off; returns a descriptor that
 * keeps it. `*ret_udp_segments`: the kernel knows UDP segments of one frame (Linux 6.2), here and on packet
 * sockets. */
int tun_create(const char *name, bool *ret_udp_segments, int *ret_fd, struct failure *ret_failure);
/* One more queue of the device, for a worker; non-blocking. */
int tun_open_queue(const char *name, int *ret_fd, struct failure *ret_failure);
/* The longest packet that the host hands to the device; not of those that come out of it. */
int tun_set_mtu(const char *name, uint32_t mtu, struct failure *ret_failure);

#endif
