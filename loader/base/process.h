/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process that handles keys owes them.
 */
#ifndef XESP_BASE_PROCESS_H
#define XESP_BASE_PROCESS_H

/* No core file, nothing for a core dump handler either, no ptrace by others of the same user. -errno. */
int process_forbid_dumps(void);

#endif
