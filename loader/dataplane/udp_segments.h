/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP segments that come in one piece. A sender on this host may leave the cutting to the network card that
 * comes last (UDP GSO; xespd itself sends so), and where there is none, as between containers, XDP in generic
 * mode sees many packets of ESP behind one header. How long each is the kernel knows, but tells XDP programs
 * not. Pure; workers.
 */
#ifndef XESP_DATAPLANE_UDP_SEGMENTS_H
#define XESP_DATAPLANE_UDP_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <xesp/abi.h>

#include "dataplane/esp_meta.h"
#include "dataplane/wire.h"

#define UDP_SEGMENTS_CHECKSUM 6 /* offset in the UDP header */

struct udp_segments {
	const uint8_t *frame;
	struct xesp_meta meta; /* of the whole */
	uint32_t front;	       /* bytes of the frame in front of the UDP payload */
	uint32_t payload;      /* bytes of it */
	uint32_t bytes;	       /* of each segment's UDP payload; the last may be shorter */
	uint32_t count;	       /* 2 or more */
};

/* False: the frame is none. Most packets have no UDP checksum at all (RFC 3948 section 2.1), and are through
 * with this. */
static inline bool udp_segments_possible(const uint8_t *frame, uint32_t frame_len,
					 const struct xesp_meta *meta)
{
	uint32_t encap = esp_meta_encap_bytes(meta);

	return encap && meta->esp_offset >= encap && meta->esp_offset <= frame_len &&
	       wire_load_checksum(frame + meta->esp_offset - encap + UDP_SEGMENTS_CHECKSUM);
}

/* Whether the frame is such a piece: its UDP checksum was left to the network card, and what looks like ESP
 * of the same SA, with rising numbers, begins at each multiple of one length. Neither frame nor metadata are
 * believed; what they cannot be is no such piece. Points to the frame. */
bool udp_segments_find(const uint8_t *frame, uint32_t frame_len, const struct xesp_meta *meta,
		       struct udp_segments *ret_segments);

/* Writes segment `i` as a frame of its own, as the kernel would have cut it, with its metadata in front; `to`
 * has room for both and does not overlap. Returns the bytes of the frame. */
uint32_t udp_segments_write(const struct udp_segments *segments, uint32_t i, uint8_t *to);

#endif
