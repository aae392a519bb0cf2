/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for the opening of ESP, with every suite in every mode. The first bytes choose the SA, and
 * one of four: arbitrary metadata and frame, or arbitrary ESP behind good headers, which must never be
 * opened; arbitrary plaintext, trailer included, sealed with the SA's keys, so that everything behind the ICV
 * is reached as a malicious peer reaches it, and behind a forged packet in one burst; or such a packet with
 * one byte changed after it was sealed, which must not be opened either.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/esp_options.h"
#include "tests/lib/packet.h"
#include "tests/lib/require.h"
#include "tests/lib/suite_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLAINTEXT_MAX 3000
#define WINDOW 64

/* The first bytes of an input. */
struct choice {
	uint8_t what; /* the low bits: one of WHAT_... */
	uint8_t sa;   /* SA_... and a mode */
	uint8_t suite;
	uint8_t ds;  /* of the outer header, and with it the form */
	uint8_t seq; /* where the SA's numbers stand */
};

enum { WHAT_META, WHAT_ESP, WHAT_SEALED, WHAT_DAMAGED, WHAT_MASK };

#define WHAT_IPV6 0x10
#define WHAT_OPENSSL 0x20
#define WHAT_BURST 0x40	  /* sealed: behind a forged packet of another number, in one burst */
#define WHAT_OPTIONS 0x80 /* in the outer header */

#define SA_PORTS 0x04
#define SA_NAT 0x08
#define SA_DSCP 0x10
#define SA_ESN 0x20
#define SA_BEET_IPV6 0x40

/* In front of ESP. */
struct headers {
	struct esp_rig_outer outer;
	size_t options; /* bytes of IPv4 options or of an IPv6 extension header */
};

static void set_beet_hosts(struct sa_selector *selector, uint8_t family)
{
	size_t bytes = family == 4 ? 4 : 16;

	selector->src = selector->dst = (struct ip_prefix){.addr.family = family == 4 ? AF_INET : AF_INET6,
							   .length = (uint8_t)(8 * bytes)};
	memcpy(selector->src.addr.bytes, packet_addr(family, 1), bytes);
	memcpy(selector->dst.addr.bytes, packet_addr(family, 3), bytes);
}

static struct sa_params params_of(const struct suite *suite, uint8_t choice)
{
	struct sa_params params = suite_params(suite, suite_modes[choice % 4 % SUITE_MODES]);

	if (choice & SA_PORTS) {
		params.selector.protocol = IPPROTO_UDP;
		params.selector.dport = 53;
	}
	if (choice & SA_NAT) {
		params.encap.original_src = (struct ip_addr){AF_INET, {10, 1, 2, 3}};
		params.encap.original_dst = (struct ip_addr){AF_INET, {10, 3, 2, 1}};
		params.selector.src = (struct ip_prefix){{AF_INET, {128}}, 1};
	}
	if (choice & SA_DSCP)
		params.flags |= SA_FLAG_DECAP_DSCP;
	if (choice & SA_ESN)
		params.flags |= SA_FLAG_ESN;
	if (params.mode == SA_MODE_BEET)
		set_beet_hosts(&params.selector, choice & SA_BEET_IPV6 ? 6 : 4);
	return params;
}

#define SUITES_MAX 256

static const struct suite *suite_of(uint8_t choice)
{
	static struct suite suites[SUITES_MAX];
	static size_t count;

	if (!count) {
		while (count < SUITES_MAX && suites_at(count, &suites[count]))
			count++;
		REQUIRE(count > 0 && count < SUITES_MAX);
	}
	return &suites[choice % count];
}

/* One rig a provider, once a process, with one SA at a time: what libFuzzer calls has no other place for
 * state. */
static struct suite_rig *rig_of(const struct choice *choice)
{
	static struct suite_rig rigs[2];
	static uint16_t kinds[2];
	struct suite_rig *rig = &rigs[!!(choice->what & WHAT_OPENSSL)];
	uint16_t *kind = &kinds[rig - rigs], wanted = (uint16_t)(choice->suite << 8 | choice->sa);
	const struct suite *suite = suite_of(choice->suite);
	const struct sa_params params = params_of(suite, choice->sa);

	if (!rig->rig.sa)
		suite_rig_setup(rig, suite, &params, rig == rigs ? NULL : &crypto_openssl);
	else if (*kind != wanted)
		suite_rig_change(rig, suite, &params);
	*kind = wanted;
	return rig;
}

static void start_window(struct suite_rig *rig, uint8_t choice)
{
	static const uint64_t tops[] = {0, 1000, 0xffffffe0, 0x4ffffffe0};
	struct sa *sa = rig->rig.sa;
	uint64_t top = tops[choice % 4];

	if (!sa->replay.esn && top > UINT32_MAX - 64)
		top = UINT32_MAX - 64;
	replay_init(&sa->replay, WINDOW, sa->replay.esn, top);
	rig->rig.seal.seq = top + 1 + (choice >> 2) % 64;
}

/* Nobody without the key gets anything out, or moves the window. */
static void open_forged(struct suite_rig *rig, struct esp_packet *packet)
{
	struct sa *sa = rig->rig.sa;
	struct replay *before = malloc(replay_bytes(WINDOW));

	REQUIRE(before);
	memcpy(before, &sa->replay, replay_bytes(WINDOW));
	esp_open_burst(rig->rig.crypto, packet, 1, ESP_RIG_NOW);
	esp_rig_check(packet);
	REQUIRE(packet->reason != XESP_REASON_DELIVERED && packet->reason != XESP_REASON_DUMMY);
	REQUIRE(memcmp(before, &sa->replay, replay_bytes(WINDOW)) == 0);
	free(before);
}

/* Another SPI would end the packet at the first step. */
static void put_spi(struct esp_packet *packet)
{
	const uint32_t spi = htonl(ESP_RIG_SPI);

	if ((uint32_t)packet->meta.esp_offset + sizeof(spi) <= packet->frame_len)
		memcpy(packet->frame + packet->meta.esp_offset, &spi, sizeof(spi));
}

static void open_arbitrary_meta(struct suite_rig *rig, const uint8_t *data, size_t size)
{
	struct esp_packet packet = {.sa = rig->rig.sa};

	if (size < sizeof(packet.meta))
		return;
	memcpy(&packet.meta, data, sizeof(packet.meta));
	packet.meta.magic = XESP_META_MAGIC;
	packet.frame_len = (uint32_t)(size - sizeof(packet.meta));
	/* Of exactly its size, so that ASan sees each byte beyond. */
	packet.frame = malloc(packet.frame_len);
	REQUIRE(packet.frame || packet.frame_len == 0);
	memcpy(packet.frame, data + sizeof(packet.meta), packet.frame_len);
	put_spi(&packet);
	open_forged(rig, &packet);
	free(packet.frame);
}

static void add_options(struct esp_packet *packet, const struct headers *headers)
{
	uint8_t bytes[64] = {0};

	if (headers->outer.family == 6)
		bytes[1] = (uint8_t)(headers->options / 8 - 1);
	if (headers->options)
		esp_options_insert(packet, IPPROTO_DSTOPTS, bytes, headers->options);
}

static void open_arbitrary_esp(struct suite_rig *rig, const struct headers *headers, const uint8_t *data,
			       size_t size)
{
	struct esp_packet packet = esp_rig_wrap(&rig->rig, 0, &headers->outer, data, size);

	add_options(&packet, headers);
	put_spi(&packet);
	open_forged(rig, &packet);
}

/* What reason there can be for plaintext that was sealed with the right keys. */
static void check_reason(const struct esp_packet *packet, const struct suite_rig *rig, const uint8_t *text,
			 size_t len)
{
	bool beet_options = rig->mode == SA_MODE_BEET && text[len - 1] == IPPROTO_BEETPH;

	switch (packet->reason) {
	case XESP_REASON_DELIVERED: return;
	case XESP_REASON_DUMMY: REQUIRE(text[len - 1] == IPPROTO_NONE); return;
	case XESP_REASON_PAD_LENGTH: REQUIRE(text[len - 2] + 2u > len); return;
	case XESP_REASON_PAD_BYTES: REQUIRE(text[len - 2] > 0); return;
	case XESP_REASON_NEXT_HEADER:
	case XESP_REASON_INNER_HEADER: REQUIRE(rig->mode == SA_MODE_TUNNEL || beet_options); return;
	case XESP_REASON_ECN: REQUIRE(rig->mode == SA_MODE_TUNNEL); return;
	case XESP_REASON_SELECTOR: REQUIRE(rig->rig.sa->steps & SA_STEP_SELECTOR); return;
	default: REQUIRE(false);
	}
}

static void check_sealed(const struct esp_packet *packet, const struct suite_rig *rig, const uint8_t *text,
			 size_t len, size_t options)
{
	size_t header = packet->packet_len && packet->packet[0] >> 4 == 4 ? 20 : 40;
	bool v4 = header == 20;

	/* In transport mode the outer header is the packet's own. */
	if (rig->mode == SA_MODE_TRANSPORT)
		header += options;
	esp_rig_check(packet);
	check_reason(packet, rig, text, len);
	if (packet->reason != XESP_REASON_DELIVERED)
		return;
	if (rig->mode == SA_MODE_TUNNEL) {
		/* The plaintext's first bytes; only DS field and IPv4 header checksum may differ. */
		REQUIRE(packet->packet_len <= len - 2);
		REQUIRE(memcmp(packet->packet + 12, text + 12, packet->packet_len - 12) == 0);
		return;
	}
	REQUIRE(packet->packet_len >= header && packet->packet_len - header <= len - 2);
	if (v4)
		REQUIRE(packet_checksum(0, packet->packet, packet->packet[0] % 16 * 4u) == 0);
}

static struct esp_packet seal(struct suite_rig *rig, const struct headers *headers, const uint8_t *data,
			      size_t size, uint8_t *text, size_t *ret_len)
{
	size_t align = rig->suite.cipher->align_bytes;
	size_t len = size < 2 ? align : (size + align - 1) / align * align;
	struct esp_packet packet;

	/* Alignment goes in front, so that the input's last bytes are the trailer. */
	memset(text, 0, len - size);
	memcpy(text + len - size, data, size);
	*ret_len = len;
	packet = esp_rig_seal(&rig->rig, 0, &headers->outer, text, len);
	add_options(&packet, headers);
	return packet;
}

/* A packet whose number the input says, with a wrong ICV. */
static struct esp_packet forge(struct suite_rig *rig, const struct headers *headers, const uint8_t *data,
			       size_t size)
{
	uint64_t seq = rig->rig.seal.seq;
	uint32_t jump = 0;
	struct esp_packet packet;

	memcpy(&jump, data, size < sizeof(jump) ? size : sizeof(jump));
	rig->rig.seal.seq += jump;
	packet = esp_rig_seal_payload(&rig->rig, 1, &headers->outer, (const uint8_t *)"forged", 6,
				      IPPROTO_NONE);
	packet.frame[packet.frame_len - 1] ^= 1;
	rig->rig.seal.seq = seq;
	return packet;
}

/* What is in front of it in the burst changes nothing. */
static void open_sealed(struct suite_rig *rig, const struct headers *headers, bool burst, const uint8_t *data,
			size_t size)
{
	uint64_t seq = rig->rig.seal.seq, top = rig->rig.sa->replay.top;
	uint8_t text[PLAINTEXT_MAX + 16];
	struct esp_packet packets[2];
	struct esp_packet *packet = &packets[burst];
	size_t len;

	if (burst)
		packets[0] = forge(rig, headers, data, size);
	*packet = seal(rig, headers, data, size, text, &len);
	esp_open_burst(rig->rig.crypto, packets, 1u + burst, ESP_RIG_NOW);
	check_sealed(packet, rig, text, len, headers->options);
	REQUIRE(packet->seq == seq && rig->rig.sa->replay.top == seq && seq > top);
	REQUIRE(!burst ||
		(packets[0].reason != XESP_REASON_DELIVERED && packets[0].reason != XESP_REASON_DUMMY));
}

static void open_damaged(struct suite_rig *rig, const struct headers *headers, const uint8_t *data,
			 size_t size)
{
	uint8_t text[PLAINTEXT_MAX + 16];
	struct esp_packet packet;
	size_t len;

	if (size < 3 || data[2] == 0)
		return;
	packet = seal(rig, headers, data + 3, size - 3, text, &len);
	packet.frame[packet.meta.esp_offset + (data[0] | data[1] << 8) % packet.meta.esp_length] ^= data[2];
	open_forged(rig, &packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choice choice;
	struct headers headers = {.options = 0};
	struct suite_rig *rig;

	if (size < sizeof(choice) || size > sizeof(choice) + PLAINTEXT_MAX)
		return 0;
	memcpy(&choice, data, sizeof(choice));
	data += sizeof(choice);
	size -= sizeof(choice);
	rig = rig_of(&choice);
	headers.outer = (struct esp_rig_outer){choice.what & WHAT_IPV6 ? 6 : 4, choice.ds % 3, choice.ds};
	if (choice.what & WHAT_OPTIONS)
		headers.options = choice.what & WHAT_IPV6 ? 8u + choice.ds % 8 * 8 : 4u + choice.ds % 10 * 4;
	start_window(rig, choice.seq);
	switch (choice.what % WHAT_MASK) {
	case WHAT_META: open_arbitrary_meta(rig, data, size); break;
	case WHAT_ESP: open_arbitrary_esp(rig, &headers, data, size); break;
	case WHAT_SEALED: open_sealed(rig, &headers, choice.what & WHAT_BURST, data, size); break;
	case WHAT_DAMAGED: open_damaged(rig, &headers, data, size); break;
	}
	return 0;
}
