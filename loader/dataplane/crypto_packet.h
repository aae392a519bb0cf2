/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a packet goes where: text and ICV, nonce, additional authenticated data. Private to the providers.
 * Pure; workers.
 */
#ifndef XESP_DATAPLANE_CRYPTO_PACKET_H
#define XESP_DATAPLANE_CRYPTO_PACKET_H

#include <arpa/inet.h>
#include <string.h>

#include "dataplane/crypto_key.h"

#define CRYPTO_ESP_HEADER 8
#define CRYPTO_AEAD_IV 8 /* of each AEAD, on the wire or not */
#define CRYPTO_NONCE_MAX 12
#define CRYPTO_AAD_MAX 12
#define CRYPTO_COUNTER_BLOCK 16
#define CRYPTO_ICV_MAX 32
#define CRYPTO_ESN_HIGH 4

static inline uint8_t *crypto_packet_text(const struct crypto_op *op)
{
	return op->esp + CRYPTO_ESP_HEADER + op->key->iv_bytes;
}

static inline uint8_t *crypto_packet_icv(const struct crypto_op *op)
{
	return crypto_packet_text(op) + op->text_len;
}

/* The high half of the sequence number as it is authenticated. */
static inline void crypto_packet_seq_high(const struct crypto_op *op, uint8_t *out)
{
	uint32_t high = htonl((uint32_t)(op->seq >> 32));

	memcpy(out, &high, CRYPTO_ESN_HIGH);
}

/* Salt and IV of an AEAD; `nonce` has CRYPTO_NONCE_MAX bytes. RFC 8750 section 4: an implicit IV is the
 * number, without ESN behind 32 zero bits. The lengths are the key's; who has them as constants saves loads.
 */
static inline void crypto_packet_nonce(const struct crypto_op *op, size_t salt_bytes, size_t iv_bytes,
				       uint8_t *nonce)
{
	uint8_t *iv = nonce + salt_bytes;

	/* Of a shorter salt, what is too much is overwritten. */
	memcpy(nonce, op->key->salt, CRYPTO_SALT_MAX);
	if (iv_bytes) {
		memcpy(iv, op->esp + CRYPTO_ESP_HEADER, CRYPTO_AEAD_IV);
		return;
	}
	memset(iv, 0, 4);
	if (op->key->esn)
		crypto_packet_seq_high(op, iv);
	memcpy(iv + 4, op->esp + 4, 4);
}

/* RFC 3686 section 4: nonce, IV, and a counter that starts at 1. */
static inline void crypto_packet_counter(const struct crypto_op *op, uint8_t *block)
{
	uint32_t one = htonl(1);

	memcpy(block, op->key->salt, 4);
	memcpy(block + 4, op->esp + CRYPTO_ESP_HEADER, 8);
	memcpy(block + 12, &one, 4);
}

/* Additional authenticated data of an AEAD: the ESP header; with ESN the high half, which is not on the wire,
 * stands in its middle, and the whole in `room` (RFC 4106 section 5, likewise 4309, 4543, 7634). */
static inline const uint8_t *crypto_packet_aad(const struct crypto_op *op, uint8_t *room, size_t *ret_len)
{
	if (!op->key->esn) {
		*ret_len = CRYPTO_ESP_HEADER;
		return op->esp;
	}
	memcpy(room, op->esp, 4);
	crypto_packet_seq_high(op, room + 4);
	memcpy(room + 8, op->esp + 4, 4);
	*ret_len = CRYPTO_ESP_HEADER + CRYPTO_ESN_HIGH;
	return room;
}

#endif
