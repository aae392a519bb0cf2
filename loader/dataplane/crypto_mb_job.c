/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Suites that libipsec-mb works on by jobs. The chains of these algorithms are long and narrow, so the
 * library puts packets side by side, one a lane of the CPU's vectors, whatever SAs they belong to. Of a
 * burst, packets of one algorithm are put together.
 *
 * A cipher and its integrity algorithm are two passes: a packet is decrypted only if its ICV is good, and
 * each pass can use the library's calls for many jobs of one kind, which cost less than its scheduler of
 * chains: 201 cycles a packet of 64 bytes against 226 with chains in a burst, 250 with single ones
 * (AES-128-CBC with HMAC-SHA1, bursts of 32). Workers.
 */
#if defined(__x86_64__)

#include <errno.h>
#include <openssl/crypto.h>

#include "dataplane/crypto_mb_private.h"

/* Lengths in the library are of 16 bits; what is hashed is longer than the text by header, IV and ESN. */
#define TEXT_MAX (UINT16_MAX - 64)

/* A round of the wide manager takes as long for one packet as for so many. */
#define LANES 16

_Static_assert(XESP_BURST_MAX <= 64 && XESP_BURST_MAX <= IMB_MAX_BURST_SIZE, "packets are bits of a word");

/* Packets of one kind. */
struct group {
	struct mb_work *works[XESP_BURST_MAX];
	size_t count;
};

typedef bool (*alike_t)(const struct crypto_key *a, const struct crypto_key *b);
typedef void (*fill_t)(IMB_JOB *job, struct mb_work *work, bool open);

/* Takes the first of `*todo`, which is not 0, out of it, and all that are like it. */
static void group_take(struct crypto_ctx *ctx, uint64_t *todo, alike_t alike, struct group *ret_group)
{
	struct mb_work *first = &ctx->work[__builtin_ctzll(*todo)];
	uint64_t left = *todo & (*todo - 1);

	ret_group->works[0] = first;
	ret_group->count = 1;
	*todo = 0;
	for (; left; left &= left - 1) {
		int i = __builtin_ctzll(left);

		if (ctx->work[i].op->key == first->op->key || alike(ctx->work[i].op->key, first->op->key))
			ret_group->works[ret_group->count++] = &ctx->work[i];
		else
			*todo |= 1ull << i;
	}
}

/* The narrow manager, where there is one, for what does not fill half of the lanes: its rounds are shorter.
 */
static IMB_MGR *manager_for(const struct crypto_ctx *ctx, const struct group *group)
{
	return ctx->narrow && group->count <= LANES / 2 ? ctx->narrow : ctx->wide;
}

static void note_failure(struct mb_work *work, const IMB_JOB *job)
{
	if (job->status != IMB_STATUS_COMPLETED)
		work->op->status = -EIO;
}

/* By the library's scheduler, which has all algorithms. */
static void run_jobs(IMB_MGR *manager, const struct group *group, fill_t fill, bool open)
{
	IMB_JOB *jobs[XESP_BURST_MAX], *done[XESP_BURST_MAX];
	uint32_t count = (uint32_t)group->count;
	uint32_t ended, more;

	if (IMB_GET_NEXT_BURST(manager, count, jobs) != count) {
		for (size_t i = 0; i < count; i++)
			group->works[i]->op->status = -EIO;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		done[i] = jobs[i];
		fill(jobs[i], group->works[i], open);
#if IMB_VERSION_NUM >= IMB_VERSION(1, 4, 0)
		imb_set_session(manager, jobs[i]);
#endif
	}
	ended = IMB_SUBMIT_BURST_NOCHECK(manager, count, done);
	do {
		more = ended < count ? IMB_FLUSH_BURST(manager, count - ended, done) : 0;
		ended += more;
	} while (more);
	for (size_t i = 0; i < count; i++)
		note_failure(group->works[i], jobs[i]);
}

/* ---- AEADs --------------------------------------------------------------------------------------------- */

static void fill_aead(IMB_JOB *job, struct mb_work *work, bool open)
{
	const struct crypto_op *op = work->op;
	const struct crypto_key *key = op->key;
	bool ccm = key->way == MB_WAY_CCM;
	size_t aad_len;
	const uint8_t *aad = crypto_packet_aad(op, work->aad, &aad_len);

	crypto_packet_nonce(op, key->salt_bytes, key->iv_bytes, work->block);
	job->status = IMB_STATUS_BEING_PROCESSED;
	job->enc_keys = ccm ? work->keys->pair.cipher.aes.enc : key->cipher_key;
	job->key_len_in_bytes = key->cipher_key_bytes;
	job->src = crypto_packet_text(op);
	job->dst = crypto_packet_text(op);
	job->cipher_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = op->text_len;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = op->text_len;
	job->iv = work->block;
	job->iv_len_in_bytes = key->salt_bytes + CRYPTO_AEAD_IV;
	job->auth_tag_output = work->tag;
	job->auth_tag_output_len_in_bytes = key->icv_bytes;
	job->cipher_mode = ccm ? IMB_CIPHER_CCM : IMB_CIPHER_CHACHA20_POLY1305;
	job->cipher_direction = open ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
	job->hash_alg = ccm ? IMB_AUTH_AES_CCM : IMB_AUTH_CHACHA20_POLY1305;
	/* CCM authenticates what is not encrypted (RFC 3610 section 2.2), the other what is. */
	job->chain_order = open == ccm ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	if (ccm) {
		job->u.CCM.aad = aad;
		job->u.CCM.aad_len_in_bytes = aad_len;
	} else {
		job->u.CHACHA20_POLY1305.aad = aad;
		job->u.CHACHA20_POLY1305.aad_len_in_bytes = aad_len;
	}
}

static bool same_way(const struct crypto_key *a, const struct crypto_key *b)
{
	return a->way == b->way;
}

static void aead_all(struct crypto_ctx *ctx, uint64_t todo, bool open)
{
	while (todo) {
		struct group group;

		group_take(ctx, &todo, same_way, &group);
		/* ChaCha20 has no lanes: the library does one packet after the other. */
		if (group.works[0]->op->key->way == MB_WAY_CHACHA)
			run_jobs(ctx->wide, &group, fill_aead, open);
		else
			run_jobs(manager_for(ctx, &group), &group, fill_aead, open);
	}
}

/* ---- integrity ----------------------------------------------------------------------------------------- */

/* AES-CMAC is AES-XCBC with other keys (RFC 4493 section 2.4, RFC 3566 section 4), and made by it:
 * version 1.3 of the library reads 16 bytes of a last block that has less, so its CMAC reads beyond the
 * packet. */
static const IMB_HASH_ALG hashes[ALGO_END] = {
	[ALGO_HMAC_SHA1] = IMB_AUTH_HMAC_SHA_1,
	[ALGO_HMAC_SHA256] = IMB_AUTH_HMAC_SHA_256,
	[ALGO_HMAC_SHA384] = IMB_AUTH_HMAC_SHA_384,
	[ALGO_HMAC_SHA512] = IMB_AUTH_HMAC_SHA_512,
	[ALGO_AES_XCBC] = IMB_AUTH_AES_XCBC,
	[ALGO_AES_CMAC] = IMB_AUTH_AES_XCBC,
	[ALGO_HMAC_MD5] = IMB_AUTH_MD5,
};

static void fill_hash(IMB_JOB *job, struct mb_work *work, bool open)
{
	const struct crypto_op *op = work->op;
	const struct crypto_key *key = op->key;

	(void)open;
	job->status = IMB_STATUS_BEING_PROCESSED;
	job->src = op->esp;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes =
		CRYPTO_ESP_HEADER + key->iv_bytes + op->text_len + (key->esn ? CRYPTO_ESN_HIGH : 0);
	job->auth_tag_output = work->tag;
	job->auth_tag_output_len_in_bytes = key->icv_bytes;
	job->cipher_mode = IMB_CIPHER_NULL;
	job->cipher_direction = IMB_DIR_ENCRYPT;
	job->hash_alg = hashes[key->auth];
	job->chain_order = IMB_ORDER_HASH_CIPHER;
	if (job->hash_alg == IMB_AUTH_AES_XCBC) {
		job->u.XCBC._k1_expanded = (const uint32_t *)work->keys->pair.auth.cbc_mac.enc;
		job->u.XCBC._k2 = work->keys->pair.auth.cbc_mac.last_whole;
		job->u.XCBC._k3 = work->keys->pair.auth.cbc_mac.last_padded;
	} else {
		job->u.HMAC._hashed_auth_key_xor_ipad = work->keys->pair.auth.hmac.inner;
		job->u.HMAC._hashed_auth_key_xor_opad = work->keys->pair.auth.hmac.outer;
	}
}

static void run_hashes(IMB_MGR *manager, IMB_JOB *jobs, size_t count, IMB_HASH_ALG hash)
{
	/* Its result is in the jobs. */
	if (count)
		(void)IMB_SUBMIT_HASH_BURST_NOCHECK(manager, jobs, (uint32_t)count, hash);
}

/* With SHA-1 and 1400 bytes a round of the wide manager takes 8,800 cycles, the narrow one's SHA instructions
 * 1,240 a packet. So what is left behind full rounds goes there, too. */
static void hash_group_hmac(struct crypto_ctx *ctx, const struct group *group)
{
	enum algo_id auth = group->works[0]->op->key->auth;
	size_t rest = group->count % LANES;
	size_t wide;

	if (!ctx->narrow || auth == ALGO_HMAC_SHA384 || auth == ALGO_HMAC_SHA512 || rest > LANES / 2)
		rest = 0;
	wide = group->count - rest;
	for (size_t i = 0; i < group->count; i++)
		fill_hash(&ctx->jobs[i], group->works[i], true);
	run_hashes(ctx->wide, ctx->jobs, wide, hashes[auth]);
	run_hashes(ctx->narrow, ctx->jobs + wide, rest, hashes[auth]);
	for (size_t i = 0; i < group->count; i++)
		note_failure(group->works[i], &ctx->jobs[i]);
}

static bool same_auth(const struct crypto_key *a, const struct crypto_key *b)
{
	return hashes[a->auth] == hashes[b->auth];
}

/* RFC 4303 section 2.2.1: with ESN the high half is hashed behind the text, though it is not on the wire. It
 * is put where the ICV is, so that all lies in a row. */
static void place_seq_high(struct mb_work *work, bool open)
{
	uint8_t *icv = crypto_packet_icv(work->op);

	if (!work->op->key->esn)
		return;
	if (open)
		memcpy(work->icv, icv, work->op->key->icv_bytes);
	crypto_packet_seq_high(work->op, icv);
}

static void hash_all(struct crypto_ctx *ctx, uint64_t todo, bool open)
{
	for (uint64_t left = todo; left; left &= left - 1)
		place_seq_high(&ctx->work[__builtin_ctzll(left)], open);
	while (todo) {
		struct group group;

		group_take(ctx, &todo, same_auth, &group);
		switch (group.works[0]->op->key->auth) {
		case ALGO_AES_XCBC:
		case ALGO_AES_CMAC:
		case ALGO_HMAC_MD5: run_jobs(manager_for(ctx, &group), &group, fill_hash, open); break;
		default: hash_group_hmac(ctx, &group); break;
		}
	}
}

/* ---- ciphers ------------------------------------------------------------------------------------------- */

static void fill_cipher(IMB_JOB *job, struct mb_work *work, bool open)
{
	static const IMB_CIPHER_MODE modes[ALGO_END] = {
		[ALGO_AES_CBC] = IMB_CIPHER_CBC,
		[ALGO_AES_CTR] = IMB_CIPHER_CNTR,
		[ALGO_3DES_CBC] = IMB_CIPHER_DES3,
		[ALGO_DES_CBC] = IMB_CIPHER_DES,
	};
	const struct crypto_op *op = work->op;
	const struct crypto_key *key = op->key;
	const union mb_keys *keys = work->keys;

	job->status = IMB_STATUS_BEING_PROCESSED;
	job->enc_keys = keys->pair.cipher.aes.enc;
	job->dec_keys = keys->pair.cipher.aes.dec;
	job->key_len_in_bytes = key->cipher_key_bytes;
	job->src = crypto_packet_text(op);
	job->dst = crypto_packet_text(op);
	job->cipher_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = op->text_len;
	job->iv = op->esp + CRYPTO_ESP_HEADER;
	job->iv_len_in_bytes = key->iv_bytes;
	job->cipher_mode = modes[key->cipher];
	job->cipher_direction = open ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
	job->hash_alg = IMB_AUTH_NULL;
	job->chain_order = IMB_ORDER_CIPHER_HASH;
	if (key->cipher == ALGO_AES_CTR) {
		crypto_packet_counter(op, work->block);
		job->iv = work->block;
		job->iv_len_in_bytes = CRYPTO_COUNTER_BLOCK;
	} else if (key->cipher == ALGO_3DES_CBC) {
		job->enc_keys = job->dec_keys = keys->pair.cipher.des.list;
	} else if (key->cipher == ALGO_DES_CBC) {
		job->enc_keys = job->dec_keys = keys->pair.cipher.des.schedules[0];
	}
}

static void cipher_group_aes(struct crypto_ctx *ctx, const struct group *group, bool open)
{
	const struct crypto_key *key = group->works[0]->op->key;

	for (size_t i = 0; i < group->count; i++)
		fill_cipher(&ctx->jobs[i], group->works[i], open);
	/* Its result is in the jobs. */
	(void)IMB_SUBMIT_CIPHER_BURST_NOCHECK(ctx->wide, ctx->jobs, (uint32_t)group->count,
					      ctx->jobs[0].cipher_mode, ctx->jobs[0].cipher_direction,
					      (IMB_KEY_SIZE_BYTES)key->cipher_key_bytes);
	for (size_t i = 0; i < group->count; i++)
		note_failure(group->works[i], &ctx->jobs[i]);
}

static bool same_cipher(const struct crypto_key *a, const struct crypto_key *b)
{
	return a->cipher == b->cipher && a->cipher_key_bytes == b->cipher_key_bytes;
}

/* Those of `todo` that have been good so far, and have something to encrypt. */
static void cipher_all(struct crypto_ctx *ctx, uint64_t todo, bool open)
{
	for (uint64_t left = todo; left; left &= left - 1) {
		const struct crypto_op *op = ctx->work[__builtin_ctzll(left)].op;

		if (op->status || !op->text_len || op->key->cipher == ALGO_NULL)
			todo &= ~(left & -left);
	}
	while (todo) {
		struct group group;

		group_take(ctx, &todo, same_cipher, &group);
		if (group.works[0]->op->key->cipher == ALGO_AES_CBC ||
		    group.works[0]->op->key->cipher == ALGO_AES_CTR)
			cipher_group_aes(ctx, &group, open);
		else
			run_jobs(ctx->wide, &group, fill_cipher, open);
	}
}

/* ---- a round ------------------------------------------------------------------------------------------- */

static void check_icvs(struct crypto_ctx *ctx, uint64_t todo)
{
	for (; todo; todo &= todo - 1) {
		struct mb_work *work = &ctx->work[__builtin_ctzll(todo)];
		const struct crypto_key *key = work->op->key;
		bool moved = key->way == MB_WAY_PAIR && key->esn;
		const uint8_t *icv = moved ? work->icv : crypto_packet_icv(work->op);

		if (!work->op->status && CRYPTO_memcmp(work->tag, icv, key->icv_bytes))
			work->op->status = -EBADMSG;
	}
}

static void write_icvs(struct crypto_ctx *ctx, uint64_t todo)
{
	for (; todo; todo &= todo - 1) {
		const struct mb_work *work = &ctx->work[__builtin_ctzll(todo)];

		memcpy(crypto_packet_icv(work->op), work->tag, work->op->key->icv_bytes);
	}
}

/* Of ctx->work, those in `aeads` and in `pairs`. */
static void run_round(struct crypto_ctx *ctx, uint64_t aeads, uint64_t pairs, bool open)
{
	aead_all(ctx, aeads, open);
	if (open) {
		hash_all(ctx, pairs, open);
		check_icvs(ctx, aeads | pairs);
		cipher_all(ctx, pairs, open);
	} else {
		cipher_all(ctx, pairs, open);
		hash_all(ctx, pairs, open);
		write_icvs(ctx, aeads | pairs);
	}
}

/* The library's calls check nothing. */
static bool fits(const struct crypto_op *op)
{
	return op->text_len <= TEXT_MAX && op->text_len % op->key->block_bytes == 0;
}

/* False if there is no room for the key beside those of this round. */
static bool take_keys(struct crypto_ctx *ctx, const struct crypto_key *key, struct mb_work *work)
{
	work->keys = NULL;
	if (key->way == MB_WAY_CHACHA)
		return true;
	work->keys = crypto_mb_keys_pin(ctx, key);
	return work->keys != NULL;
}

void crypto_mb_job_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count, bool open)
{
	uint64_t aeads = 0, pairs = 0;
	size_t works = 0;

	for (size_t i = 0; i < count; i++) {
		struct crypto_op *op = ops[i];

		op->status = fits(op) ? 0 : -EIO;
		if (op->status)
			continue;
		if (!take_keys(ctx, op->key, &ctx->work[works])) {
			run_round(ctx, aeads, pairs, open);
			crypto_mb_keys_unpin(ctx);
			aeads = pairs = 0;
			works = 0;
			take_keys(ctx, op->key, &ctx->work[works]);
		}
		ctx->work[works].op = op;
		*(op->key->way == MB_WAY_PAIR ? &pairs : &aeads) |= 1ull << works;
		works++;
	}
	run_round(ctx, aeads, pairs, open);
}

#endif
