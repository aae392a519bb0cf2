/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the daemon needs of its surroundings before it splits, and how the engine gives up all privileges.
 */
#ifndef XESP_HOST_PRIVILEGES_H
#define XESP_HOST_PRIVILEGES_H

#include <sys/types.h>

#include "host/ipc.h"

struct engine_user {
	char name[64];
	uid_t uid;
	gid_t gid;
};

/* Looks up the user the engine runs as. With `name` NULL: "xesp" if it exists, else "nobody". */
int privileges_find_user(const char *name, struct engine_user *ret_user, struct failure *ret_failure);
/* Makes sure that a BPF file system is at /sys/fs/bpf, where libxdp keeps dispatchers: mounts one in a
 * mount namespace of this process if there is none. */
int privileges_provide_bpffs(struct failure *ret_failure);
/* Memory that this process may lock without CAP_IPC_LOCK, in KiB. */
unsigned long privileges_memlock_kib(void);
/* For good: empty root directory, the user's ids, no capabilities, no new privileges, no core dumps, no
 * ptrace by others; ends with its parent. Everything that needs the file system comes before. */
int privileges_drop(const struct engine_user *user, pid_t parent, struct failure *ret_failure);

#endif
