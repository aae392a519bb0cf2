/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* Supplementary groups that are read without asking for memory; most processes have fewer. */
#define GROUPS_USUAL 32

static bool is_among(gid_t group, const gid_t *groups, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (groups[i] == group)
			return true;
	}
	return false;
}

static int has_supplementary(int connection, gid_t group, bool *ret_has)
{
	gid_t usual[GROUPS_USUAL];
	socklen_t size = sizeof(usual);
	CLEANUP_FREE gid_t *many = NULL;
	gid_t *groups = usual;

	if (getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, usual, &size)) {
		if (errno != ERANGE) /* which comes with the size that is needed */
			return -errno;
		groups = many = malloc(size);
		if (!many)
			return -ENOMEM;
		if (getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, many, &size))
			return -errno;
	}
	*ret_has = is_among(group, groups, size / sizeof(*groups));
	return 0;
}

int peer_identify(int connection, gid_t group, struct peer *ret_peer)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	bool privileged;
	int err;

	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &size))
		return -errno;
	privileged = credentials.uid == 0 || (group != PEER_NO_GROUP && credentials.gid == group);
	if (!privileged && group != PEER_NO_GROUP) {
		err = has_supplementary(connection, group, &privileged);
		if (err)
			return err;
	}
	*ret_peer = (struct peer){.uid = credentials.uid, .privileged = privileged};
	return 0;
}
