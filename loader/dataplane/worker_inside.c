/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that the classifier of an inside interface took from the host's forwarding. By the worker's thread.
 */
#include "dataplane/send_private.h"
#include "dataplane/worker_private.h"

enum xesp_reason worker_seal(struct worker *worker, uint8_t *frame, uint32_t len,
			     const struct xesp_meta *meta, uint64_t now)
{
	/* In front of the packet there is room for what the TUN device has there. */
	if (!worker->send || meta->l3_offset < SEND_VNET_BYTES || meta->l3_offset > len ||
	    meta->esp_length > len - meta->l3_offset)
		return XESP_REASON_BAD_META;
	send_routed(worker->send, frame + meta->l3_offset, meta->esp_length, now);
	return XESP_REASON_NONE;
}
