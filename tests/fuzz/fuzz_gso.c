// SPDX-License-Identifier: BSD-2-Clause
/*
 * What comes out of the TUN device, as the host or a guest of it may write it: a virtio-net header and a
 * packet. With the sanitizers: no read outside of the packet and no write outside of a segment. Here:
 * segments have the lengths that were told, and all of the payload once.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/gso.h"
#include "dataplane/ip_fragment.h"
#include "dataplane/tcp_mss.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_segment(const struct gso *gso, uint32_t i)
{
	uint32_t bytes = gso_segment_bytes(gso, i);
	uint32_t skip = gso->packet[0] >> 4 == 4 ? (gso->packet[0] & 15) * 4u : 40;
	uint8_t *segment = malloc(bytes);
	struct ip_fragments fragments;

	require(segment && bytes <= gso->len);
	require(gso_segment(gso, i, 0, segment) == bytes);
	if (ip_fragment(segment, bytes, 100, 0, &fragments) == 0)
		for (uint32_t j = 0; j < fragments.count; j++) {
			uint32_t len = ip_fragment_bytes(&fragments, j);
			uint8_t *fragment = malloc(len);

			require(fragment && len <= 100 && ip_fragment_write(&fragments, j, fragment) == len);
			free(fragment);
		}
	tcp_mss_clamp(segment, bytes, 500, gso->csum_start != 0);
	free(segment);
	segment = malloc(bytes - skip + 1);
	require(segment && gso_segment(gso, i, skip, segment) == bytes - skip);
	free(segment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr header;
	uint64_t payload = 0;
	uint8_t *packet;
	struct gso gso;

	if (size < sizeof(header))
		return 0;
	memcpy(&header, data, sizeof(header));
	size -= sizeof(header);
	packet = calloc(1, size + 1);
	require(packet);
	memcpy(packet + 1, data + sizeof(header), size);
	if (gso_parse(&header, packet + 1, size, &gso) == 0) {
		for (uint32_t i = 0; i < gso.count; i++) {
			check_segment(&gso, i);
			payload += gso_segment_bytes(&gso, i) - (gso.kind ? gso.header_bytes : 0u);
		}
		require(payload == gso.len - (gso.kind ? gso.header_bytes : 0u));
	}
	free(packet);
	return 0;
}
