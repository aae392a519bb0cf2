/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/fd_mark.h"

#include <fcntl.h>
#include <unistd.h>

void fd_mark_set(struct fd_mark *mark)
{
	*mark = (struct fd_mark){0};
	for (int fd = 0; fd < FD_MARK_MAX; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			mark->open[fd / 64] |= 1ull << (fd % 64);
}

void fd_mark_close_later(const struct fd_mark *mark)
{
	for (int fd = 0; fd < FD_MARK_MAX; fd++)
		if (!(mark->open[fd / 64] & 1ull << (fd % 64)) && fcntl(fd, F_GETFD) >= 0)
			close(fd);
}
