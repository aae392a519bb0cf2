/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding the upper-layer protocol. Pure; called by the worker that owns the SA, for SAs with selectors and
 * in transport and BEET mode.
 */
#include "dataplane/esp_upper.h"

#include <netinet/in.h>
#include <stddef.h>

#include "dataplane/wire.h"

/* RFC 8200 section 4.1 lists each header once, destination options twice; more are a waste of our time. */
#define EXTENSIONS_MAX 8

#define IPPROTO_HIP 139
#define IPPROTO_SHIM6 140

#define UDP_HEADER_BYTES 8
#define UDP_LENGTH 4

#define FRAGMENT_OFFSET_MASK 0xfff8
#define IPV4_MORE_FRAGMENTS 0x2000

/* Bytes of the extension header at `data`, of which at least 8 are there; 0 if `protocol` is none. */
static uint32_t extension_bytes(uint8_t protocol, const uint8_t *data)
{
	switch (protocol) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
	case IPPROTO_HIP:
	case IPPROTO_SHIM6: return (data[1] + 1u) * 8;
	case IPPROTO_FRAGMENT: return 8;
	case IPPROTO_AH: return (data[1] + 2u) * 4; /* RFC 4302 section 2.2 */
	default: return 0;
	}
}

static bool is_extension(uint8_t protocol)
{
	static const uint8_t shortest[8];

	return extension_bytes(protocol, shortest) != 0;
}

static void find_ipv6(uint8_t protocol, uint8_t *data, uint32_t len, struct esp_upper *ret_upper)
{
	bool fragment = false;

	for (unsigned int i = 0; i < EXTENSIONS_MAX; i++) {
		uint32_t bytes;

		if (!is_extension(protocol)) {
			*ret_upper = (struct esp_upper){true, protocol, data, len, fragment};
			return;
		}
		if (len < 8)
			return;
		bytes = extension_bytes(protocol, data);
		if (bytes > len)
			return;
		if (protocol == IPPROTO_FRAGMENT) {
			fragment = true;
			/* What follows a later fragment's header is data; an extension header named here
			 * is in the first fragment, and with it the protocol. */
			if (wire_get16(data + 2) & FRAGMENT_OFFSET_MASK) {
				if (!is_extension(data[0]))
					*ret_upper = (struct esp_upper){true, data[0], NULL, 0, true};
				return;
			}
		}
		protocol = data[0];
		data += bytes;
		len -= bytes;
	}
}

void esp_upper_find(uint8_t family, uint8_t protocol, uint16_t fragment, uint8_t *data, uint32_t len,
		    struct esp_upper *ret_upper)
{
	*ret_upper = (struct esp_upper){0};
	if (family == 6)
		find_ipv6(protocol, data, len, ret_upper);
	else if (fragment & IPV4_FRAGMENT_OFFSET_MASK)
		*ret_upper = (struct esp_upper){true, protocol, NULL, 0, true};
	else
		*ret_upper = (struct esp_upper){true, protocol, data, len, fragment & IPV4_MORE_FRAGMENTS};
}

uint32_t esp_upper_trim(struct esp_upper *upper)
{
	uint32_t padding;
	uint32_t udp_len;

	if (!upper->known || upper->protocol != IPPROTO_UDP || upper->fragment ||
	    upper->len < UDP_HEADER_BYTES)
		return 0;
	udp_len = wire_get16(upper->header + UDP_LENGTH);
	if (udp_len < UDP_HEADER_BYTES || udp_len > upper->len)
		return 0;
	padding = upper->len - udp_len;
	upper->len = udp_len;
	return padding;
}
