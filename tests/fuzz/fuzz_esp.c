/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for the opening of ESP. The first byte chooses: arbitrary metadata and frame, or arbitrary
 * ESP behind good headers, which must never be opened; or arbitrary plaintext, trailer included, sealed with
 * the SA's key, so that everything behind the ICV is reached as a malicious peer reaches it.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLAINTEXT_MAX 3000
#define SA_KINDS 32

#define REQUIRE(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* First byte of the input. */
#define CHOICE_SEALED 0x01
#define CHOICE_IPV6 0x02
#define CHOICE_META 0x04 /* not sealed: the metadata is the input's too */
#define CHOICE_KIND_SHIFT 3

static struct sa_params kind_params(unsigned int kind)
{
	struct sa_params params = esp_rig_params(kind & 1 ? SA_MODE_TUNNEL : SA_MODE_TRANSPORT);

	if (kind & 2) {
		params.selector.protocol = IPPROTO_UDP;
		params.selector.dport = 53;
	}
	if (kind & 4) {
		params.encap.original_src = (struct ip_addr){AF_INET, {10, 1, 2, 3}};
		params.encap.original_dst = (struct ip_addr){AF_INET, {10, 3, 2, 1}};
		params.selector.src = (struct ip_prefix){{AF_INET, {128}}, 1};
	}
	if (kind & 8)
		params.flags |= SA_FLAG_DECAP_DSCP;
	if (kind & 16)
		params.flags |= SA_FLAG_ESN;
	return params;
}

/* The SAs, once a process: what libFuzzer calls has no other place for state. */
static struct esp_rig *rig_of(unsigned int kind)
{
	static struct esp_rig *rigs[SA_KINDS];

	if (!rigs[kind]) {
		const struct sa_params params = kind_params(kind);

		rigs[kind] = malloc(sizeof(*rigs[kind]));
		REQUIRE(rigs[kind]);
		esp_rig_setup(rigs[kind], &params, NULL);
	}
	return rigs[kind];
}

/* Nobody without the key gets anything out, or moves the window. */
static void open_forged(struct esp_rig *rig, struct esp_packet *packet)
{
	struct replay *before = malloc(replay_bytes(64));
	const uint32_t spi = htonl(ESP_RIG_SPI);

	REQUIRE(before);
	/* Another SPI would end the packet at the first step. */
	if ((uint32_t)packet->meta.esp_offset + sizeof(spi) <= packet->frame_len)
		memcpy(packet->frame + packet->meta.esp_offset, &spi, sizeof(spi));
	replay_init(&rig->sa->replay, 64, rig->sa->replay.esn, 1000);
	memcpy(before, &rig->sa->replay, replay_bytes(64));
	esp_open_burst(rig->crypto, packet, 1, ESP_RIG_NOW);
	esp_rig_check(packet);
	REQUIRE(packet->reason != XESP_REASON_DELIVERED && packet->reason != XESP_REASON_DUMMY);
	REQUIRE(memcmp(before, &rig->sa->replay, replay_bytes(64)) == 0);
	free(before);
}

static void open_arbitrary_meta(struct esp_rig *rig, const uint8_t *data, size_t size)
{
	struct esp_packet packet = {.sa = rig->sa};

	if (size < sizeof(packet.meta))
		return;
	memcpy(&packet.meta, data, sizeof(packet.meta));
	packet.meta.magic = XESP_META_MAGIC;
	packet.frame_len = (uint32_t)(size - sizeof(packet.meta));
	/* Of exactly its size, so that ASan sees each byte beyond. */
	packet.frame = malloc(packet.frame_len);
	REQUIRE(packet.frame || packet.frame_len == 0);
	memcpy(packet.frame, data + sizeof(packet.meta), packet.frame_len);
	open_forged(rig, &packet);
	free(packet.frame);
}

static void open_arbitrary_esp(struct esp_rig *rig, uint8_t family, uint8_t form, const uint8_t *data,
			       size_t size)
{
	const struct esp_rig_outer outer = {family, form, 0};
	struct esp_packet packet;

	if (size > PLAINTEXT_MAX)
		return;
	packet = esp_rig_wrap(rig, 0, &outer, data, size);
	open_forged(rig, &packet);
}

/* What has to be true of a packet whose plaintext was `text`. */
static void check_sealed(const struct esp_packet *packet, const struct esp_rig *rig, const uint8_t *text,
			 size_t len)
{
	size_t header = packet->meta.family == 4 ? 20 : 40;

	esp_rig_check(packet);
	switch (packet->reason) {
	case XESP_REASON_DELIVERED: break;
	case XESP_REASON_DUMMY: REQUIRE(text[len - 1] == IPPROTO_NONE); return;
	case XESP_REASON_PAD_LENGTH: REQUIRE(text[len - 2] + 2u > len); return;
	case XESP_REASON_PAD_BYTES: REQUIRE(text[len - 2] > 0); return;
	case XESP_REASON_NEXT_HEADER:
	case XESP_REASON_INNER_HEADER:
	case XESP_REASON_ECN: REQUIRE(rig->sa->mode == SA_MODE_TUNNEL); return;
	case XESP_REASON_SELECTOR: REQUIRE(rig->sa->steps & SA_STEP_SELECTOR); return;
	default: REQUIRE(false); /* no other reason exists for what was sealed with the right key */
	}
	if (rig->sa->mode == SA_MODE_TUNNEL) {
		/* The plaintext's first bytes; only DS field and IPv4 header checksum may differ. */
		REQUIRE(packet->packet_len <= len - 2);
		REQUIRE(memcmp(packet->packet + 12, text + 12, packet->packet_len - 12) == 0);
	} else {
		REQUIRE(packet->packet_len >= header && packet->packet_len - header <= len - 2);
	}
	if (packet->packet[0] >> 4 == 4 && rig->sa->mode == SA_MODE_TRANSPORT)
		REQUIRE(packet_ipv4_checksum_good(packet->packet));
}

static void open_sealed(struct esp_rig *rig, uint8_t family, uint8_t ds, const uint8_t *data, size_t size)
{
	const struct esp_rig_outer outer = {family, ds % 3, ds};
	uint8_t text[PLAINTEXT_MAX + 4] = {0};
	size_t len = size < 2 ? 4 : (size + 3) / 4 * 4;
	struct esp_packet packet;

	if (size > PLAINTEXT_MAX)
		return;
	/* Alignment goes in front, so that the input's last bytes are the trailer. */
	memcpy(text + len - size, data, size);
	replay_init(&rig->sa->replay, 64, rig->sa->replay.esn, 0);
	rig->seal.seq = 1;
	packet = esp_rig_seal(rig, 0, &outer, text, len);
	esp_open_burst(rig->crypto, &packet, 1, ESP_RIG_NOW);
	check_sealed(&packet, rig, text, len);
	REQUIRE(rig->sa->replay.top == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct esp_rig *rig;
	uint8_t family;

	if (size < 2)
		return 0;
	rig = rig_of(data[0] >> CHOICE_KIND_SHIFT);
	family = data[0] & CHOICE_IPV6 ? 6 : 4;
	if (data[0] & CHOICE_SEALED)
		open_sealed(rig, family, data[1], data + 2, size - 2);
	else if (data[0] & CHOICE_META)
		open_arbitrary_meta(rig, data + 2, size - 2);
	else
		open_arbitrary_esp(rig, family, data[1] % 3, data + 2, size - 2);
	return 0;
}
