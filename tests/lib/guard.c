/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guard pages for tests.
 */
#include "tests/lib/guard.h"

#include <stdlib.h>
#include <sys/mman.h>

#define PAGE ((size_t)4096)

struct guard guard_new(size_t bytes)
{
	size_t inside = (bytes + PAGE - 1) / PAGE * PAGE;
	struct guard guard = {.mapped = inside + 2 * PAGE};
	uint8_t *map = mmap(NULL, guard.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + PAGE, inside, PROT_READ | PROT_WRITE))
		abort();
	guard.start = map + PAGE;
	guard.end = guard.start + inside;
	return guard;
}

void guard_free(struct guard *guard)
{
	munmap(guard->start - PAGE, guard->mapped);
}
