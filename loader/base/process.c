/* SPDX-License-Identifier: BSD-2-Clause */
/* Called once, before the process has its first key. */
#include "base/process.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int process_forbid_dumps(void)
{
	struct rlimit none = {0, 0};

	/* The limit does not hold for handlers behind a pipe in core_pattern; the flag does. */
	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0))
		return -errno;
	return 0;
}
