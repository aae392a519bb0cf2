/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that did not come from the TUN device, but from the inside interface of a gateway: they are passed
 * on as by a router, and then go the way of all others. The worker's thread.
 */
#include <string.h>

#include "dataplane/forward.h"
#include "dataplane/send_private.h"

void send_routed(struct send *send, uint8_t *packet, uint32_t len, uint64_t now)
{
	struct virtio_net_hdr header = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};

	send->now = now;
	/* What the outer interface takes no more now is dropped, as by a router whose queue is full. */
	if (send_blocked(send) >= 0) {
		send_count(send, XESP_REASON_SEND_FAILED);
		return;
	}
	/* The classifier looked at the same; it is another process's word. */
	if (!forward_may(packet, len)) {
		send_count(send, XESP_REASON_SEND_MALFORMED);
		return;
	}
	forward_unfinished(packet, len, &header);
	forward_age(packet);
	memcpy(packet - SEND_VNET_BYTES, &header, sizeof(header));
	if (send_piece(send, packet - SEND_VNET_BYTES, SEND_VNET_BYTES + len) == XESP_REASON_SEND_WAITED)
		send_wait_push(send, packet - SEND_VNET_BYTES, SEND_VNET_BYTES + len, send_now_ms());
}

void send_flush(struct send *send)
{
	send_burst_flush(send);
}
