/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gateway sink: opened packets to hosts behind the inside interface leave through its port, as a router
 * would send them. What is not that simple - packets to this host, or to elsewhere, that need an ICMP error
 * or a neighbour that the kernel does not know yet - goes to the TUN device, and the kernel does what has to
 * be done. The worker's thread.
 */
#include <errno.h>
#include <string.h>

#include "dataplane/forward.h"
#include "dataplane/inside.h"
#include "dataplane/port.h"
#include "dataplane/sink.h"
#include "dataplane/wire.h"

/* In front of the payload of a group. */
struct group_front {
	struct virtio_net_hdr header;
	uint8_t bytes[NEXTHOP_LINK_BYTES + MERGE_HEADER_MAX];
};

_Static_assert(offsetof(struct group_front, bytes) == PORT_FRONT, "one piece");

/* What goes out together, through one port. A packet needs a part of its own, a group one more. */
struct leaving {
	struct port *port;
	size_t count, part_count, front_count;
	struct port_piece pieces[XESP_BURST_MAX];
	const struct merge_group *groups[XESP_BURST_MAX]; /* that the pieces are */
	struct iovec parts[2 * XESP_BURST_MAX];
	struct group_front fronts[XESP_BURST_MAX / 2];
};

/* Of a burst. */
struct burst_ways {
	struct nexthop_way of[XESP_BURST_MAX];
};

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

/* ---- one by one -----------------------------------------------------------------------------------------
 */

/* As it stands in the frame: what is in front of it is no longer needed. */
static struct iovec write_single(const struct esp_packet *packet, const struct nexthop_way *way)
{
	uint8_t *link = packet->packet - NEXTHOP_LINK_BYTES;

	forward_age(packet->packet);
	memcpy(link, way->link, NEXTHOP_LINK_BYTES);
	memset(link - PORT_FRONT, 0, PORT_FRONT);
	return (struct iovec){link - PORT_FRONT, PORT_FRONT + NEXTHOP_LINK_BYTES + packet->packet_len};
}

static enum xesp_reason reason_of(int error)
{
	if (!error)
		return XESP_REASON_FORWARDED;
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM ? XESP_REASON_SINK_FULL
								      : XESP_REASON_SINK_ERROR;
}

static void send_singly(struct sink *sink, struct port *port, const struct merge_group *group,
			struct esp_packet *packets, const struct burst_ways *ways)
{
	uint8_t at = group->first;

	for (uint8_t i = 0; i < group->count; i++, at = sink->merge.next[at]) {
		struct iovec part = write_single(&packets[at], &ways->of[at]);
		struct port_piece piece = {.parts = &part, .part_count = 1, .count = 1};

		port_send_pieces(port, sink->worker, &piece, 1);
		packets[at].reason = reason_of(piece.error);
	}
}

/* ---- groups ---------------------------------------------------------------------------------------------
 */

/* Headers are a copy, so that those of the packets stay as they came: they may have to go one by one. */
static void add_group(const struct sink *sink, struct leaving *leaving, const struct merge_group *group,
		      const struct esp_packet *packets, const struct nexthop_way *way)
{
	struct group_front *front = &leaving->fronts[leaving->front_count++];
	struct iovec *parts = &leaving->parts[leaving->part_count];
	uint8_t *ip = front->bytes + NEXTHOP_LINK_BYTES, at = group->first;

	merge_headers(group, &front->header, ip);
	front->header.csum_start += NEXTHOP_LINK_BYTES;
	front->header.hdr_len += NEXTHOP_LINK_BYTES;
	forward_age(ip);
	memcpy(front->bytes, way->link, NEXTHOP_LINK_BYTES);
	parts[0] = (struct iovec){front, PORT_FRONT + NEXTHOP_LINK_BYTES + group->header_bytes};
	for (int i = 1; i <= group->count; i++, at = sink->merge.next[at])
		parts[i] = (struct iovec){packets[at].packet + group->header_bytes,
					  packets[at].packet_len - group->header_bytes};
	leaving->part_count += 1u + group->count;
	leaving->pieces[leaving->count] =
		(struct port_piece){.parts = parts, .part_count = 1u + group->count, .count = group->count};
	leaving->groups[leaving->count++] = group;
}

static void add_single(struct leaving *leaving, const struct merge_group *group,
		       const struct esp_packet *packet, const struct nexthop_way *way)
{
	struct iovec *part = &leaving->parts[leaving->part_count++];

	*part = write_single(packet, way);
	leaving->pieces[leaving->count] = (struct port_piece){.parts = part, .part_count = 1, .count = 1};
	leaving->groups[leaving->count++] = group;
}

/* Kernels before 6.2 know no merged datagrams, and say EINVAL to them: those go packet by packet. */
static void settle(struct sink *sink, const struct leaving *leaving, size_t i, struct esp_packet *packets,
		   const struct burst_ways *ways)
{
	const struct merge_group *group = leaving->groups[i];
	int error = leaving->pieces[i].error;
	uint8_t at = group->first;

	if (error == EINVAL && group->count > 1) {
		if (group->kind == MERGE_UDP)
			atomic_store_explicit(&sink->udp_refused, true, memory_order_relaxed);
		send_singly(sink, leaving->port, group, packets, ways);
		return;
	}
	for (uint8_t j = 0; j < group->count; j++, at = sink->merge.next[at])
		packets[at].reason = reason_of(error);
}

static void leave(struct sink *sink, struct leaving *leaving, struct esp_packet *packets,
		  const struct burst_ways *ways)
{
	if (leaving->count)
		port_send_pieces(leaving->port, sink->worker, leaving->pieces, leaving->count);
	for (size_t i = 0; i < leaving->count; i++)
		settle(sink, leaving, i, packets, ways);
	leaving->count = leaving->part_count = leaving->front_count = 0;
}

/* The packets of a group have one destination, and so one way. */
static void send_groups(struct sink *sink, struct esp_packet *packets, const struct burst_ways *ways)
{
	struct leaving leaving;

	leaving.port = NULL;
	leaving.count = leaving.part_count = leaving.front_count = 0;
	for (size_t i = 0; i < sink->merge.count; i++) {
		const struct merge_group *group = &sink->merge.groups[i];
		const struct nexthop_way *way = &ways->of[group->first];

		if (leaving.port != way->port)
			leave(sink, &leaving, packets, ways);
		leaving.port = way->port;
		if (group->count > 1)
			add_group(sink, &leaving, group, packets, way);
		else
			add_single(&leaving, group, &packets[group->first], way);
	}
	leave(sink, &leaving, packets, ways);
}

static void add_alone(struct merge *merge, size_t i)
{
	merge->groups[merge->count++] =
		(struct merge_group){.count = 1, .first = (uint8_t)i, .last = (uint8_t)i};
}

/* Packets to one host take one way within a burst, so their order is kept; a way that begins or ends to be
 * usable may let a burst overtake the one before. */
static void deliver_dev(struct sink *sink, struct esp_packet *packets, size_t count)
{
	struct merge *merge = &sink->merge;
	struct burst_ways ways;

	merge_begin(merge, !atomic_load_explicit(&sink->udp_refused, memory_order_relaxed));
	for (size_t i = 0; sink->inside && i < count; i++) {
		if (!find_way(sink, &packets[i], &ways.of[i]))
			continue;
		if (sink->ops->rest == &sink_tun)
			merge_add(merge, (uint8_t)i, packets[i].packet, packets[i].packet_len);
		else
			add_alone(merge, i);
	}
	send_groups(sink, packets, &ways);
	sink->ops->rest->deliver(sink, packets, count);
}

const struct sink_ops sink_dev = {.name = "dev", .deliver = deliver_dev, .rest = &sink_tun};
const struct sink_ops sink_dev_single = {.name = "dev", .deliver = deliver_dev, .rest = &sink_tun_single};
