/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that read as workers do: each is a struct worker of one group, whose epoch says what it may still
 * hold. A test's own struct of a reader begins with its worker. Included by programs of cmocka tests.
 */
#ifndef XESP_TESTS_READERS_RIG_H
#define XESP_TESTS_READERS_RIG_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/worker_private.h"

#define READERS 3

/* Zero at first. */
struct readers {
	struct worker_group group;
	struct worker *workers[READERS]; /* each the begin of its reader */
	pthread_t threads[READERS];
};

/* Makes all of `bytes` each, zero but for their workers. */
static inline void readers_new(struct readers *readers, size_t bytes)
{
	for (uint32_t i = 0; i < READERS; i++) {
		struct worker *worker = aligned_alloc(64, (bytes + 63) / 64 * 64);

		assert_non_null(worker);
		memset(worker, 0, bytes);
		worker->group = &readers->group;
		worker->number = i;
		readers->workers[i] = worker;
	}
	readers->group.workers = readers->workers;
	readers->group.count = READERS;
}

static inline void readers_free(struct readers *readers)
{
	for (uint32_t i = 0; i < READERS; i++)
		free(readers->workers[i]);
}

/* Each runs run(reader). */
static inline void readers_start(struct readers *readers, void *(*run)(void *))
{
	for (uint32_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers->threads[i], NULL, run, readers->workers[i]), 0);
}

static inline void readers_join(struct readers *readers)
{
	for (uint32_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(readers->threads[i], NULL), 0);
}

#endif
