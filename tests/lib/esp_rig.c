/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bench for tests of the ESP path.
 */
#include "tests/lib/esp_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/packet.h"
#include "tests/lib/require.h"

#define ETHERNET_BYTES 14
#define FRAME_MAX 16384

const struct esp_rig_outer esp_rig_udp4 = {4, XESP_FORM_UDP, 0};

void esp_rig_suite(struct sa_params *params, enum algo_id cipher, uint8_t cipher_key_bytes, enum algo_id auth,
		   uint8_t icv_bytes)
{
	const struct algo *auth_row = algo_by_id(auth);

	params->cipher = cipher;
	params->auth = auth;
	params->key_bytes = cipher_key_bytes ? cipher_key_bytes + algo_by_id(cipher)->salt_bytes : 0;
	params->auth_key_bytes = auth_row ? auth_row->key_bytes[0] : 0;
	params->icv_bytes = auth_row ? auth_row->icv_bytes[0] : icv_bytes;
	for (size_t i = 0; i < params->key_bytes; i++)
		params->key[i] = (uint8_t)(0x30 + 7 * i);
	for (size_t i = 0; i < params->auth_key_bytes; i++)
		params->auth_key[i] = (uint8_t)(0x91 + 5 * i);
}

struct sa_params esp_rig_params(enum sa_mode mode)
{
	struct sa_params params = {.spi = ESP_RIG_SPI, .mode = mode, .replay_window = 64};

	esp_rig_suite(&params, ALGO_AES_GCM, 16, ALGO_NONE, 16);
	params.dst.family = AF_INET;
	memcpy(params.dst.bytes, packet_addr4[0], 4);
	return params;
}

static void set_sa(struct esp_rig *rig, const struct sa_params *params)
{
	REQUIRE(sa_new(params, rig->provider, rig->crypto, &rig->sa) == 0);
	memcpy(rig->key, params->key, sizeof(rig->key));
	memcpy(rig->auth_key, params->auth_key, sizeof(rig->auth_key));
	rig->seal = (struct esp_seal){
		.key = rig->key,
		.key_bytes = params->key_bytes,
		.spi = params->spi,
		.seq = params->replay_seq + 1,
		.esn = params->flags & SA_FLAG_ESN,
		.cipher = params->cipher,
		.auth = params->auth,
		.auth_key = rig->auth_key,
		.auth_key_bytes = params->auth_key_bytes,
		.icv_bytes = params->icv_bytes,
	};
}

void esp_rig_setup(struct esp_rig *rig, const struct sa_params *params,
		   const struct crypto_provider *provider)
{
	memset(rig, 0, sizeof(*rig));
	rig->provider = provider ? provider : crypto_provider_by_name("auto");
	REQUIRE(rig->provider->ctx_new(&rig->crypto) == 0);
	set_sa(rig, params);
}

void esp_rig_change(struct esp_rig *rig, const struct sa_params *params)
{
	rig->provider->forget(rig->crypto, rig->sa->key);
	sa_free(rig->sa);
	set_sa(rig, params);
}

void esp_rig_setup_mode(struct esp_rig *rig, enum sa_mode mode)
{
	const struct sa_params params = esp_rig_params(mode);

	esp_rig_setup(rig, &params, NULL);
}

void esp_rig_teardown(struct esp_rig *rig)
{
	sa_free(rig->sa);
	rig->provider->ctx_free(rig->crypto);
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		if (rig->frames[i].end)
			guard_free(&rig->frames[i]);
}

static size_t ip_header_bytes(const struct esp_rig_outer *outer)
{
	return outer->family == 4 ? 20 : 40;
}

static size_t encap_bytes(const struct esp_rig_outer *outer)
{
	return outer->form == XESP_FORM_NATIVE ? 0 : outer->form == XESP_FORM_UDP ? 8 : 16;
}

size_t esp_rig_headers(const struct esp_rig_outer *outer)
{
	return ETHERNET_BYTES + ip_header_bytes(outer) + encap_bytes(outer);
}

uint8_t *esp_rig_frame_end(struct esp_rig *rig, size_t slot)
{
	if (!rig->frames[slot].end)
		rig->frames[slot] = guard_new(FRAME_MAX);
	return rig->frames[slot].end;
}

static void write_headers(const struct esp_rig_outer *outer, size_t esp_len, uint8_t *frame)
{
	struct packet_spec spec = {
		.family = outer->family,
		.ds = outer->ds,
		.protocol = IPPROTO_ESP,
		.src = packet_addr(outer->family, 2),
		.dst = packet_addr(outer->family, 0),
	};
	size_t ip_payload = encap_bytes(outer) + esp_len;
	uint8_t *ip = frame + ETHERNET_BYTES;
	uint8_t *udp = ip + ip_header_bytes(outer);

	memset(frame, 0x55, ETHERNET_BYTES);
	packet_build(&spec, ip);
	if (outer->form != XESP_FORM_NATIVE) {
		memset(udp, 0, encap_bytes(outer));
		packet_put16(udp, 31337);
		packet_put16(udp + 2, outer->form == XESP_FORM_UDP ? 4500 : 500);
		packet_put16(udp + 4, (uint16_t)ip_payload);
		ip[outer->family == 4 ? 9 : 6] = IPPROTO_UDP;
	}
	packet_put16(ip + (outer->family == 4 ? 2 : 4),
		     (uint16_t)(ip_payload + (outer->family == 4 ? 20 : 0)));
	if (outer->family == 4) {
		packet_put16(ip + 10, 0);
		packet_put16(ip + 10, packet_checksum(0, ip, 20));
	}
}

struct esp_packet esp_rig_wrap(struct esp_rig *rig, size_t slot, const struct esp_rig_outer *outer,
			       const uint8_t *esp, size_t esp_len)
{
	size_t headers = esp_rig_headers(outer);
	struct esp_packet packet = {
		.frame = esp_rig_frame_end(rig, slot) - headers - esp_len,
		.frame_len = (uint32_t)(headers + esp_len),
		.sa = rig->sa,
		.meta =
			{
				.magic = XESP_META_MAGIC,
				.l3_offset = ETHERNET_BYTES,
				.esp_offset = (uint16_t)headers,
				.esp_length = (uint16_t)esp_len,
				.family = outer->family,
				.form = outer->form,
			},
	};

	REQUIRE(headers + esp_len <= FRAME_MAX);
	write_headers(outer, esp_len, packet.frame);
	memmove(packet.frame + headers, esp, esp_len);
	return packet;
}

struct esp_packet esp_rig_seal(struct esp_rig *rig, size_t slot, const struct esp_rig_outer *outer,
			       const uint8_t *text, size_t text_len)
{
	uint8_t esp[FRAME_MAX];
	size_t len;

	REQUIRE(text_len + esp_seal_overhead(&rig->seal) <= sizeof(esp));
	len = esp_seal(&rig->seal, text, text_len, esp);
	rig->seal.seq++;
	return esp_rig_wrap(rig, slot, outer, esp, len);
}

struct esp_packet esp_rig_seal_payload(struct esp_rig *rig, size_t slot, const struct esp_rig_outer *outer,
				       const uint8_t *payload, size_t len, uint8_t next_header)
{
	uint8_t text[FRAME_MAX];

	REQUIRE(len + 2 + rig->sa->align_bytes <= sizeof(text));
	memcpy(text, payload, len);
	len = esp_seal_trailer(text, len, esp_seal_padding_to(len, rig->sa->align_bytes), next_header);
	return esp_rig_seal(rig, slot, outer, text, len);
}

void esp_rig_check(const struct esp_packet *packet)
{
	if (packet->reason != XESP_REASON_DELIVERED) {
		REQUIRE(packet->packet == NULL && packet->packet_len == 0);
		return;
	}
	/* The headroom of a packet out of a tunnel may lie in front of its frame, in the tunnel's. */
	REQUIRE(packet->packet >= packet->frame + (packet->outer_spi ? 0 : ESP_HEADROOM));
	REQUIRE(packet->packet + packet->packet_len <= packet->frame + packet->frame_len);
	/* The IP header says the length that the sink is told. */
	if (packet->packet[0] >> 4 == 4)
		REQUIRE(packet->packet_len == packet_get16(packet->packet + 2));
	else
		REQUIRE(packet->packet[0] >> 4 == 6 &&
			packet->packet_len == packet_get16(packet->packet + 4) + 40u);
}

enum xesp_reason esp_rig_open(struct esp_rig *rig, struct esp_packet *packet)
{
	esp_open_burst(rig->crypto, packet, 1, ESP_RIG_NOW);
	esp_rig_check(packet);
	return packet->reason;
}
