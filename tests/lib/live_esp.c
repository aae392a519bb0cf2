/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets are made once; what sends them is in the kernel.
 */
#include "tests/lib/live_esp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/lib/frame.h"
#include "tests/lib/packet.h"
#include "tests/lib/stopwatch.h"

#define PORT 4500
#define CHUNK 16384    /* frames in one go, as fast as it can */
#define SMALL_CHUNK 64 /* where there is a rate: what an interrupt brings */

struct sa_params live_esp_params(uint32_t i)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);

	params.spi += i;
	params.replay_window = 0;
	params.encap.present = true;
	params.encap.type = XESP_ENCAP_RFC3948;
	params.encap.sport = params.encap.dport = PORT;
	return params;
}

/* The next segment of the flow, `len` bytes with headers. */
static void segment(uint8_t *ip, size_t len, uint32_t seq)
{
	const struct packet_spec spec = {.family = 4,
					 .protocol = IPPROTO_TCP,
					 .src = packet_addr(4, 1),
					 .dst = packet_addr(4, 3),
					 .sport = 1000,
					 .dport = 2000,
					 .seq = seq,
					 .flags = TH_ACK,
					 .data_len = len - 40};

	packet_build(&spec, ip);
	packet_ipv4_set16(ip, 6, IP_DF);
}

static size_t size_of(size_t i, size_t size)
{
	static const size_t imix[] = {64, 576, 64, 64, 576, 64, 1400, 64, 576, 64, 64, 576};

	return size ? size : imix[i % ARRAY_SIZE(imix)];
}

int live_esp_open(struct esp_rig *rig, uint32_t ifindex, size_t size, uint32_t sas,
		  struct live_frames *ret_frames)
{
	static const struct frame_spec spec = {.src = {AF_INET, {192, 0, 2, 2}},
					       .dst = {AF_INET, {192, 0, 2, 1}},
					       .sport = PORT,
					       .dport = PORT};
	CLEANUP_FREE struct live_template *templates = calloc(LIVE_TEMPLATES, sizeof(*templates));
	CLEANUP_FREE struct frame *frame = calloc(1, sizeof(*frame));
	size_t headers = esp_rig_headers(&esp_rig_udp4);
	uint32_t seq = 1;

	if (!templates || !frame)
		return -ENOMEM;
	for (uint32_t i = 0; i < LIVE_TEMPLATES; i++) {
		size_t len = size_of(i, size);
		struct esp_packet packet;
		uint8_t inner[1500];

		segment(inner, len, seq);
		seq += (uint32_t)len - 40;
		rig->seal.spi = live_esp_params(i % sas).spi;
		packet = esp_rig_seal_payload(rig, 0, &esp_rig_udp4, inner, len, IPPROTO_IPIP);
		/* The rig leaves of the outer headers what only the classifier looks at. */
		frame_udp(frame, &spec, packet.frame + headers, packet.frame_len - headers);
		templates[i].len = (uint32_t)frame->len;
		memcpy(templates[i].bytes, frame->bytes, frame->len);
	}
	return live_frames_open(ret_frames, ifindex, templates);
}

double live_esp_offer(const struct live_frames *frames, double rate, double seconds, double *ret_took)
{
	uint32_t chunk = rate > 0 ? SMALL_CHUNK : CHUNK;
	double begin = stopwatch_wall(), sent = 0;

	while (stopwatch_wall() - begin < seconds) {
		if (rate > 0 && sent > rate * (stopwatch_wall() - begin))
			continue;
		if (live_frames_send(frames, chunk))
			return -1;
		sent += chunk;
	}
	*ret_took = stopwatch_wall() - begin;
	return sent / *ret_took;
}
