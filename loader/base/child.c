/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/child.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP_USEC 10000

bool child_wait(pid_t child, uint64_t usec)
{
	for (uint64_t waited = 0; waited < usec; waited += STEP_USEC) {
		pid_t done = waitpid(child, NULL, WNOHANG);

		if (done == child || (done < 0 && errno == ECHILD))
			return true;
		usleep(STEP_USEC);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return false;
}
