/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bench for tests of the send path.
 */
#include "tests/lib/seal_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/packet.h"
#include "tests/lib/require.h"

#define ETHERNET_BYTES 14
#define FRONT_BYTES (ETHERNET_BYTES + ESP_OUT_HEADER_MAX)
#define SPORT 31337
#define PARSER 7
#define CANARY 0xc5

static struct ip_addr address(uint8_t family, unsigned int i)
{
	struct ip_addr result = {.family = family == 4 ? AF_INET : AF_INET6};

	memcpy(result.bytes, packet_addr(family, i), family == 4 ? 4 : 16);
	return result;
}

struct sa_params seal_rig_params(enum sa_mode mode, uint8_t inner, uint8_t outer, enum xesp_form form)
{
	struct sa_params params = esp_rig_params(mode);

	params.src = address(outer, 2);
	params.dst = address(outer, 0);
	if (form != XESP_FORM_NATIVE) {
		params.encap.present = true;
		params.encap.type = form == XESP_FORM_UDP ? XESP_ENCAP_RFC3948 : XESP_ENCAP_IKE;
		params.encap.sport = SPORT;
		params.encap.dport = form == XESP_FORM_UDP ? 4500 : 500;
	}
	if (mode != SA_MODE_BEET)
		return params;
	params.selector.src = (struct ip_prefix){address(inner, 1), inner == 4 ? 32 : 128};
	params.selector.dst = (struct ip_prefix){address(inner, 3), inner == 4 ? 32 : 128};
	return params;
}

/* The peer's parser entry, under its form, and its SA. */
static void set_classifier(const struct seal_rig *rig, const struct sa_params *params, bool add)
{
	const struct classifier_ops *ops = rig->classifier->ops;
	struct xesp_parser_slot slot = {.id = {0}};
	const struct xesp_sa_ref ref = {.index = 1, .generation = 1, .parser_id = PARSER};
	int err;

	if (params->encap.present) {
		slot.id[params->encap.type] = add ? PARSER : 0;
		REQUIRE(ops->set_parser(rig->classifier, params->encap.dport, &slot) == 0);
	}
	err = add ? ops->add_sa(rig->classifier, params->spi, &params->dst, &ref)
		  : ops->del_sa(rig->classifier, params->spi, &params->dst);
	REQUIRE(err == 0);
}

static void set_sa(struct seal_rig *rig, const struct sa_params *params)
{
	struct sa_params out = *params;

	out.send_seq = params->replay_seq;
	REQUIRE(sa_out_new(&out, rig->peer.provider, rig->peer.crypto, &rig->sa) == 0);
	set_classifier(rig, params, true);
}

void seal_rig_setup(struct seal_rig *rig, const struct sa_params *params,
		    const struct crypto_provider *provider)
{
	const struct xesp_config config = {.enabled = 1, .packet_max = 65535, .multi_buffer = 1};

	memset(rig, 0, sizeof(*rig));
	esp_rig_setup(&rig->peer, params, provider);
	REQUIRE(iv_pool_new(&rig->ivs) == 0);
	REQUIRE(classifier_native_new(4, &rig->classifier) == 0);
	REQUIRE(rig->classifier->ops->set_config(rig->classifier, &config) == 0);
	set_sa(rig, params);
}

static void free_sa(struct seal_rig *rig)
{
	set_classifier(rig, &rig->sa->params, false);
	rig->peer.provider->forget(rig->peer.crypto, rig->sa->key);
	sa_out_free(rig->sa);
}

void seal_rig_change(struct seal_rig *rig, const struct sa_params *params)
{
	free_sa(rig);
	esp_rig_change(&rig->peer, params);
	set_sa(rig, params);
}

void seal_rig_teardown(struct seal_rig *rig)
{
	free_sa(rig);
	classifier_free(rig->classifier);
	iv_pool_free(rig->ivs);
	esp_rig_teardown(&rig->peer);
}

int seal_rig_prepare(struct seal_rig *rig, size_t slot, const uint8_t *inner, size_t len, uint32_t pad_to,
		     struct seal_packet *ret_packet)
{
	const struct sa_out *sa = rig->sa;
	struct seal_packet packet = {0};
	uint8_t *payload;
	int err;

	err = esp_out_split(sa, inner, (uint32_t)len, &packet.split);
	if (err)
		return err;
	packet.out.sa = rig->sa;
	packet.out.payload_len = packet.split.prefix_bytes + (uint32_t)len - packet.split.skip;
	packet.out.pad_to = pad_to;
	packet.out.next_header = packet.split.next_header;
	packet.out.seq = sa_out_take(rig->sa, 1);
	REQUIRE(packet.out.seq != 0 && packet.split.prefix_bytes <= packet.split.skip);
	if (sa->iv_random)
		packet.out.iv = iv_pool_take(rig->ivs, sa->iv_bytes);
	packet.out.esp = esp_rig_frame_end(&rig->peer, slot) -
			 esp_out_bytes(sa, packet.out.payload_len, packet.out.pad_to);
	memset(packet.out.esp - FRONT_BYTES, CANARY, FRONT_BYTES);
	payload = packet.out.esp + 8 + sa->iv_bytes;
	memcpy(payload, packet.split.prefix, packet.split.prefix_bytes);
	memcpy(payload + packet.split.prefix_bytes, inner + packet.split.skip, len - packet.split.skip);
	*ret_packet = packet;
	return 0;
}

static void put_headers(struct seal_packet *packet)
{
	const struct sa_out *sa = packet->out.sa;
	uint8_t *ip;

	REQUIRE(packet->out.status == 0);
	REQUIRE(packet->out.esp_len == esp_out_bytes(sa, packet->out.payload_len, packet->out.pad_to));
	for (size_t i = 1; i <= FRONT_BYTES; i++)
		REQUIRE(packet->out.esp[-(ptrdiff_t)i] == CANARY);
	packet->headers = esp_out_header_bytes(sa, &packet->split);
	REQUIRE(packet->headers <= ESP_OUT_HEADER_MAX);
	ip = packet->out.esp - packet->headers;
	REQUIRE(esp_out_headers(sa, &packet->split, packet->out.esp, packet->out.esp_len, false, ip) ==
		packet->headers);
	for (uint32_t i = packet->headers + 1; i <= FRONT_BYTES; i++)
		REQUIRE(packet->out.esp[-(ptrdiff_t)i] == CANARY);
	packet->frame_len = ETHERNET_BYTES + packet->headers + packet->out.esp_len;
	packet->frame = ip - ETHERNET_BYTES;
	packet_put16(packet->frame + 12, ip[0] >> 4 == 4 ? 0x0800 : 0x86dd);
}

void seal_rig_seal(struct seal_rig *rig, struct seal_packet *packets, size_t count)
{
	struct esp_out outs[XESP_BURST_MAX];

	for (size_t i = 0; i < count; i++)
		outs[i] = packets[i].out;
	esp_out_burst(rig->peer.crypto, outs, count);
	for (size_t i = 0; i < count; i++) {
		packets[i].out = outs[i];
		put_headers(&packets[i]);
	}
}

struct esp_packet seal_rig_arrive(struct seal_rig *rig, const struct seal_packet *packet)
{
	struct esp_packet arrived = {
		.frame = packet->frame, .frame_len = packet->frame_len, .sa = rig->peer.sa};
	struct classifier_result result;

	REQUIRE(rig->classifier->ops->run(rig->classifier, packet->frame, packet->frame_len, &result) == 0);
	if (result.reason != XESP_REASON_TO_ENGINE) {
		fprintf(stderr, "the classifier's reason is %d\n", (int)result.reason);
		abort();
	}
	REQUIRE(packet->frame + result.meta.esp_offset == packet->out.esp);
	REQUIRE(result.meta.esp_length == packet->out.esp_len && result.meta.form == rig->sa->form);
	arrived.meta = result.meta;
	return arrived;
}

/* ---- inner packets ------------------------------------------------------------------------------------- */

size_t seal_rig_inner(const struct sa_params *params, uint8_t family, uint8_t protocol, size_t data_len,
		      uint8_t *out)
{
	bool outer = params->mode == SA_MODE_TRANSPORT;
	const struct packet_spec spec = {
		.family = family,
		.protocol = protocol,
		.src = packet_addr(family, outer ? 2 : 1),
		.dst = packet_addr(family, outer ? 0 : 3),
		.sport = 1000,
		.dport = 2000,
		.data_len = data_len,
	};

	return packet_build(&spec, out);
}

void seal_rig_expect(const struct sa_params *params, uint8_t *inner)
{
	uint8_t outer = params->dst.family == AF_INET ? 4 : 6;

	if (params->mode != SA_MODE_BEET || inner[0] >> 4 == outer)
		return;
	if (outer == 4) {
		packet_put16(inner, packet_get16(inner) & 0xfff0);
		packet_put16(inner + 2, 0);
		return;
	}
	packet_put16(inner + 4, 0);
	packet_put16(inner + 6, 0x4000);
	packet_put16(inner + 10, 0);
	packet_put16(inner + 10, packet_checksum(0, inner, (inner[0] & 15) * 4u));
}
