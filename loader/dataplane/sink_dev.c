/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gateway sink: opened packets to hosts behind the inside interface leave through its port, as a router
 * would send them. What is not that simple - packets to this host, or to elsewhere, that need an ICMP error
 * or a neighbour that the kernel does not know yet - goes to the TUN device, and the kernel does what has to
 * be done. The worker's thread.
 */
#include <string.h>

#include "dataplane/forward.h"
#include "dataplane/inside.h"
#include "dataplane/port.h"
#include "dataplane/sink.h"
#include "dataplane/wire.h"

/* Frames that go out together, and which packets they are. */
struct leaving {
	struct port *port;
	size_t count;
	struct port_frame frames[XESP_BURST_MAX];
	struct esp_packet *packets[XESP_BURST_MAX];
};

static void leave(struct sink *sink, struct leaving *leaving)
{
	if (leaving->count)
		port_send(leaving->port, sink->worker, leaving->frames, leaving->count);
	for (size_t i = 0; i < leaving->count; i++)
		if (leaving->frames[i].failed)
			leaving->packets[i]->reason = XESP_REASON_SINK_FULL;
	leaving->count = 0;
}

/* False: it is for the TUN device. A packet that lies at the very begin of its frame, where there is no room
 * for a link-layer header, came out of transport or BEET mode. */
static bool find_way(struct sink *sink, const struct esp_packet *packet, struct nexthop_way *ret_way)
{
	const struct nexthop *hop;
	uint8_t family;

	if (packet->reason != XESP_REASON_DELIVERED ||
	    packet->packet < packet->frame + PORT_FRONT + NEXTHOP_LINK_BYTES ||
	    !forward_may(packet->packet, packet->packet_len))
		return false;
	family = packet->packet[0] >> 4;
	hop = inside_find(sink->inside, family, packet->packet + (family == 4 ? IPV4_DST : IPV6_DST));
	if (!hop)
		return false;
	nexthop_read(hop, ret_way);
	return ret_way->state == NEXTHOP_USABLE && ret_way->port &&
	       port_socket(ret_way->port, sink->worker) >= 0 && packet->packet_len <= ret_way->mtu;
}

static void add(struct sink *sink, struct leaving *leaving, struct esp_packet *packet,
		const struct nexthop_way *way)
{
	if (leaving->port != way->port)
		leave(sink, leaving);
	leaving->port = way->port;
	forward_age(packet->packet);
	memcpy(packet->packet - NEXTHOP_LINK_BYTES, way->link, NEXTHOP_LINK_BYTES);
	leaving->frames[leaving->count] = (struct port_frame){.bytes = packet->packet - NEXTHOP_LINK_BYTES,
							      .len = NEXTHOP_LINK_BYTES + packet->packet_len,
							      .count = 1};
	leaving->packets[leaving->count++] = packet;
	packet->reason = XESP_REASON_FORWARDED;
}

/* Packets to one host take one way within a burst, so their order is kept; a way that begins or ends to be
 * usable may let a burst overtake the one before. */
static void deliver_dev(struct sink *sink, struct esp_packet *packets, size_t count)
{
	struct leaving leaving;
	struct nexthop_way way;

	leaving.port = NULL;
	leaving.count = 0;
	for (size_t i = 0; sink->inside && i < count; i++)
		if (find_way(sink, &packets[i], &way))
			add(sink, &leaving, &packets[i], &way);
	leave(sink, &leaving);
	sink->ops->rest->deliver(sink, packets, count);
}

const struct sink_ops sink_dev = {.name = "dev", .deliver = deliver_dev, .rest = &sink_tun};
const struct sink_ops sink_dev_single = {.name = "dev", .deliver = deliver_dev, .rest = &sink_tun_single};
