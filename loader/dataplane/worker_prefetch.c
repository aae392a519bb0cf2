// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a worker asks the CPU's caches for when it has taken a burst out of its ring. Its thread.
 */
#include "dataplane/worker_private.h"

void worker_prefetch(const struct worker *worker, const struct xsk_packet *packets, uint32_t count)
{
	uint32_t indexes[XESP_BURST_MAX];

	for (uint32_t i = 0; i < count; i++)
		__builtin_prefetch(worker->xsk.umem + packets[i].addr - sizeof(struct xesp_meta));
	if (!sadb_is_large(worker->group->db))
		return;
	/* Whatever the metadata are, an index that is wrong does no harm. */
	for (uint32_t i = 0; i < count; i++)
		memcpy(&indexes[i],
		       worker->xsk.umem + packets[i].addr - sizeof(struct xesp_meta) +
			       offsetof(struct xesp_meta, sa_index),
		       sizeof(indexes[i]));
	sadb_prefetch(worker->group->db, indexes, count);
}
