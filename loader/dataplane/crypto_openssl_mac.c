/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integrity algorithms by OpenSSL: HMAC made of its hashes, AES-XCBC and AES-CMAC made of its AES. Workers.
 *
 * OpenSSL's own HMAC and CMAC (EVP_MAC) allocate for each key and each packet, and in version 3.0 so does
 * each start of a hash by EVP. So the hashes are called by their old functions, which OpenSSL 3 calls
 * deprecated: they work on memory of the caller, which can keep and wipe what they make of a key.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "dataplane/crypto_openssl_private.h"

#include <errno.h>
#include <openssl/crypto.h>

#include "base/cleanup.h"

#define AES_BLOCK 16
#define HASH_BLOCK_MAX 128

/* A hash by functions of one type. */
struct hash {
	enum algo_id id; /* of the HMAC */
	uint8_t block_bytes;
	uint8_t bytes;
	int (*init)(union openssl_hash *state);
	int (*update)(union openssl_hash *state, const void *bytes, size_t len);
	int (*final)(uint8_t *out, union openssl_hash *state);
};

#define HASH_FUNCTIONS(name, member) \
	static int name##_init(union openssl_hash *state) \
	{ \
		return name##_Init(&state->member); \
	} \
	static int name##_update(union openssl_hash *state, const void *bytes, size_t len) \
	{ \
		return name##_Update(&state->member, bytes, len); \
	} \
	static int name##_final(uint8_t *out, union openssl_hash *state) \
	{ \
		return name##_Final(out, &state->member); \
	}

HASH_FUNCTIONS(SHA1, sha1)
HASH_FUNCTIONS(SHA256, sha256)
HASH_FUNCTIONS(SHA384, sha512)
HASH_FUNCTIONS(SHA512, sha512)
HASH_FUNCTIONS(MD5, md5)

static const struct hash hashes[] = {
	{ALGO_HMAC_SHA1, 64, 20, SHA1_init, SHA1_update, SHA1_final},
	{ALGO_HMAC_SHA256, 64, 32, SHA256_init, SHA256_update, SHA256_final},
	{ALGO_HMAC_SHA384, 128, 48, SHA384_init, SHA384_update, SHA384_final},
	{ALGO_HMAC_SHA512, 128, 64, SHA512_init, SHA512_update, SHA512_final},
	{ALGO_HMAC_MD5, 64, 16, MD5_init, MD5_update, MD5_final},
};

static const struct hash *hash_of(enum algo_id auth)
{
	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++)
		if (hashes[i].id == auth)
			return &hashes[i];
	return NULL;
}

int crypto_openssl_mac_init(struct crypto_ctx *ctx)
{
	return crypto_openssl_cipher_init(&ctx->cbc_mac.aes, "AES-128-CBC");
}

void crypto_openssl_mac_cleanup(struct crypto_ctx *ctx)
{
	crypto_openssl_cipher_cleanup(&ctx->cbc_mac.aes);
}

bool crypto_openssl_mac_has(enum algo_id auth)
{
	return auth == ALGO_AES_XCBC || auth == ALGO_AES_CMAC || hash_of(auth);
}

/* What is authenticated: the packet up to its ICV, and behind it with ESN the high half, which is not on the
 * wire (RFC 4303 section 2.2.1). */
struct message {
	const uint8_t *bytes;
	size_t len;
	uint8_t high[CRYPTO_ESN_HIGH];
	size_t high_len;
};

static struct message message_of(const struct crypto_op *op)
{
	struct message message = {
		.bytes = op->esp,
		.len = CRYPTO_ESP_HEADER + op->key->iv_bytes + op->text_len,
		.high_len = op->key->esn ? CRYPTO_ESN_HIGH : 0,
	};

	crypto_packet_seq_high(op, message.high);
	return message;
}

/* ---- RFC 2104 ------------------------------------------------------------------------------------------ */

static bool start_padded(const struct hash *hash, union openssl_hash *state, const struct crypto_key *key,
			 uint8_t pad)
{
	uint8_t block[HASH_BLOCK_MAX];
	bool good;

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < key->auth_key_bytes && i < hash->block_bytes; i++)
		block[i] ^= key->auth_key[i];
	good = hash->init(state) == 1 && hash->update(state, block, hash->block_bytes) == 1;
	explicit_bzero(block, sizeof(block));
	return good;
}

static bool set_hmac_key(struct openssl_hmac *hmac, const struct hash *hash, const struct crypto_key *key)
{
	if (hmac->key == key)
		return true;
	hmac->key = key;
	return start_padded(hash, &hmac->inner, key, 0x36) && start_padded(hash, &hmac->outer, key, 0x5c);
}

/* A hash that has come to its end has nothing of the key in it: the tag. */
static bool hmac(struct openssl_hmac *hmac, const struct crypto_key *key, const struct message *message,
		 uint8_t *tag)
{
	const struct hash *hash = hash_of(key->auth);
	union openssl_hash state;
	uint8_t inner[EVP_MAX_MD_SIZE];

	if (!set_hmac_key(hmac, hash, key))
		return false;
	state = hmac->inner;
	if (hash->update(&state, message->bytes, message->len) != 1 ||
	    hash->update(&state, message->high, message->high_len) != 1 || hash->final(inner, &state) != 1)
		return false;
	state = hmac->outer;
	return hash->update(&state, inner, hash->bytes) == 1 && hash->final(tag, &state) == 1;
}

/* ---- RFC 3566 and RFC 4493: CBC-MAC with something of the key in the last block -------------------------
 */

static bool set_key(struct openssl_cbc_mac *mac, const uint8_t *key)
{
	return EVP_CipherInit_ex(mac->aes.evp, NULL, NULL, key, NULL, 1) == 1;
}

/* One block of AES; `key` NULL: the one that is set. */
static bool encrypt_byte(struct openssl_cbc_mac *mac, uint8_t byte, uint8_t *out)
{
	static const uint8_t zero[AES_BLOCK];
	uint8_t block[AES_BLOCK];
	int len;

	memset(block, byte, sizeof(block));
	return EVP_CipherInit_ex(mac->aes.evp, NULL, NULL, NULL, zero, 1) == 1 &&
	       EVP_CipherUpdate(mac->aes.evp, out, &len, block, sizeof(block)) == 1;
}

/* RFC 3566 section 4. */
static bool set_xcbc_key(struct openssl_cbc_mac *mac, const uint8_t *key)
{
	uint8_t first[AES_BLOCK];
	bool good = set_key(mac, key) && encrypt_byte(mac, 1, first) &&
		    encrypt_byte(mac, 2, mac->last_whole) && encrypt_byte(mac, 3, mac->last_padded) &&
		    set_key(mac, first);

	explicit_bzero(first, sizeof(first));
	return good;
}

/* Times x in GF(2^128), the first bit the highest; without a branch on it. */
static void double_block(const uint8_t *in, uint8_t *out)
{
	uint8_t carry = (uint8_t)(in[0] >> 7);

	for (size_t i = 0; i + 1 < AES_BLOCK; i++)
		out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
	out[AES_BLOCK - 1] = (uint8_t)(in[AES_BLOCK - 1] << 1 ^ (-carry & 0x87));
}

/* RFC 4493 section 2.3. */
static bool set_cmac_key(struct openssl_cbc_mac *mac, const uint8_t *key)
{
	uint8_t zeros[AES_BLOCK];

	if (!set_key(mac, key) || !encrypt_byte(mac, 0, zeros))
		return false;
	double_block(zeros, mac->last_whole);
	double_block(mac->last_whole, mac->last_padded);
	explicit_bzero(zeros, sizeof(zeros));
	return true;
}

/* Only the last block of ciphertext is the MAC; the others go where the next ones do. */
static bool chain(EVP_CIPHER_CTX *evp, const uint8_t *bytes, size_t len)
{
	uint8_t unused[512];
	int out;

	for (size_t done = 0; done < len; done += sizeof(unused)) {
		size_t part = len - done < sizeof(unused) ? len - done : sizeof(unused);

		if (EVP_CipherUpdate(evp, unused, &out, bytes + done, (int)part) != 1)
			return false;
	}
	return true;
}

static bool cbc_mac(struct openssl_cbc_mac *mac, const struct message *message, uint8_t *tag)
{
	static const uint8_t zero[AES_BLOCK];
	size_t total = message->len + message->high_len;
	size_t last = (total - 1) / AES_BLOCK * AES_BLOCK; /* where the last block begins */
	size_t head = message->len / AES_BLOCK * AES_BLOCK;
	uint8_t tail[2 * AES_BLOCK] = {0};
	const uint8_t *mask;
	uint8_t *last_block;
	int out;

	if (head > last)
		head = last;
	memcpy(tail, message->bytes + head, message->len - head);
	memcpy(tail + (message->len - head), message->high, message->high_len);
	last_block = tail + (last - head);
	mask = total % AES_BLOCK ? mac->last_padded : mac->last_whole;
	if (total % AES_BLOCK)
		tail[total - head] = 0x80;
	for (size_t i = 0; i < AES_BLOCK; i++)
		last_block[i] ^= mask[i];
	return EVP_CipherInit_ex(mac->aes.evp, NULL, NULL, NULL, zero, 1) == 1 &&
	       chain(mac->aes.evp, message->bytes, head) && chain(mac->aes.evp, tail, last - head) &&
	       EVP_CipherUpdate(mac->aes.evp, tag, &out, last_block, AES_BLOCK) == 1;
}

static bool set_cbc_mac_key(struct openssl_cbc_mac *mac, const struct crypto_key *key)
{
	if (mac->aes.key == key)
		return true;
	mac->aes.key = key;
	return key->auth == ALGO_AES_XCBC ? set_xcbc_key(mac, key->auth_key)
					  : set_cmac_key(mac, key->auth_key);
}

int crypto_openssl_mac(struct crypto_ctx *ctx, const struct crypto_op *op, uint8_t *tag)
{
	const struct message message = message_of(op);
	bool good;

	if (op->key->auth == ALGO_AES_XCBC || op->key->auth == ALGO_AES_CMAC)
		good = set_cbc_mac_key(&ctx->cbc_mac, op->key) && cbc_mac(&ctx->cbc_mac, &message, tag);
	else
		good = hmac(&ctx->hmac, op->key, &message, tag);
	return good ? 0 : -EIO;
}

void crypto_openssl_mac_blank(struct crypto_ctx *ctx)
{
	if (ctx->hmac.key) {
		explicit_bzero(&ctx->hmac.inner, sizeof(ctx->hmac.inner));
		explicit_bzero(&ctx->hmac.outer, sizeof(ctx->hmac.outer));
		ctx->hmac.key = NULL;
	}
	if (!ctx->cbc_mac.aes.key)
		return;
	crypto_openssl_cipher_blank(&ctx->cbc_mac.aes);
	explicit_bzero(ctx->cbc_mac.last_whole, sizeof(ctx->cbc_mac.last_whole));
	explicit_bzero(ctx->cbc_mac.last_padded, sizeof(ctx->cbc_mac.last_padded));
}
