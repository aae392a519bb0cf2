/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sealing ESP: lengths, padding and trailer, and the crypto of a burst. Workers.
 */
#include "dataplane/esp_out.h"

#include <errno.h>

#include "dataplane/wire.h"

#define ESP_HEADER_BYTES 8  /* SPI, sequence number */
#define ESP_TRAILER_BYTES 2 /* pad length, next header */
#define IP_PACKET_MAX 65535

static uint32_t fixed_bytes(const struct sa_out *sa)
{
	return (uint32_t)ESP_HEADER_BYTES + sa->iv_bytes + sa->icv_bytes;
}

/* Alignments are powers of two. */
static uint32_t padding_bytes(const struct sa_out *sa, uint32_t payload_len)
{
	return -(payload_len + ESP_TRAILER_BYTES) & (sa->align_bytes - 1u);
}

uint32_t esp_out_bytes(const struct sa_out *sa, uint32_t payload_len, uint32_t pad_to)
{
	uint32_t len = payload_len < pad_to ? pad_to : payload_len;

	return fixed_bytes(sa) + len + padding_bytes(sa, len) + ESP_TRAILER_BYTES;
}

/* The longest payload; 0 also where there is room for none. */
static uint32_t payload_max(const struct sa_out *sa, uint32_t mtu)
{
	uint32_t around = sa->outer_bytes + fixed_bytes(sa);
	uint32_t text;

	if (mtu > IP_PACKET_MAX)
		mtu = IP_PACKET_MAX;
	if (mtu < around)
		return 0;
	text = (mtu - around) & ~(sa->align_bytes - 1u);
	return text < ESP_TRAILER_BYTES ? 0 : text - ESP_TRAILER_BYTES;
}

uint32_t esp_out_inner_max(const struct sa_out *sa, uint32_t mtu)
{
	uint32_t payload = payload_max(sa, mtu);
	uint8_t family = sa->params.dst.family;

	if (payload == 0 || sa->mode == SA_MODE_TUNNEL)
		return payload;
	/* The header that is not in the payload: in transport mode the outer one. */
	if (sa->mode == SA_MODE_BEET)
		family = sa->params.selector.dst.addr.family;
	payload += family == AF_INET6 ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES;
	return payload < IP_PACKET_MAX ? payload : IP_PACKET_MAX;
}

/* In tunnel mode alone, as in Linux: behind an IP packet the receiver can always tell (RFC 4303 section 2.7).
 */
uint32_t esp_out_pad_to(const struct sa_out *sa, uint32_t mtu)
{
	uint32_t most;

	if (sa->params.tfc_pad == 0 || sa->mode != SA_MODE_TUNNEL)
		return 0;
	most = payload_max(sa, mtu);
	return sa->params.tfc_pad < most ? sa->params.tfc_pad : most;
}

/* RFC 4303 section 2.4. */
static void write_trailer(uint8_t *text, uint32_t padding, uint8_t next_header)
{
	static const uint8_t default_padding[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

	/* Pad length and next header overwrite what is too much. */
	if (padding < 4)
		memcpy(text, default_padding, 4);
	else
		memcpy(text, default_padding, padding);
	text[padding] = (uint8_t)padding;
	text[padding + 1] = next_header;
}

/* False where a random IV is needed and missing: to go on would repeat one. */
static bool write_iv(const struct esp_out *packet)
{
	const struct sa_out *sa = packet->sa;
	uint8_t *at = packet->esp + ESP_HEADER_BYTES;
	uint64_t iv = sa->iv_base + packet->seq;

	if (sa->iv_random) {
		if (packet->iv)
			memcpy(at, packet->iv, sa->iv_bytes);
		return packet->iv != NULL;
	}
	if (sa->iv_bytes)
		wire_put64(at, iv);
	return true;
}

static bool prepare(struct esp_out *packet)
{
	const struct sa_out *sa = packet->sa;
	uint8_t *text = packet->esp + ESP_HEADER_BYTES + sa->iv_bytes;
	uint32_t len = packet->payload_len;
	uint32_t padding;

	/* At once, as the crypto library reads it. */
	wire_put64(packet->esp, (uint64_t)sa->spi << 32 | (uint32_t)packet->seq);
	if (!write_iv(packet))
		return false;
	if (len < packet->pad_to) {
		memset(text + len, 0, packet->pad_to - len);
		len = packet->pad_to;
	}
	padding = padding_bytes(sa, len);
	write_trailer(text + len, padding, packet->next_header);
	len += padding + ESP_TRAILER_BYTES;
	packet->op.key = sa->key;
	packet->op.esp = packet->esp;
	packet->op.seq = packet->seq;
	packet->op.text_len = len;
	packet->esp_len = fixed_bytes(sa) + len;
	return true;
}

void esp_out_burst(struct crypto_ctx *ctx, struct esp_out *packets, size_t count)
{
	struct crypto_op *ops[XESP_BURST_MAX];
	size_t live = 0;

	for (size_t i = 0; i < count; i++) {
		packets[i].esp_len = 0;
		packets[i].op.status = -EIO;
		if (prepare(&packets[i]))
			ops[live++] = &packets[i].op;
	}
	if (live)
		packets[0].sa->provider->seal_burst(ctx, ops, live);
	for (size_t i = 0; i < count; i++)
		packets[i].status = packets[i].op.status ? -EIO : 0;
}
