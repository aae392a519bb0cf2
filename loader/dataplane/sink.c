/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/sink.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <xesp/limits.h>

#include "dataplane/icmp_refuse.h"

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

static bool may_answer(struct sink *sink, uint64_t now)
{
	if (sink->refusals_since != now) {
		sink->refusals_since = now;
		sink->refusals = 0;
	}
	return sink->refusals++ < XESP_REFUSALS_PER_SECOND;
}

static void answer(struct sink *sink, const uint8_t *packet, size_t len, uint64_t now)
{
	uint8_t frame[sizeof(plain_header) + ICMP_REFUSE_MAX];
	size_t answer_len = icmp_refuse(packet, len, frame + sizeof(plain_header));

	if (!answer_len || !may_answer(sink, now))
		return;
	memcpy(frame, &plain_header, sizeof(plain_header));
	(void)!write(sink->fd, frame, sizeof(plain_header) + answer_len);
}

static uint32_t refuse_tun(struct sink *sink, uint32_t max, uint64_t now)
{
	/* Of a longer packet the rest is cut off: the error quotes no more. */
	uint8_t frame[sizeof(plain_header) + ICMP_REFUSE_MAX];
	uint32_t count = 0;

	while (count < max) {
		ssize_t n = read(sink->fd, frame, sizeof(frame));

		if (n < 0)
			break;
		count++;
		if ((size_t)n > sizeof(plain_header))
			answer(sink, frame + sizeof(plain_header), (size_t)n - sizeof(plain_header), now);
	}
	return count;
}

static void deliver_null(struct sink *sink, struct esp_packet *packets, size_t count)
{
	(void)sink;
	(void)packets;
	(void)count;
}

static uint32_t refuse_null(struct sink *sink, uint32_t max, uint64_t now)
{
	(void)sink;
	(void)max;
	(void)now;
	return 0;
}

const struct sink_ops sink_tun = {.name = "tun", .deliver = deliver_tun, .refuse = refuse_tun};
const struct sink_ops sink_null = {.name = "null", .deliver = deliver_null, .refuse = refuse_null};
