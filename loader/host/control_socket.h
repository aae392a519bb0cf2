/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket in the file system: who may connect is decided by its owner and mode.
 */
#ifndef XESP_HOST_CONTROL_SOCKET_H
#define XESP_HOST_CONTROL_SOCKET_H

#include "host/ipc.h"

#define CONTROL_SOCKET_DEFAULT "/run/xesp/control"

/* Listens on `path`, for root and, if it exists, group xesp. Makes the directory; replaces a socket that
 * nobody serves; refuses one that is served. */
int control_socket_listen(const char *path, int *ret_socket, struct failure *ret_failure);

#endif
