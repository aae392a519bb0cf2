/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/sink.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* The virtio-net header of a packet whose checksums are to be verified as those of any packet. */
static const struct virtio_net_hdr plain_header = {.flags = 0, .gso_type = VIRTIO_NET_HDR_GSO_NONE};

_Static_assert(sizeof(plain_header) <= ESP_HEADROOM, "the header fits in front of the packet");

/* In front of the payload of a group. */
struct group_header {
	struct virtio_net_hdr header;
	uint8_t packet[MERGE_HEADER_MAX];
};

_Static_assert(offsetof(struct group_header, packet) == sizeof(struct virtio_net_hdr), "one piece");

static enum xesp_reason reason_of(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM ? XESP_REASON_SINK_FULL
								      : XESP_REASON_SINK_ERROR;
}

static void write_packet(int fd, struct esp_packet *packet)
{
	uint8_t *start = packet->packet - sizeof(plain_header);
	ssize_t n;

	memcpy(start, &plain_header, sizeof(plain_header));
	n = write(fd, start, sizeof(plain_header) + packet->packet_len);
	if (n < 0)
		packet->reason = reason_of(errno);
}

/* ---- merged packets ----------------------------------------------------------------------------------- */

static void add_to(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Headers are copied, so that those of the first packet stay as they came: it may have to go alone after all.
 */
static int write_merged(struct sink *sink, const struct merge_group *group, const struct esp_packet *packets)
{
	struct group_header header;
	struct iovec parts[1 + XESP_BURST_MAX];
	uint8_t at = group->first;

	merge_headers(group, &header.header, header.packet);
	parts[0] = (struct iovec){&header, sizeof(header.header) + group->header_bytes};
	for (int i = 1; i <= group->count; i++, at = sink->merge.next[at])
		parts[i] = (struct iovec){packets[at].packet + group->header_bytes,
					  packets[at].packet_len - group->header_bytes};
	return writev(sink->fd, parts, 1 + group->count) < 0 ? errno : 0;
}

/* Kernels before 6.2 know no merged datagrams, and say EINVAL to them as to all that they cannot make sense
 * of: what is refused so goes packet by packet. */
static void write_group(struct sink *sink, const struct merge_group *group, struct esp_packet *packets)
{
	int error = group->count > 1 ? write_merged(sink, group, packets) : EINVAL;
	uint8_t at = group->first;

	if (!error) {
		add_to(&sink->merged_packets, group->count);
		add_to(&sink->merged_writes, 1);
		return;
	}
	if (group->count > 1 && error == EINVAL && group->kind == MERGE_UDP)
		atomic_store_explicit(&sink->udp_refused, true, memory_order_relaxed);
	for (uint8_t i = 0; i < group->count; i++, at = sink->merge.next[at])
		if (error == EINVAL)
			write_packet(sink->fd, &packets[at]);
		else
			packets[at].reason = reason_of(error);
}

static void deliver_merged(struct sink *sink, struct esp_packet *packets, size_t count)
{
	struct merge *merge = &sink->merge;

	merge_begin(merge, !atomic_load_explicit(&sink->udp_refused, memory_order_relaxed));
	for (size_t i = 0; i < count; i++)
		if (esp_is_delivered(packets[i].reason))
			merge_add(merge, (uint8_t)i, packets[i].packet, packets[i].packet_len);
	for (size_t i = 0; i < merge->count; i++)
		write_group(sink, &merge->groups[i], packets);
}

static void deliver_single(struct sink *sink, struct esp_packet *packets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (esp_is_delivered(packets[i].reason))
			write_packet(sink->fd, &packets[i]);
}

/* ---- no device ---------------------------------------------------------------------------------------- */

static void deliver_null(struct sink *sink, struct esp_packet *packets, size_t count)
{
	(void)sink;
	(void)packets;
	(void)count;
}

const struct sink_ops sink_tun = {.name = "tun", .deliver = deliver_merged};
const struct sink_ops sink_tun_single = {.name = "tun", .deliver = deliver_single};
const struct sink_ops sink_null = {.name = "null", .deliver = deliver_null};

static const char *merges(const struct sink *sink)
{
	const struct sink_ops *ops = sink->ops->rest ? sink->ops->rest : sink->ops;

	if (ops != &sink_tun)
		return "none";
	return atomic_load_explicit(&sink->udp_refused, memory_order_relaxed) ? "tcp" : "tcp_udp";
}

void sink_read_state(const struct sink *sink, struct sink_state *ret_state)
{
	ret_state->merges = merges(sink);
	ret_state->merged_packets = atomic_load_explicit(&sink->merged_packets, memory_order_relaxed);
	ret_state->merged_writes = atomic_load_explicit(&sink->merged_writes, memory_order_relaxed);
}
