/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See the header.
 */
#include "tests/lib/esp_options.h"

#include <string.h>

#include "tests/lib/packet.h"

void esp_options_insert(struct esp_packet *packet, uint8_t type, const uint8_t *bytes, size_t len)
{
	packet->frame -= len;
	memmove(packet->frame, packet->frame + len, packet->frame_len);
	packet_insert(packet->frame + packet->meta.l3_offset, packet->frame_len - packet->meta.l3_offset,
		      type, bytes, len);
	packet->frame_len += (uint32_t)len;
	packet->meta.esp_offset += (uint16_t)len;
}
