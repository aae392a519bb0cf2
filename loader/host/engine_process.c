/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/engine_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define PROGRAM "/proc/self/exe" /* also if a newer one was installed: both speak one language */

/* Above all places of enum engine_fd, so that no move overwrites what another one needs. */
static int move_aside(const int *fds, int *ret_fds)
{
	for (int i = 0; i < ENGINE_FD_END - ENGINE_FD_IPC; i++) {
		ret_fds[i] = fcntl(fds[i], F_DUPFD, ENGINE_FD_END);
		if (ret_fds[i] < 0)
			return -errno;
	}
	return 0;
}

/* Netlink and BPF descriptors have close-on-exec each; that nothing else comes along, libraries are not
 * asked. */
static int arrange_descriptors(const int *fds)
{
	int aside[ENGINE_FD_END - ENGINE_FD_IPC];
	int err = move_aside(fds, aside);

	for (int i = 0; i < ENGINE_FD_END - ENGINE_FD_IPC && !err; i++)
		if (dup2(aside[i], ENGINE_FD_IPC + i) < 0)
			err = -errno;
	if (!err && close_range(ENGINE_FD_END, UINT_MAX, 0))
		err = -errno;
	return err;
}

static void become_engine(const struct engine_program *program, int ipc)
{
	const int fds[ENGINE_FD_END - ENGINE_FD_IPC] = {ipc, program->listener, program->state};
	int err = arrange_descriptors(fds);

	if (!err) {
		execv(PROGRAM, program->argv);
		err = -errno;
	}
	log_error("no engine: %s cannot be executed: %s. Next: mount /proc", PROGRAM, strerror(-err));
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
