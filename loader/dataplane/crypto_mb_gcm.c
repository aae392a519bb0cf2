/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AES-GCM (RFC 4106, 8750) and AES-GMAC (RFC 4543) by libipsec-mb's direct calls: a call works on one packet,
 * in place, and is faster than a job at every packet size. Workers.
 */
#if defined(__x86_64__)

#include <errno.h>
#include <openssl/crypto.h>

#include "dataplane/crypto_mb_private.h"

#define SALT_BYTES 4
#define TAG_BYTES 16

/* Written once, compiled for each direction and length of IV: looking them up costs 3 of 91 cycles at 64
 * bytes. */
#define TEMPLATE static inline __attribute__((always_inline))

/* In constant time; without a call where the ICV is whole, as nearly all are. */
TEMPLATE bool is_equal(const uint8_t *tag, const uint8_t *icv, size_t bytes)
{
	uint64_t a[TAG_BYTES / 8], b[TAG_BYTES / 8];

	if (bytes != TAG_BYTES)
		return CRYPTO_memcmp(tag, icv, bytes) == 0;
	memcpy(a, tag, TAG_BYTES);
	memcpy(b, icv, TAG_BYTES);
	return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
}

/* The calls have no result of their own; after an error `tag` is any other packet's, or nothing. Sealed, it
 * is in its place already. */
TEMPLATE int8_t status_of(const struct crypto_ctx *ctx, const struct crypto_key *key, const uint8_t *tag,
			  const uint8_t *icv, bool open)
{
	if (imb_get_errno(ctx->wide))
		return -EIO;
	return open && !is_equal(tag, icv, key->icv_bytes) ? -EBADMSG : 0;
}

TEMPLATE void gcm_run(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count, size_t iv_bytes,
		      bool open)
{
	const struct crypto_key *key = ops[0]->key;
	const struct gcm_key_data *key_data = &crypto_mb_keys(ctx, key)->gcm;
	aes_gcm_enc_dec_t call = open ? ctx->gcm[key->variant].open : ctx->gcm[key->variant].seal;

	for (size_t i = 0; i < count; i++) {
		struct crypto_op *op = ops[i];
		uint8_t *text = op->esp + CRYPTO_ESP_HEADER + iv_bytes;
		uint8_t *icv = text + op->text_len;
		uint8_t nonce[CRYPTO_NONCE_ROOM], room[CRYPTO_AAD_MAX], computed[TAG_BYTES];
		size_t aad_len;
		const uint8_t *aad = crypto_packet_aad(op, room, &aad_len);

		crypto_packet_nonce(op, SALT_BYTES, iv_bytes, nonce);
		if (open)
			call(key_data, &ctx->scratch, text, text, op->text_len, nonce, aad, aad_len, computed,
			     TAG_BYTES);
		else
			call(key_data, &ctx->scratch, text, text, op->text_len, nonce, aad, aad_len, icv,
			     key->icv_bytes);
		op->status = status_of(ctx, key, computed, icv, open);
	}
}

/* RFC 4543 section 3.3: header, IV and text are authenticated, nothing is encrypted. */
static void gmac_run(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count, bool open)
{
	const struct crypto_key *key = ops[0]->key;
	const struct gcm_key_data *key_data = &crypto_mb_keys(ctx, key)->gcm;
	const struct mb_gcm_calls *calls = &ctx->gcm[key->variant];

	for (size_t i = 0; i < count; i++) {
		struct crypto_op *op = ops[i];
		uint8_t nonce[CRYPTO_NONCE_ROOM], room[CRYPTO_AAD_MAX], tag[TAG_BYTES];
		size_t aad_len;
		const uint8_t *aad = crypto_packet_aad(op, room, &aad_len);

		crypto_packet_nonce(op, SALT_BYTES, CRYPTO_AEAD_IV, nonce);
		calls->gmac_init(key_data, &ctx->scratch, nonce, CRYPTO_NONCE_MAX);
		calls->gmac_update(key_data, &ctx->scratch, aad, aad_len);
		calls->gmac_update(key_data, &ctx->scratch, op->esp + CRYPTO_ESP_HEADER,
				   CRYPTO_AEAD_IV + op->text_len);
		calls->gmac_finalize(key_data, &ctx->scratch, tag, TAG_BYTES);
		op->status = status_of(ctx, key, tag, crypto_packet_icv(op), open);
		if (!open)
			memcpy(crypto_packet_icv(op), tag, key->icv_bytes);
	}
}

/* Packets of one key. */
static void run(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count, bool open)
{
	switch (ops[0]->key->way) {
	case MB_WAY_GMAC: gmac_run(ctx, ops, count, open); break;
	case MB_WAY_GCM_IIV:
		if (open)
			gcm_run(ctx, ops, count, 0, true);
		else
			gcm_run(ctx, ops, count, 0, false);
		break;
	default:
		if (open)
			gcm_run(ctx, ops, count, CRYPTO_AEAD_IV, true);
		else
			gcm_run(ctx, ops, count, CRYPTO_AEAD_IV, false);
		break;
	}
}

size_t crypto_mb_gcm_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count, bool open)
{
	size_t start = 0;

	while (start < count) {
		const struct crypto_key *key = ops[start]->key;
		size_t end = start + 1;

		if (key->way > MB_WAY_GMAC)
			break;
		while (end < count && ops[end]->key == key)
			end++;
		run(ctx, ops + start, end - start, open);
		start = end;
	}
	return start;
}

#endif
