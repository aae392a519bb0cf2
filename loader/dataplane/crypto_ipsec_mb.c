/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crypto provider on Intel's libipsec-mb: its contexts, and which way a packet goes. A context belongs to one
 * thread, and has a bounded number of expanded keys.
 *
 * The library keeps hash states, which depend on keys, and bytes of packets in its managers while a burst is
 * worked on. It wipes them if it was built with SAFE_DATA, as Debian's is; the managers lie in key memory in
 * any case, so that what is left is neither swapped nor dumped, and is wiped with the context.
 *
 * The library exists for x86-64 only; elsewhere this provider says -EOPNOTSUPP.
 */
#include "dataplane/crypto.h"

#include <errno.h>

#include "dataplane/crypto_key.h"

#if defined(__x86_64__)

#include <stdio.h>

#include "base/cleanup.h"
#include "dataplane/crypto_mb_private.h"
#include "dataplane/keymem.h"

_Static_assert(sizeof(struct crypto_ctx) + sizeof(struct key_slot) <= 65536, "CRYPTO_CTX_BYTES_MAX");

static const char *arch_name(const IMB_MGR *manager)
{
	static const char *const names[] = {[IMB_ARCH_SSE] = "SSE",
					    [IMB_ARCH_AVX] = "AVX",
					    [IMB_ARCH_AVX2] = "AVX2",
					    [IMB_ARCH_AVX512] = "AVX512"};
	uint32_t arch = manager->used_arch;

	return arch < ARRAY_SIZE(names) && names[arch] ? names[arch] : "unknown";
}

static void mb_ctx_free(struct crypto_ctx *ctx)
{
	if (!ctx)
		return;
	crypto_openssl.ctx_free(ctx->openssl);
	key_cache_cleanup(&ctx->cache);
	keymem_free(ctx->spare, sizeof(*ctx->spare));
	keymem_free(ctx->wide, imb_get_mb_mgr_size());
	keymem_free(ctx->narrow, imb_get_mb_mgr_size());
	keymem_free(ctx, sizeof(*ctx));
}

static IMB_MGR *manager_new(void)
{
	void *memory = keymem_alloc(imb_get_mb_mgr_size());

	return memory ? imb_set_pointers_mb_mgr(memory, 0, 1) : NULL;
}

/* The library's own structures have to be those of the header that this was compiled with. Without AES
 * instructions it emulates them: slower than OpenSSL. A failed self-test shows in its error number. */
static bool usable(IMB_MGR *manager)
{
	return imb_get_version() >> 8 == IMB_VERSION_NUM >> 8 && !imb_get_errno(manager) &&
	       (manager->features & IMB_CPUFLAGS_SSE) == IMB_CPUFLAGS_SSE &&
	       manager->used_arch != IMB_ARCH_NOAESNI;
}

/* 0 also where there is no need of a second one. */
static int narrow_new(struct crypto_ctx *ctx)
{
	if (!(ctx->wide->features & IMB_FEATURE_SHANI) || ctx->wide->used_arch <= IMB_ARCH_AVX)
		return 0;
	ctx->narrow = manager_new();
	if (!ctx->narrow)
		return -ENOMEM;
	init_mb_mgr_avx(ctx->narrow);
	return usable(ctx->narrow) ? 0 : -EOPNOTSUPP;
}

#define GCM_CALLS(manager, bits) \
	{ \
		.expand = (manager)->gcm##bits##_pre, .open = (manager)->gcm##bits##_dec, \
		.seal = (manager)->gcm##bits##_enc, .gmac_init = (manager)->gmac##bits##_init, \
		.gmac_update = (manager)->gmac##bits##_update, \
		.gmac_finalize = (manager)->gmac##bits##_finalize, \
	}

static void choose_calls(struct crypto_ctx *ctx)
{
	ctx->gcm[0] = (struct mb_gcm_calls)GCM_CALLS(ctx->wide, 128);
	ctx->gcm[1] = (struct mb_gcm_calls)GCM_CALLS(ctx->wide, 192);
	ctx->gcm[2] = (struct mb_gcm_calls)GCM_CALLS(ctx->wide, 256);
}

static int ctx_init(struct crypto_ctx *ctx)
{
	const uint64_t vaes = IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ;
	int r;

	ctx->wide = manager_new();
	if (!ctx->wide)
		return -ENOMEM;
	init_mb_mgr_auto(ctx->wide, NULL);
	if (!usable(ctx->wide))
		return -EOPNOTSUPP;
	r = narrow_new(ctx);
	if (r)
		return r;
	if (ctx->wide->used_arch != IMB_ARCH_AVX512)
		r = crypto_openssl.ctx_new(&ctx->openssl);
	if (!r)
		r = crypto_serial_init(&ctx->serial);
	if (r)
		return r;
	ctx->spare = keymem_alloc(sizeof(*ctx->spare));
	if (!ctx->spare || key_cache_init(&ctx->cache))
		return -ENOMEM;
	choose_calls(ctx);
	snprintf(ctx->description, sizeof(ctx->description), "ipsec-mb %s, %s%s%s", imb_get_version_str(),
		 arch_name(ctx->wide), (ctx->wide->features & vaes) == vaes ? " VAES" : "",
		 ctx->wide->features & IMB_FEATURE_SHANI ? " SHA" : "");
	return 0;
}

static int mb_ctx_new(struct crypto_ctx **ret_ctx)
{
	struct crypto_ctx *ctx = keymem_alloc(sizeof(*ctx));
	int r;

	if (!ctx)
		return -ENOMEM;
	r = ctx_init(ctx);
	if (r) {
		mb_ctx_free(ctx);
		return r;
	}
	*ret_ctx = ctx;
	return 0;
}

static const char *mb_ctx_describe(const struct crypto_ctx *ctx)
{
	return ctx->description;
}

/* -EOPNOTSUPP for what the library does not have. */
static int way_of(const struct crypto_ctx *ctx, enum algo_id cipher)
{
	switch (cipher) {
	case ALGO_AES_GCM: return MB_WAY_GCM;
	case ALGO_AES_GCM_IIV: return MB_WAY_GCM_IIV;
	case ALGO_AES_GMAC: return MB_WAY_GMAC;
	case ALGO_AES_CCM:
	case ALGO_AES_CCM_IIV: return MB_WAY_CCM;
	case ALGO_CHACHA20_POLY1305:
	case ALGO_CHACHA20_POLY1305_IIV: return MB_WAY_CHACHA;
	case ALGO_AES_CBC:
	case ALGO_AES_CTR:
	case ALGO_NULL: return MB_WAY_PAIR;
	case ALGO_3DES_CBC:
	case ALGO_DES_CBC: return ctx->openssl ? MB_WAY_DES : MB_WAY_PAIR;
	default: return -EOPNOTSUPP;
	}
}

static int mb_key_new(struct crypto_ctx *ctx, const struct crypto_suite *suite, struct crypto_key **ret_key)
{
	int way = way_of(ctx, suite->cipher->id);
	int r;

	if (way < 0)
		return way;
	if (way == MB_WAY_DES)
		r = crypto_openssl.key_new(ctx->openssl, suite, ret_key);
	else
		r = crypto_key_new(&ctx->serial, suite, ret_key);
	if (r)
		return r;
	(*ret_key)->way = (uint8_t)way;
	if (way <= MB_WAY_GMAC)
		(*ret_key)->variant = (uint8_t)((*ret_key)->cipher_key_bytes / 8 - 2);
	return 0;
}

static void mb_forget(struct crypto_ctx *ctx, const struct crypto_key *key)
{
	key_cache_forget(&ctx->cache, key->serial);
}

/* What is worked on directly is done at once, what goes by jobs side by side behind it. */
static __attribute__((noinline)) void work_mixed(struct crypto_ctx *ctx, struct crypto_op *const *ops,
						 size_t count, bool open)
{
	struct crypto_op *jobs[XESP_BURST_MAX], *des[XESP_BURST_MAX];
	size_t jobs_count = 0, des_count = 0;

	for (size_t i = 0; i < count; i++) {
		size_t direct = crypto_mb_gcm_burst(ctx, ops + i, count - i, open);

		i += direct;
		if (i == count)
			break;
		if (ops[i]->key->way == MB_WAY_DES)
			des[des_count++] = ops[i];
		else
			jobs[jobs_count++] = ops[i];
	}
	if (jobs_count)
		crypto_mb_job_burst(ctx, jobs, jobs_count, open);
	if (des_count)
		(open ? crypto_openssl.open_burst : crypto_openssl.seal_burst)(ctx->openssl, des, des_count);
	crypto_mb_keys_unpin(ctx);
}

static inline void work_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count, bool open)
{
	size_t done = crypto_mb_gcm_burst(ctx, ops, count, open);

	if (done < count)
		work_mixed(ctx, ops + done, count - done, open);
	else if (ctx->spare_used)
		crypto_mb_keys_unpin(ctx);
}

static void mb_open_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count)
{
	work_burst(ctx, ops, count, true);
}

static void mb_seal_burst(struct crypto_ctx *ctx, struct crypto_op *const *ops, size_t count)
{
	work_burst(ctx, ops, count, false);
}

#else

static int mb_ctx_new(struct crypto_ctx **ret_ctx)
{
	(void)ret_ctx;
	return -EOPNOTSUPP;
}

/* There is no context, so nothing below is ever reached with one. */
#define mb_ctx_free NULL
#define mb_ctx_describe NULL
#define mb_key_new NULL
#define mb_forget NULL
#define mb_open_burst NULL
#define mb_seal_burst NULL

#endif

const struct crypto_provider crypto_ipsec_mb = {
	.name = "ipsec-mb",
	.ctx_new = mb_ctx_new,
	.ctx_free = mb_ctx_free,
	.ctx_describe = mb_ctx_describe,
	.key_new = mb_key_new,
	.key_free = crypto_key_free,
	.forget = mb_forget,
	.open_burst = mb_open_burst,
	.seal_burst = mb_seal_burst,
};
