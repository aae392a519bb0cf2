/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See the header.
 */
#include "tests/lib/esp_options.h"

#include <string.h>

#include "tests/lib/packet.h"

static void fix_ipv4(uint8_t *ip, size_t len)
{
	size_t header = (ip[0] & 15) * 4u + len;

	ip[0] = (uint8_t)(0x40 | header / 4);
	packet_put16(ip + 2, (uint16_t)(packet_get16(ip + 2) + len));
	packet_put16(ip + 10, 0);
	packet_put16(ip + 10, packet_checksum(0, ip, header));
}

static void fix_ipv6(uint8_t *ip, uint8_t type, size_t len)
{
	packet_put16(ip + 4, (uint16_t)(packet_get16(ip + 4) + len));
	ip[40] = ip[6];
	ip[6] = type;
}

void esp_options_insert(struct esp_packet *packet, uint8_t type, const uint8_t *bytes, size_t len)
{
	size_t front = packet->meta.l3_offset + (packet->meta.family == 4 ? 20u : 40u);
	uint8_t *ip;

	packet->frame -= len;
	packet->frame_len += (uint32_t)len;
	packet->meta.esp_offset += (uint16_t)len;
	memmove(packet->frame, packet->frame + len, front);
	memcpy(packet->frame + front, bytes, len);
	ip = packet->frame + packet->meta.l3_offset;
	if (packet->meta.family == 4)
		fix_ipv4(ip, len);
	else
		fix_ipv6(ip, type, len);
}
