/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for sealing: any bytes as the host's packet, in any suite, mode, family and form. What its
 * reader takes for a packet is refused or sealed, by both providers to the same bytes; the peer opens it, and
 * what comes out is what went in.
 *
 * The first four bytes choose, the rest is the packet.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/spd.h"
#include "tests/lib/packet.h"
#include "tests/lib/require.h"
#include "tests/lib/seal_rig.h"
#include "tests/lib/suite_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHOICE_BYTES 4
#define SUITES_MAX 256
#define ETHERNET_BYTES 14

/* Of the second byte; the first is the suite. */
#define SA_MODE_MASK 0x03
#define SA_INNER_IPV6 0x04
#define SA_OUTER_IPV6 0x08
#define SA_FORM_SHIFT 4
#define SA_ESN 0x40
#define SA_NO_ECN 0x80

static bool suite_of(uint8_t choice, struct suite *ret_suite)
{
	static size_t count;

	if (!count)
		count = suites_count();
	return suites_at(choice % count, ret_suite);
}

static struct sa_params params_of(const uint8_t *choice)
{
	uint8_t what = choice[1];
	struct sa_params params = seal_rig_params(suite_modes[(what & SA_MODE_MASK) % SUITE_MODES],
						  what & SA_INNER_IPV6 ? 6 : 4, what & SA_OUTER_IPV6 ? 6 : 4,
						  (enum xesp_form)((what >> SA_FORM_SHIFT & 3) % 3));
	struct suite suite;

	REQUIRE(suite_of(choice[0], &suite));
	esp_rig_suite(&params, suite.cipher->id, suite.cipher_key_bytes,
		      suite.auth ? suite.auth->id : ALGO_NONE, suite.icv_bytes);
	if (what & SA_ESN) {
		params.flags |= SA_FLAG_ESN;
		params.replay_seq = 0xfffffff0;
	}
	if (what & SA_NO_ECN)
		params.flags |= SA_FLAG_NO_ECN;
	return params;
}

/* One a provider, once a process, with one SA at a time: what libFuzzer calls has no other place for state.
 */
static struct seal_rig *rig_of(size_t provider, const struct sa_params *params)
{
	static struct seal_rig rigs[2];
	struct seal_rig *rig = &rigs[provider];

	if (!rig->sa)
		seal_rig_setup(rig, params, provider ? &crypto_openssl : NULL);
	else
		seal_rig_change(rig, params);
	return rig;
}

/* The length of the packet as its header says, 0 if it is none. */
static size_t length_of(const uint8_t *packet, size_t size, struct spd_flow *ret_flow)
{
	if (!spd_flow_of(packet, size, ret_flow))
		return 0;
	return ret_flow->family == 4 ? packet_get16(packet + 2) : packet_get16(packet + 4) + 40u;
}

static struct esp_packet arrive(struct seal_rig *rig, const struct seal_packet *packet)
{
	struct esp_packet arrived = {
		.frame = packet->frame, .frame_len = packet->frame_len, .sa = rig->peer.sa};

	arrived.meta = (struct xesp_meta){
		.magic = XESP_META_MAGIC,
		.l3_offset = ETHERNET_BYTES,
		.esp_offset = (uint16_t)(ETHERNET_BYTES + packet->headers),
		.esp_length = (uint16_t)packet->out.esp_len,
		.family = packet->frame[ETHERNET_BYTES] >> 4,
		.form = rig->sa->form,
	};
	return arrived;
}

/* Where the upper-layer checksum is, which the peer repairs behind a NAT; 0: nowhere. */
static size_t checksum_at(const struct spd_flow *flow)
{
	switch (flow->protocol) {
	case IPPROTO_UDP: return 6;
	case IPPROTO_TCP: return 16;
	case IPPROTO_ICMPV6: return 2;
	default: return 0;
	}
}

/* Behind the IP header that is made anew all is as it was, up to what UDP does not cover, but for a checksum.
 */
static void check_payload(const struct seal_packet *packet, const uint8_t *opened, size_t opened_len,
			  size_t len, const struct spd_flow *flow)
{
	const uint8_t *inner = packet->split.inner;
	size_t at = packet->split.skip, sum = checksum_at(flow);
	size_t differing = 0;

	REQUIRE(opened_len <= len && opened_len >= at);
	REQUIRE(opened_len == len || flow->protocol == IPPROTO_UDP);
	for (; at < opened_len; at++)
		differing += opened[at] != inner[at];
	REQUIRE(differing == 0 || (sum && differing <= 2));
}

static void check_opened(const struct seal_rig *rig, const struct seal_packet *packet,
			 const struct esp_packet *arrived, size_t len, const struct spd_flow *flow)
{
	if (rig->sa->mode == SA_MODE_TRANSPORT && packet->split.next_header == IPPROTO_NONE) {
		REQUIRE(arrived->reason == XESP_REASON_DUMMY);
		return;
	}
	/* What the pseudo-header, which only IPv4 has, would tell apart. */
	if (rig->sa->mode == SA_MODE_BEET && packet->split.inner[0] >> 4 == 6 &&
	    (packet->split.next_header == IPPROTO_BEETPH || packet->split.next_header == IPPROTO_NONE))
		return;
	if (rig->sa->mode == SA_MODE_BEET && arrived->reason == XESP_REASON_BAD_META)
		return;
	REQUIRE(arrived->reason == XESP_REASON_DELIVERED);
	if (rig->sa->mode == SA_MODE_TUNNEL) {
		REQUIRE(arrived->packet_len == len && !memcmp(arrived->packet, packet->split.inner, len));
		return;
	}
	check_payload(packet, arrived->packet, arrived->packet_len, len, flow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seal_packet packets[2];
	struct esp_packet arrived;
	struct seal_rig *rigs[2];
	struct sa_params params;
	struct spd_flow flow;
	uint32_t pad_to;
	size_t len;

	if (size < CHOICE_BYTES)
		return 0;
	len = length_of(data + CHOICE_BYTES, size - CHOICE_BYTES, &flow);
	if (len == 0)
		return 0;
	params = params_of(data);
	for (size_t i = 0; i < 2; i++)
		rigs[i] = rig_of(i, &params);
	rigs[1]->sa->iv_base = rigs[0]->sa->iv_base;
	pad_to = params.mode == SA_MODE_TUNNEL ? data[2] * 8u : 0;
	for (size_t i = 0; i < 2; i++)
		if (seal_rig_prepare(rigs[i], data[3] % XESP_BURST_MAX, data + CHOICE_BYTES, len, pad_to,
				     &packets[i]))
			return 0;
	packets[1].out.iv = packets[0].out.iv;
	for (size_t i = 0; i < 2; i++)
		seal_rig_seal(rigs[i], &packets[i], 1);
	REQUIRE(packets[0].frame_len == packets[1].frame_len);
	REQUIRE(!memcmp(packets[0].frame + 12, packets[1].frame + 12, packets[0].frame_len - 12));
	arrived = arrive(rigs[1], &packets[0]);
	esp_open_burst(rigs[1]->peer.crypto, &arrived, 1, ESP_RIG_NOW);
	check_opened(rigs[1], &packets[0], &arrived, len, &flow);
	return 0;
}
