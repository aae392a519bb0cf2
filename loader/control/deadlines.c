/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/deadlines.h"

#include <errno.h>
#include <stdlib.h>

/* The fewest that are worth sorting out. */
#define SWEEP_MIN 1024

static void sift_up(struct deadline *heap, size_t i)
{
	while (i && heap[(i - 1) / 2].at > heap[i].at) {
		struct deadline parent = heap[(i - 1) / 2];

		heap[(i - 1) / 2] = heap[i];
		heap[i] = parent;
		i = (i - 1) / 2;
	}
}

static void sift_down(struct deadline *heap, size_t count, size_t i)
{
	for (;;) {
		size_t least = i;
		struct deadline moved = heap[i];

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++)
			if (heap[child].at < heap[least].at)
				least = child;
		if (least == i)
			return;
		heap[i] = heap[least];
		heap[least] = moved;
		i = least;
	}
}

static void sweep(struct deadlines *deadlines)
{
	size_t kept = 0;

	for (size_t i = 0; i < deadlines->count; i++)
		if (deadlines->live(deadlines->ctx, &deadlines->heap[i]))
			deadlines->heap[kept++] = deadlines->heap[i];
	deadlines->count = kept;
	for (size_t i = kept / 2; i-- > 0;)
		sift_down(deadlines->heap, kept, i);
	deadlines->sweep_at = kept < SWEEP_MIN / 2 ? SWEEP_MIN : 2 * kept;
}

int deadlines_push(struct deadlines *deadlines, const struct deadline *deadline)
{
	if (deadlines->count >= deadlines->sweep_at)
		sweep(deadlines);
	if (deadlines->count == deadlines->size) {
		size_t size = deadlines->size ? 2 * deadlines->size : 64;
		struct deadline *heap = reallocarray(deadlines->heap, size, sizeof(*heap));

		if (!heap)
			return -ENOMEM;
		deadlines->heap = heap;
		deadlines->size = size;
	}
	deadlines->heap[deadlines->count++] = *deadline;
	sift_up(deadlines->heap, deadlines->count - 1);
	return 0;
}

struct deadline deadlines_pop(struct deadlines *deadlines)
{
	struct deadline first = deadlines->heap[0];

	deadlines->heap[0] = deadlines->heap[--deadlines->count];
	sift_down(deadlines->heap, deadlines->count, 0);
	return first;
}

uint64_t deadlines_next(const struct deadlines *deadlines)
{
	return deadlines->count ? deadlines->heap[0].at : DEADLINE_NEVER;
}

void deadlines_init(struct deadlines *deadlines,
		    bool (*live)(const void *ctx, const struct deadline *deadline), const void *ctx)
{
	*deadlines = (struct deadlines){.sweep_at = SWEEP_MIN, .live = live, .ctx = ctx};
}

void deadlines_end(struct deadlines *deadlines)
{
	free(deadlines->heap);
}
