/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksum repair behind a NAT. Pure; called by the worker that owns the SA.
 */
#include "dataplane/esp_repair.h"

#include <stddef.h>

#include "dataplane/checksum.h"
#include "dataplane/wire.h"

/* Where the checksum lies in a protocol's header. */
struct layout {
	uint32_t header_bytes;
	uint32_t checksum_offset;
};

/* False for protocols whose checksum does not cover the addresses, and those that xesp does not know. */
static bool layout_of(uint8_t family, uint8_t protocol, struct layout *ret_layout)
{
	switch (protocol) {
	case IPPROTO_TCP: *ret_layout = (struct layout){20, 16}; return true;
	case IPPROTO_UDP: *ret_layout = (struct layout){8, 6}; return true;
	case IPPROTO_ICMPV6: *ret_layout = (struct layout){4, 2}; return family == 6;
	default: return false;
	}
}

/* What to add to the sum over a packet that was summed with `original` so that it is one with `received`:
 * minus the one, in one's complement, plus the other (RFC 1624). Bytes behind an IPv4 address are 0. */
static uint64_t address_change(const struct ip_addr *original, uint8_t family, const uint8_t *received)
{
	uint16_t minus;

	if (ip_addr_is_any(original))
		return 0;
	minus = checksum_finish(checksum_add(0, original->bytes, sizeof(original->bytes)));
	return checksum_add(minus, received, family == 4 ? 4 : 16);
}

void esp_repair_checksum(const struct esp_upper *upper, uint8_t family, const uint8_t *src,
			 const uint8_t *dst, const struct sa_encap *encap)
{
	bool udp = upper->protocol == IPPROTO_UDP;
	struct layout layout;
	uint16_t checksum;
	uint8_t *at;

	if (!upper->known || upper->fragment || !layout_of(family, upper->protocol, &layout) ||
	    upper->len < layout.header_bytes)
		return;
	at = upper->header + layout.checksum_offset;
	checksum = wire_load_checksum(at);
	if (udp && checksum == 0)
		return;
	if (!ip_addr_is_any(&encap->original_src) || !ip_addr_is_any(&encap->original_dst)) {
		checksum = checksum_finish((uint16_t)~checksum +
					   address_change(&encap->original_src, family, src) +
					   address_change(&encap->original_dst, family, dst));
	} else {
		uint64_t sum = checksum_pseudo(family, src, dst, upper->len, upper->protocol);

		wire_store_checksum(at, 0);
		checksum = checksum_finish(checksum_add(sum, upper->header, upper->len));
	}
	/* RFC 768: 0 says that there is none. */
	if (udp && checksum == 0)
		checksum = 0xffff;
	wire_store_checksum(at, checksum);
}
