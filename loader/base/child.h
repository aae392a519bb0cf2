/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a child process.
 */
#ifndef XESP_BASE_CHILD_H
#define XESP_BASE_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Waits until it has ended by itself; kills it after `usec`, and returns false then. */
bool child_wait(pid_t child, uint64_t usec);

#endif
