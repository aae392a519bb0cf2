/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/engine_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define PROGRAM "/proc/self/exe" /* also if a newer one was installed: both speak one language */

#define FDS (ENGINE_FD_END - ENGINE_FD_IPC)

/* False with errno. First above all places of enum engine_fd, so that no move overwrites what another one
 * needs. Netlink and BPF descriptors have close-on-exec each; that nothing else comes along, libraries are
 * not asked. */
static bool arrange_descriptors(const int *fds)
{
	int aside[FDS];

	for (int i = 0; i < FDS; i++) {
		aside[i] = fcntl(fds[i], F_DUPFD, ENGINE_FD_END);
		if (aside[i] < 0)
			return false;
	}
	for (int i = 0; i < FDS; i++)
		if (dup2(aside[i], ENGINE_FD_IPC + i) < 0)
			return false;
	return !close_range(ENGINE_FD_END, UINT_MAX, 0);
}

static void become_engine(const struct engine_program *program, int ipc)
{
	const int fds[FDS] = {ipc, program->listener, program->state};

	if (arrange_descriptors(fds))
		execv(PROGRAM, program->argv);
	log_error("no engine: %s cannot be executed: %s. Next: mount /proc", PROGRAM, strerror(errno));
}

int engine_process_start(const struct engine_program *program, pid_t *ret_pid, int *ret_ipc)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (!pid) {
		become_engine(program, pair[1]);
		_exit(EXIT_FAILURE);
	}
	if (pid < 0) {
		int err = -errno;

		close(pair[0]);
		close(pair[1]);
		return err;
	}
	close(pair[1]);
	*ret_pid = pid;
	*ret_ipc = pair[0];
	return 0;
}
