/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What selectors look at, read from a packet of the host. Pure; workers.
 */
#include "dataplane/esp_upper.h"
#include "dataplane/spd.h"
#include "dataplane/wire.h"

#define PORTS_BYTES 4

static void read_upper(const struct esp_upper *upper, struct spd_flow *flow)
{
	flow->protocol = upper->protocol;
	flow->has_ports =
		sa_selector_has_ports(upper->protocol) && upper->header && upper->len >= PORTS_BYTES;
	if (!flow->has_ports)
		return;
	flow->sport = wire_get16(upper->header);
	flow->dport = wire_get16(upper->header + 2);
}

static bool flow_of_ipv4(uint8_t *ip, size_t len, struct spd_flow *flow)
{
	struct esp_upper upper;
	uint32_t header, total;

	if (len < IPV4_HEADER_BYTES)
		return false;
	header = (ip[0] & 0x0fu) * 4;
	total = wire_get16(ip + IPV4_TOTAL_LENGTH);
	if (header < IPV4_HEADER_BYTES || header > total || total > len)
		return false;
	flow->family = 4;
	memcpy(flow->src, ip + IPV4_SRC, 4);
	memcpy(flow->dst, ip + IPV4_DST, 4);
	esp_upper_find(4, ip[IPV4_PROTOCOL], wire_get16(ip + IPV4_FRAGMENT), ip + header, total - header,
		       &upper);
	read_upper(&upper, flow);
	return true;
}

static bool flow_of_ipv6(uint8_t *ip, size_t len, struct spd_flow *flow)
{
	struct esp_upper upper;
	uint32_t payload;

	if (len < IPV6_HEADER_BYTES)
		return false;
	payload = wire_get16(ip + IPV6_PAYLOAD_LENGTH);
	if (payload > len - IPV6_HEADER_BYTES)
		return false;
	flow->family = 6;
	memcpy(flow->src, ip + IPV6_SRC, 16);
	memcpy(flow->dst, ip + IPV6_DST, 16);
	esp_upper_find(6, ip[IPV6_NEXT_HEADER], 0, ip + IPV6_HEADER_BYTES, payload, &upper);
	read_upper(&upper, flow);
	return upper.known;
}

bool spd_flow_of(const uint8_t *packet, size_t len, struct spd_flow *ret_flow)
{
	uint8_t *ip = (uint8_t *)packet; /* esp_upper_find() writes nothing */
	struct spd_flow flow = {0};
	bool good = false;

	if (len < IPV4_HEADER_BYTES)
		return false;
	switch (ip[0] >> 4) {
	case 4: good = flow_of_ipv4(ip, len, &flow); break;
	case 6: good = flow_of_ipv6(ip, len, &flow); break;
	default: break;
	}
	if (good)
		*ret_flow = flow;
	return good;
}
