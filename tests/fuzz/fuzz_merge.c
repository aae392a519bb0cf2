/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for merging: any bytes as a burst. What is merged is cut again and must be what was given,
 * in the order of its flow.
 *
 * A byte whose lowest bit lets datagrams be merged; then records of: two bytes of length, big endian, of
 * which the highest bit means that the checksums are put right, and the packet.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/merge.h"
#include "tests/lib/merged.h"
#include "tests/lib/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIX_CHECKSUMS 0x8000

static void fix_checksums(uint8_t *ip, size_t len)
{
	size_t l4 = len >= 20 && ip[0] == 0x45 ? 20 : len >= 40 && ip[0] >> 4 == 6 ? 40 : 0;
	uint8_t protocol = l4 == 20 ? ip[9] : l4 ? ip[6] : 0;
	size_t at = l4 + (protocol == IPPROTO_TCP ? 16 : 6);
	uint32_t sum;

	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || len < at + 2)
		return;
	sum = (uint16_t)~packet_checksum(0, ip + (l4 == 20 ? 12 : 8), l4 == 20 ? 8 : 32);
	packet_put16(ip + at, 0);
	packet_put16(ip + at, packet_checksum(sum + protocol + (uint32_t)(len - l4), ip + l4, len - l4));
	if (l4 == 20) {
		packet_put16(ip + 10, 0);
		packet_put16(ip + 10, packet_checksum(0, ip, 20));
	}
}

/* In memory of its own, whose end ASan knows. */
static size_t read_packets(const uint8_t *data, size_t size, struct merged_packet *packets,
			   uint8_t **ret_memory)
{
	size_t count = 0;

	while (count < XESP_BURST_MAX && size >= 2) {
		uint16_t word = packet_get16(data);
		size_t len = word & ~FIX_CHECKSUMS;

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		ret_memory[count] = malloc(len ? len : 1);
		if (!ret_memory[count])
			abort();
		memcpy(ret_memory[count], data, len);
		if (word & FIX_CHECKSUMS)
			fix_checksums(ret_memory[count], len);
		packets[count] = (struct merged_packet){ret_memory[count], (uint32_t)len};
		count++;
		data += len;
		size -= len;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct merged_packet packets[XESP_BURST_MAX];
	uint8_t *memory[XESP_BURST_MAX];
	struct merge merge;
	const char *wrong;
	size_t count;

	if (size < 1)
		return 0;
	count = read_packets(data + 1, size - 1, packets, memory);
	merge_begin(&merge, data[0] & 1);
	for (size_t i = 0; i < count; i++)
		merge_add(&merge, (uint8_t)i, packets[i].packet, packets[i].len);
	wrong = merged_wrong(&merge, packets, count);
	if (wrong) {
		fprintf(stderr, "fuzz_merge: %s\n", wrong);
		abort();
	}
	for (size_t i = 0; i < count; i++)
		free(memory[i]);
	return 0;
}
