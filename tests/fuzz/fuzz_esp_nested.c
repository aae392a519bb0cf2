/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for ESP inside of a tunnel, as a peer with the tunnel's key can send it. The first byte
 * chooses the kind, and one of three: an arbitrary packet in the tunnel; arbitrary ESP behind good inner
 * headers; or arbitrary plaintext, sealed with the key of the transport SA, too.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/esp_nested.h"
#include "tests/lib/nest.h"
#include "tests/lib/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 2000
#define KIND_BITS 0x0f
#define CHOICE_PACKET 0x10 /* the input is the packet in the tunnel */
#define CHOICE_SEALED 0x20 /* the input is plaintext of the transport SA */

#define REQUIRE(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* The SAs, once a process: what libFuzzer calls has no other place for state. */
static struct nest *nest_of(size_t kind)
{
	static struct nest *nests[NEST_KINDS];

	if (!nests[kind]) {
		nests[kind] = malloc(sizeof(*nests[kind]));
		REQUIRE(nests[kind]);
		nest_setup_kind(nests[kind], &nest_kinds[kind]);
	}
	return nests[kind];
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
	uint8_t text[INPUT_MAX + 4] = {0};
	size_t len = size < 2 ? 4 : (size + 3) / 4 * 4;
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
	nest = nest_of(choice & KIND_BITS);
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
