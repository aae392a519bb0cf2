/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scope-bound ownership for control-plane code. A variable marked so is released when it leaves scope;
 * TAKE_FD and TAKE_PTR hand it on to the caller. The data plane owns nothing and uses none of this.
 */
#ifndef XESP_BASE_CLEANUP_H
#define XESP_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free(void *ptr)
{
	free(*(void **)ptr);
}

static inline void cleanup_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define CLEANUP(function) __attribute__((cleanup(function)))
#define CLEANUP_FD CLEANUP(cleanup_fd)
#define CLEANUP_FREE CLEANUP(cleanup_free)
#define CLEANUP_FILE CLEANUP(cleanup_file)

#define TAKE_FD(fd) \
	({ \
		int take_fd_ = (fd); \
		(fd) = -1; \
		take_fd_; \
	})
#define TAKE_PTR(ptr) \
	({ \
		__typeof__(ptr) take_ptr_ = (ptr); \
		(ptr) = NULL; \
		take_ptr_; \
	})

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
