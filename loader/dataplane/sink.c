/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/sink.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <unistd.h>

/* The virtio-net header of a packet whose checksums are to be verified as those of any packet. */
static const struct virtio_net_hdr plain_header = {.flags = 0, .gso_type = VIRTIO_NET_HDR_GSO_NONE};

_Static_assert(sizeof(plain_header) <= ESP_HEADROOM, "the header fits in front of the packet");

static void write_packet(int fd, struct esp_packet *packet)
{
	uint8_t *start = packet->packet - sizeof(plain_header);
	ssize_t n;

	memcpy(start, &plain_header, sizeof(plain_header));
	n = write(fd, start, sizeof(plain_header) + packet->packet_len);
	if (n < 0)
		packet->reason = errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM
					 ? XESP_REASON_SINK_FULL
					 : XESP_REASON_SINK_ERROR;
}

static void deliver_tun(struct sink *sink, struct esp_packet *packets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (esp_is_delivered(packets[i].reason))
			write_packet(sink->fd, &packets[i]);
}

static void deliver_null(struct sink *sink, struct esp_packet *packets, size_t count)
{
	(void)sink;
	(void)packets;
	(void)count;
}

const struct sink_ops sink_tun = {.name = "tun", .deliver = deliver_tun};
const struct sink_ops sink_null = {.name = "null", .deliver = deliver_null};
