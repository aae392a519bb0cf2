/* SPDX-License-Identifier: BSD-2-Clause */
/* Called by workers. */
#include "dataplane/tcp_mss.h"

#include <netinet/in.h>

#include "dataplane/checksum.h"
#include "dataplane/esp_upper.h"
#include "dataplane/wire.h"

#define TCP_HEADER_BYTES 20
#define TCP_DATA_OFFSET 12
#define TCP_FLAGS 13
#define TCP_CHECKSUM 16
#define TCP_SYN 0x02
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_MSS_BYTES 4
#define MSS_MIN 88 /* as low as Linux itself goes (tcp_min_snd_mss and its options) */

/* The option's value in a TCP header of `bytes`; NULL: it has none. */
static uint8_t *find_mss(uint8_t *tcp, uint32_t bytes)
{
	uint32_t at = TCP_HEADER_BYTES;

	while (at < bytes && tcp[at] != OPTION_END) {
		uint32_t len = 1;

		if (tcp[at] != OPTION_NOP) {
			if (at + 1 >= bytes || tcp[at + 1] < 2 || at + tcp[at + 1] > bytes)
				return NULL;
			len = tcp[at + 1];
		}
		if (tcp[at] == OPTION_MSS && len == OPTION_MSS_BYTES)
			return tcp + at + 2;
		at += len;
	}
	return NULL;
}

/* The checksum covers words at even offsets; an option may lie at an odd one. */
static void replace(uint8_t *tcp, uint8_t *at, uint16_t value, bool partial)
{
	uint32_t word = (uint32_t)(at - tcp) & ~1u, bytes = (uint32_t)(at - tcp) & 1 ? 4 : 2;
	uint16_t checksum = wire_load_checksum(tcp + TCP_CHECKSUM);
	uint16_t before[2], after[2];

	memcpy(before, tcp + word, bytes);
	wire_put16(at, value);
	memcpy(after, tcp + word, bytes);
	if (partial)
		return;
	for (uint32_t i = 0; i < bytes / 2; i++)
		checksum = checksum_replace16(checksum, before[i], after[i]);
	wire_store_checksum(tcp + TCP_CHECKSUM, checksum);
}

/* The TCP header of a SYN, and its bytes; NULL: it is something else. */
static uint8_t *find_syn(uint8_t *packet, uint32_t len, uint32_t *ret_bytes)
{
	bool is_ipv4 = packet[0] >> 4 == 4;
	uint32_t header = is_ipv4 ? (packet[0] & 0x0fu) * 4 : IPV6_HEADER_BYTES, bytes;
	struct esp_upper upper;

	if (len < header || len < IPV4_HEADER_BYTES)
		return NULL;
	esp_upper_find(is_ipv4 ? 4 : 6, packet[is_ipv4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER],
		       is_ipv4 ? wire_get16(packet + IPV4_FRAGMENT) : 0, packet + header, len - header,
		       &upper);
	if (!upper.known || upper.protocol != IPPROTO_TCP || upper.fragment || upper.len < TCP_HEADER_BYTES ||
	    !(upper.header[TCP_FLAGS] & TCP_SYN))
		return NULL;
	bytes = (upper.header[TCP_DATA_OFFSET] >> 4) * 4u;
	if (bytes < TCP_HEADER_BYTES || bytes > upper.len)
		return NULL;
	*ret_bytes = bytes;
	return upper.header;
}

bool tcp_mss_is_syn(uint8_t *packet, uint32_t len)
{
	uint32_t ignored;

	return find_syn(packet, len, &ignored) != NULL;
}

void tcp_mss_clamp(uint8_t *packet, uint32_t len, uint32_t mtu, bool partial)
{
	uint32_t bytes, most = packet[0] >> 4 == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
	uint8_t *tcp = find_syn(packet, len, &bytes), *mss;

	if (!tcp)
		return;
	most += TCP_HEADER_BYTES;
	most = mtu > most + MSS_MIN ? mtu - most : MSS_MIN;
	mss = find_mss(tcp, bytes);
	if (mss && wire_get16(mss) > most)
		replace(tcp, mss, (uint16_t)most, partial);
}
