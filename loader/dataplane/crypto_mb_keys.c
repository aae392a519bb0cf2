/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libipsec-mb makes of a key: round keys, powers of the hash key, hash states; kept in the worker's
 * bounded cache. Workers.
 */
#if defined(__x86_64__)

#include "dataplane/crypto_mb_private.h"

#define HMAC_BLOCK_MAX IMB_SHA_512_BLOCK_SIZE

static void expand_aes(const IMB_MGR *manager, const uint8_t *key, size_t bytes, struct mb_aes_keys *aes)
{
	switch (bytes) {
	case 16: IMB_AES_KEYEXP_128(manager, key, aes->enc, aes->dec); break;
	case 24: IMB_AES_KEYEXP_192(manager, key, aes->enc, aes->dec); break;
	default: IMB_AES_KEYEXP_256(manager, key, aes->enc, aes->dec); break;
	}
}

static void expand_des(const IMB_MGR *manager, const uint8_t *key, size_t bytes, struct mb_des_keys *des)
{
	for (size_t i = 0; i < bytes / 8; i++) {
		IMB_DES_KEYSCHED(manager, (uint64_t *)des->schedules[i], key + 8 * i);
		des->list[i] = des->schedules[i];
	}
}

static hash_one_block_t one_block(const IMB_MGR *manager, enum algo_id auth, size_t *ret_block_bytes)
{
	*ret_block_bytes = auth == ALGO_HMAC_SHA384 || auth == ALGO_HMAC_SHA512 ? IMB_SHA_512_BLOCK_SIZE
										: IMB_SHA_256_BLOCK_SIZE;
	switch (auth) {
	case ALGO_HMAC_SHA1: return manager->sha1_one_block;
	case ALGO_HMAC_SHA256: return manager->sha256_one_block;
	case ALGO_HMAC_SHA384: return manager->sha384_one_block;
	case ALGO_HMAC_SHA512: return manager->sha512_one_block;
	default: return manager->md5_one_block;
	}
}

static void hash_padded(hash_one_block_t hash, size_t block_bytes, const struct crypto_key *key, uint8_t pad,
			uint8_t *state)
{
	uint8_t block[HMAC_BLOCK_MAX];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < key->auth_key_bytes && i < block_bytes; i++)
		block[i] ^= key->auth_key[i];
	hash(block, state);
	explicit_bzero(block, sizeof(block));
}

static void expand_hmac(const IMB_MGR *manager, const struct crypto_key *key, struct mb_hmac_keys *hmac)
{
	size_t block_bytes;
	hash_one_block_t hash = one_block(manager, key->auth, &block_bytes);

	hash_padded(hash, block_bytes, key, 0x36, hmac->inner);
	hash_padded(hash, block_bytes, key, 0x5c, hmac->outer);
}

static void expand_cmac(const IMB_MGR *manager, const struct crypto_key *key, struct mb_cbc_mac_keys *mac)
{
	uint8_t unused[MB_AES_SCHEDULE] __attribute__((aligned(16)));

	IMB_AES_KEYEXP_128(manager, key->auth_key, mac->enc, unused);
	IMB_AES_CMAC_SUBKEY_GEN_128(manager, mac->enc, mac->last_whole, mac->last_padded);
	explicit_bzero(unused, sizeof(unused));
}

static void expand_pair(const IMB_MGR *manager, const struct crypto_key *key, union mb_keys *keys)
{
	switch (key->cipher) {
	case ALGO_NULL: break;
	case ALGO_3DES_CBC:
	case ALGO_DES_CBC:
		expand_des(manager, key->cipher_key, key->cipher_key_bytes, &keys->pair.cipher.des);
		break;
	default: expand_aes(manager, key->cipher_key, key->cipher_key_bytes, &keys->pair.cipher.aes); break;
	}
	switch (key->auth) {
	case ALGO_AES_XCBC:
		IMB_AES_XCBC_KEYEXP(manager, key->auth_key, keys->pair.auth.cbc_mac.enc,
				    keys->pair.auth.cbc_mac.last_whole, keys->pair.auth.cbc_mac.last_padded);
		break;
	case ALGO_AES_CMAC: expand_cmac(manager, key, &keys->pair.auth.cbc_mac); break;
	default: expand_hmac(manager, key, &keys->pair.auth.hmac); break;
	}
}

/* Keys of one layout overwrite each other whole. Never 0. */
static uint32_t layout_of(const struct crypto_key *key)
{
	return key->cipher | (uint32_t)key->auth << 8 | (uint32_t)key->cipher_key_bytes << 16;
}

static void fill(const struct crypto_ctx *ctx, const struct crypto_key *key, struct key_slot *slot)
{
	union mb_keys *keys = (union mb_keys *)slot->expanded;

	if (slot->layout != layout_of(key))
		key_cache_wipe(slot);
	slot->layout = layout_of(key);
	switch (key->way) {
	case MB_WAY_GCM:
	case MB_WAY_GCM_IIV:
	case MB_WAY_GMAC: ctx->gcm[key->variant].expand(key->cipher_key, &keys->gcm); break;
	case MB_WAY_CCM:
		expand_aes(ctx->wide, key->cipher_key, key->cipher_key_bytes, &keys->pair.cipher.aes);
		break;
	default: expand_pair(ctx->wide, key, keys); break;
	}
}

static struct key_slot *expand(struct crypto_ctx *ctx, const struct crypto_key *key)
{
	struct key_slot *slot = key_cache_claim(&ctx->cache, key->serial);

	if (slot) {
		fill(ctx, key, slot);
		key_cache_filled(slot, key->serial);
	}
	return slot;
}

static const union mb_keys *expand_in_spare(struct crypto_ctx *ctx, const struct crypto_key *key)
{
	ctx->spare_used = true;
	fill(ctx, key, ctx->spare);
	return (const union mb_keys *)ctx->spare->expanded;
}

const union mb_keys *crypto_mb_keys_expand(struct crypto_ctx *ctx, const struct crypto_key *key)
{
	const struct key_slot *slot = expand(ctx, key);

	return slot ? (const union mb_keys *)slot->expanded : expand_in_spare(ctx, key);
}

const union mb_keys *crypto_mb_keys_pin(struct crypto_ctx *ctx, const struct crypto_key *key)
{
	struct key_slot *slot = key_cache_find(&ctx->cache, key->serial);

	if (!slot)
		slot = expand(ctx, key);
	if (slot) {
		key_cache_pin(&ctx->cache, slot);
		return (const union mb_keys *)slot->expanded;
	}
	return ctx->spare_used ? NULL : expand_in_spare(ctx, key);
}

void crypto_mb_keys_unpin(struct crypto_ctx *ctx)
{
	key_cache_unpin(&ctx->cache);
	if (!ctx->spare_used)
		return;
	key_cache_wipe(ctx->spare);
	ctx->spare_used = false;
}

#endif
