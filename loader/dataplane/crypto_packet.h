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
#define CRYPTO_NONCE_ROOM 16 /* bytes where one is built: see crypto_packet_block() */
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

/* Four words behind each other, as they are in memory, written at once: the library reads nonces and counter
 * blocks with one load, and a load of what several stores have just written waits until they are in the
 * cache, which was a third of sealing 64 bytes. */
static inline void crypto_packet_block(uint32_t first, const uint32_t middle[2], uint32_t last,
				       uint8_t *block)
{
	uint32_t words __attribute__((vector_size(CRYPTO_NONCE_ROOM))) = {first, middle[0], middle[1], last};

	memcpy(block, &words, sizeof(words));
}

/* Salt and IV of an AEAD; `nonce` has CRYPTO_NONCE_ROOM bytes, of which those behind the nonce are undefined.
 * RFC 8750 section 4: an implicit IV is the number, without ESN behind 32 zero bits. The lengths are the
 * key's; who has them as constants saves loads. */
static inline void crypto_packet_nonce(const struct crypto_op *op, size_t salt_bytes, size_t iv_bytes,
				       uint8_t *nonce)
{
	uint32_t salt, iv[2] = {0};

	memcpy(&salt, op->key->salt, CRYPTO_SALT_MAX);
	if (iv_bytes) {
		memcpy(iv, op->esp + CRYPTO_ESP_HEADER, CRYPTO_AEAD_IV);
	} else {
		if (op->key->esn)
			iv[0] = htonl((uint32_t)(op->seq >> 32));
		memcpy(&iv[1], op->esp + 4, 4);
	}
	crypto_packet_block(salt, iv, 0, nonce);
	if (salt_bytes < CRYPTO_SALT_MAX)
		memcpy(nonce + salt_bytes, iv, CRYPTO_AEAD_IV);
}

/* RFC 3686 section 4: nonce, IV, and a counter that starts at 1. */
static inline void crypto_packet_counter(const struct crypto_op *op, uint8_t *block)
{
	uint32_t nonce, iv[2];

	memcpy(&nonce, op->key->salt, 4);
	memcpy(iv, op->esp + CRYPTO_ESP_HEADER, 8);
	crypto_packet_block(nonce, iv, htonl(1), block);
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
