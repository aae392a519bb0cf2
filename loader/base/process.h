/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process that handles keys owes them.
 */
#ifndef XESP_BASE_PROCESS_H
#define XESP_BASE_PROCESS_H

/* No core file, nothing for a core dump handler either, no ptrace by others of the same user. -errno. */
int process_forbid_dumps(void);

/* From here on it, and all its threads, begin threads only: no process, which would live on with its memory
 * and descriptors when it has ended, and no other program. For good; after PR_SET_NO_NEW_PRIVS. -errno;
 * -EINVAL: the kernel has no system call filters. */
int process_forbid_children(void);

#endif
