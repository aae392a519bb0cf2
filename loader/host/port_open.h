/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet sockets through which the engine sends out of an attached interface (dataplane/port.h). Loader
 * process.
 */
#ifndef XESP_HOST_PORT_OPEN_H
#define XESP_HOST_PORT_OPEN_H

#include <stdint.h>

#include "host/ipc.h"

/* Opens one that is bound to the interface, receives nothing whatever is done with it, and takes a virtio-net
 * header in front of each frame. */
int port_open(uint32_t ifindex, int *ret_socket, struct failure *ret_failure);

#endif
