/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket in the file system. Everybody may connect; what a client may do is decided by its
 * credentials (control/peer.h).
 */
#ifndef XESP_HOST_CONTROL_SOCKET_H
#define XESP_HOST_CONTROL_SOCKET_H

#include <sys/types.h>

#include "host/ipc.h"

#define CONTROL_SOCKET_DEFAULT "/run/xesp/control"

/* The group whose members may do what root may: xesp, or (gid_t)-1 if there is none. Reads files. */
gid_t control_socket_group(void);
/* Listens on `path`. Makes the directory; replaces a socket that nobody serves; refuses one that is served.
 */
int control_socket_listen(const char *path, int *ret_socket, struct failure *ret_failure);

#endif
