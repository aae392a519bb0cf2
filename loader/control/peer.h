/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is at the other end of a connection to the control socket: what the kernel noted of a process when it
 * connected, and what follows for what it may do.
 */
#ifndef XESP_CONTROL_PEER_H
#define XESP_CONTROL_PEER_H

#include <stdbool.h>
#include <sys/types.h>

/* Stands for a group that does not exist. */
#define PEER_NO_GROUP ((gid_t)-1)

struct peer {
	uid_t uid;
	bool privileged; /* root, or a member of the group: may call every method */
};

/* Reads the credentials of a connected AF_UNIX socket. Members of `group`, by their group or a supplementary
 * one, are privileged as root is. -ENOMEM, or what the kernel says. */
int peer_identify(int connection, gid_t group, struct peer *ret_peer);

#endif
