/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for ESP inside of a tunnel, as a peer with the tunnel's key can send it. The first byte
 * chooses the kind, the suites of the layers, and one of three: an arbitrary packet in the tunnel; arbitrary
 * ESP behind good inner headers; or arbitrary plaintext, sealed with the key of the transport SA, too.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/esp_meta.h"
#include "dataplane/esp_nested.h"
#include "tests/lib/nest.h"
#include "tests/lib/packet.h"
#include "tests/lib/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 2000
#define KIND_BITS 0x0f
#define CHOICE_PACKET 0x10 /* the input is the packet in the tunnel */
#define CHOICE_SEALED 0x20 /* the input is plaintext of the transport SA */
#define SUITES_SHIFT 6

/* What is in front of a layer's text and behind it: the usual, the least, the most and none, none and the
 * most. */
#define SUITES 4
static const struct {
	enum algo_id cipher;
	uint8_t key_bytes;
	enum algo_id auth;
	uint8_t icv_bytes;
} suites[SUITES][2] = {
	{{ALGO_AES_GCM, 16, ALGO_NONE, 16}, {ALGO_AES_GCM, 16, ALGO_NONE, 16}},
	{{ALGO_AES_CCM_IIV, 16, ALGO_NONE, 8}, {ALGO_AES_CCM_IIV, 16, ALGO_NONE, 8}},
	{{ALGO_AES_CBC, 16, ALGO_HMAC_SHA512, 32}, {ALGO_NULL, 0, ALGO_HMAC_SHA1, 12}},
	{{ALGO_NULL, 0, ALGO_HMAC_SHA1, 12}, {ALGO_AES_CBC, 16, ALGO_HMAC_SHA512, 32}},
};

/* The SAs, once a process: what libFuzzer calls has no other place for state. */
static struct nest *nest_of(size_t kind, size_t pair)
{
	static struct nest *nests[NEST_KINDS][SUITES];
	struct sa_params params[2] = {nest_tunnel_params(&nest_kinds[kind]),
				      nest_transport_params(&nest_kinds[kind])};

	if (nests[kind][pair])
		return nests[kind][pair];
	for (size_t i = 0; i < 2; i++) {
		esp_rig_suite(&params[i], suites[pair][i].cipher, suites[pair][i].key_bytes,
			      suites[pair][i].auth, suites[pair][i].icv_bytes);
		/* No layer opens with the other's keys. */
		params[i].key[0] ^= (uint8_t)i;
		params[i].auth_key[0] ^= (uint8_t)i;
	}
	nests[kind][pair] = malloc(sizeof(*nests[kind][pair]));
	REQUIRE(nests[kind][pair]);
	nest_setup(nests[kind][pair], &nest_kinds[kind], &params[0], &params[1]);
	return nests[kind][pair];
}

static void forget_windows(struct nest *nest)
{
	replay_init(&nest->tunnel_sa->replay, 64, false, 0);
	replay_init(&nest->transport_sa->replay, 64, false, 0);
	nest->tunnel.seal.seq = 1;
	nest->transport.seal.seq = 1;
}

/* ESP as the input says, but for its SPI, which would end it at once. */
static size_t arbitrary_esp(struct nest *nest, const uint8_t *data, size_t size, uint8_t *out)
{
	const uint32_t spi = htonl(nest->transport_sa->spi);
	struct esp_packet packet;
	size_t len;

	packet = esp_rig_wrap(&nest->transport, 0, &nest->kind.transport, data, size);
	if (size >= sizeof(spi))
		memcpy(packet.frame + packet.meta.esp_offset, &spi, sizeof(spi));
	len = packet.frame_len - packet.meta.l3_offset;
	memcpy(out, packet.frame + packet.meta.l3_offset, len);
	return len;
}

static size_t arbitrary_plaintext(struct nest *nest, const uint8_t *data, size_t size, uint8_t *out)
{
	uint8_t text[INPUT_MAX + 16] = {0};
	size_t align = nest->transport.sa->align_bytes;
	size_t len = (size + align - 1) / align * align;
	struct esp_packet packet;

	/* Alignment goes in front, so that the input's last bytes are the trailer. */
	memcpy(text + len - size, data, size);
	packet = esp_rig_seal(&nest->transport, 0, &nest->kind.transport, text, len);
	len = packet.frame_len - packet.meta.l3_offset;
	memcpy(out, packet.frame + packet.meta.l3_offset, len);
	return len;
}

/* Opens the tunnel, which carries the packet, and what is inside. */
static void run(struct nest *nest, const uint8_t *packet, size_t len, bool sealed)
{
	struct esp_packet outer = nest_wrap(nest, 0, packet, len), inner;
	enum xesp_reason reason;

	esp_open_burst(nest->tunnel.crypto, &outer, 1, ESP_RIG_NOW);
	esp_rig_check(&outer);
	reason = esp_nested_find(nest->db, &outer, &inner);
	REQUIRE(reason != XESP_REASON_NESTED_UDP);
	if (reason != XESP_REASON_TO_ENGINE) {
		REQUIRE(!sealed);
		return;
	}
	REQUIRE(outer.reason == XESP_REASON_DELIVERED);
	REQUIRE(inner.sa == nest->transport_sa && esp_meta_fits(&inner));
	/* Metadata have room in front, should another worker own the SA. */
	REQUIRE(inner.frame >= outer.frame + sizeof(inner.meta));
	esp_open_burst(nest->tunnel.crypto, &inner, 1, ESP_RIG_NOW);
	esp_rig_check(&inner);
	REQUIRE(inner.result.crypto_done);
	if (sealed) {
		REQUIRE(nest->transport_sa->replay.top == 1);
		return;
	}
	/* Nobody without the key gets anything out, or moves the window. */
	REQUIRE(inner.reason != XESP_REASON_DELIVERED && inner.reason != XESP_REASON_DUMMY);
	REQUIRE(nest->transport_sa->replay.top == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t packet[NEST_PACKET_MAX];
	struct nest *nest;
	uint8_t choice;
	size_t len;

	if (size < 10 || size > INPUT_MAX || (data[0] & KIND_BITS) >= NEST_KINDS)
		return 0;
	choice = *data++;
	size--;
	nest = nest_of(choice & KIND_BITS, choice >> SUITES_SHIFT);
	forget_windows(nest);
	if (choice & CHOICE_PACKET) {
		run(nest, data, size, false);
		return 0;
	}
	if (choice & CHOICE_SEALED)
		len = arbitrary_plaintext(nest, data, size, packet);
	else
		len = arbitrary_esp(nest, data, size, packet);
	run(nest, packet, len, choice & CHOICE_SEALED);
	return 0;
}
