/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening ESP: from the ESP header of a frame to an IP packet ready to deliver, a burst at a time.
 * Pure: no I/O, no allocation, no logging, no clock. The frame may be hostile in every byte; nothing
 * outside [frame, frame + frame_len) is read or written.
 */
#ifndef XESP_DATAPLANE_ESP_H
#define XESP_DATAPLANE_ESP_H

#include <stddef.h>
#include <stdint.h>
#include <xesp/abi.h>
#include <xesp/drop_reasons.h>

#include "dataplane/crypto.h"
#include "dataplane/esp_result.h"
#include "dataplane/event.h"
#include "dataplane/sa.h"

struct esp_packet {
	/* in */
	uint8_t *frame; /* first byte of the link-layer header; writable, worked on in place */
	uint32_t frame_len;
	struct xesp_meta meta;
	struct sa *sa;		   /* found by meta.sa_index and generation; owned by the calling worker */
	struct event_ring *events; /* told of what happens to the SA; NULL: nobody is */
	uint32_t outer_spi; /* host order, of the tunnel that was opened around the packet; 0: there was none
			     */
	/* out */
	enum xesp_reason reason; /* see esp_is_delivered() */
	struct esp_result result;
	uint8_t *packet; /* IP packet inside the frame; ESP_HEADROOM in front of it are free to be written */
	uint32_t packet_len;
	uint32_t spi; /* host order; 0 if the packet ended before the ESP header was read */
	uint64_t seq; /* as received, with ESN the guessed high half in front */
	/* private to esp.c between its steps */
	struct crypto_op op;
};

/* Bytes that a sink may overwrite in front of an opened packet (virtio-net header, the longer one with its
 * number of buffers). They lie in the frame; of a packet that came out of a tunnel, in the frame around that.
 */
#define ESP_HEADROOM 12

/* Reasons with which a packet is delivered: packet and packet_len are valid. */
static inline bool esp_is_delivered(enum xesp_reason reason)
{
	return reason == XESP_REASON_DELIVERED || reason == XESP_REASON_NESTED_UDP;
}

/* Opens `count` <= XESP_BURST_MAX packets in order, sets their out fields and counts into their SAs.
 * `now` is stored as last_used of an SA that opened a packet (seconds of CLOCK_REALTIME). */
void esp_open_burst(struct crypto_ctx *ctx, struct esp_packet *packets, size_t count, uint64_t now);

#endif
