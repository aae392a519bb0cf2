/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the crypto providers.
 */
#include "tests/lib/crypto_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const struct crypto_provider *const crypto_rig_providers[CRYPTO_RIG_PROVIDERS] = {&crypto_ipsec_mb,
										  &crypto_openssl};

int crypto_rig_setup(void **state)
{
	struct crypto_rig *rig = calloc(1, sizeof(*rig));

	if (!rig || crypto_openssl.ctx_new(&rig->ctx[1]))
		return -1;
	if (crypto_ipsec_mb.ctx_new(&rig->ctx[0]) != 0)
		print_message("ipsec-mb does not work on this CPU: only OpenSSL is tested\n");
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		rig->guards[i] = guard_new(CRYPTO_RIG_PACKET_MAX);
	*state = rig;
	return 0;
}

int crypto_rig_teardown(void **state)
{
	struct crypto_rig *rig = *state;

	for (size_t i = 0; i < CRYPTO_RIG_PROVIDERS; i++)
		if (rig->ctx[i])
			crypto_rig_providers[i]->ctx_free(rig->ctx[i]);
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		guard_free(&rig->guards[i]);
	free(rig);
	return 0;
}

uint64_t crypto_rig_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1dull;
}

void crypto_rig_fill(uint64_t *seed, uint8_t *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(crypto_rig_random(seed) >> 32);
}

struct crypto_suite crypto_rig_suite(const struct crypto_rig_sa *sa)
{
	return (struct crypto_suite){
		.cipher = sa->suite.cipher,
		.auth = sa->suite.auth,
		.key = sa->key,
		.key_bytes = sa->seal.key_bytes,
		.auth_key = sa->auth_key,
		.auth_key_bytes = sa->seal.auth_key_bytes,
		.icv_bytes = sa->suite.icv_bytes,
		.esn = sa->seal.esn,
	};
}

void crypto_rig_sa_init(struct crypto_rig *rig, struct crypto_rig_sa *sa, const struct suite *suite, bool esn,
			uint64_t *seed)
{
	struct crypto_suite given;

	*sa = (struct crypto_rig_sa){.suite = *suite};
	crypto_rig_fill(seed, sa->key, sizeof(sa->key));
	crypto_rig_fill(seed, sa->auth_key, sizeof(sa->auth_key));
	sa->seal = (struct esp_seal){
		.key = sa->key,
		.key_bytes =
			suite->cipher_key_bytes + (suite->cipher_key_bytes ? suite->cipher->salt_bytes : 0u),
		.spi = 0x1000c0de,
		.esn = esn,
		.cipher = suite->cipher->id,
		.auth = suite->auth ? suite->auth->id : ALGO_NONE,
		.auth_key = sa->auth_key,
		.auth_key_bytes = suite->auth ? suite->auth->key_bytes[0] : 0u,
		.icv_bytes = suite->icv_bytes,
	};
	given = crypto_rig_suite(sa);
	for (size_t i = 0; i < CRYPTO_RIG_PROVIDERS; i++) {
		char name[SUITE_NAME_MAX];

		if (rig->ctx[i] && crypto_rig_providers[i]->key_new(rig->ctx[i], &given, &sa->keys[i]))
			fail_msg("%s: no %s", crypto_rig_providers[i]->name, suites_name(suite, name));
	}
}

void crypto_rig_sa_free(struct crypto_rig *rig, struct crypto_rig_sa *sa)
{
	for (size_t i = 0; i < CRYPTO_RIG_PROVIDERS; i++) {
		if (!rig->ctx[i])
			continue;
		crypto_rig_providers[i]->forget(rig->ctx[i], sa->keys[i]);
		crypto_rig_providers[i]->key_free(sa->keys[i]);
	}
}

size_t crypto_rig_text_offset(const struct crypto_rig_sa *sa)
{
	return 8 + esp_seal_iv_bytes(&sa->seal);
}

size_t crypto_rig_block(const struct suite *suite)
{
	return suite->cipher->align_bytes > 4 ? suite->cipher->align_bytes : 1;
}

/* ---- every suite --------------------------------------------------------------------------------------- */

/* Few packets and many go different ways through libipsec-mb. */
static const size_t burst_sizes[] = {64, 1, 17, 8, 33, 9, 2};

struct burst {
	struct crypto_rig *rig;
	struct crypto_rig_sa *sa;
	size_t count;
	uint8_t *plain[XESP_BURST_MAX];
	uint8_t *sealed[XESP_BURST_MAX];
	size_t lens[XESP_BURST_MAX];
	struct crypto_op ops[XESP_BURST_MAX];
	struct crypto_op *list[XESP_BURST_MAX];
};

static size_t whole(const struct burst *burst, size_t i)
{
	return burst->lens[i] + esp_seal_overhead(&burst->sa->seal);
}

static void place(struct burst *burst, size_t which, bool at_end)
{
	for (size_t i = 0; i < burst->count; i++) {
		const struct guard *guard = &burst->rig->guards[i];

		burst->ops[i].key = burst->sa->keys[which];
		burst->ops[i].esp = at_end ? guard->end - whole(burst, i) : guard->start;
		burst->ops[i].text_len = (uint32_t)burst->lens[i];
		burst->ops[i].status = 77;
		burst->list[i] = &burst->ops[i];
		memcpy(burst->ops[i].esp, burst->sealed[i], whole(burst, i));
	}
}

static void check(const struct burst *burst, size_t which, const char *what, size_t i, const uint8_t *is,
		  const uint8_t *wanted, size_t len)
{
	char name[SUITE_NAME_MAX];

	if (burst->ops[i].status == 0 && memcmp(is, wanted, len) == 0)
		return;
	fail_msg("%s: %s%s: %s: %zu bytes, packet %zu of %zu: status %d%s", crypto_rig_providers[which]->name,
		 suites_name(&burst->sa->suite, name), burst->sa->seal.esn ? " esn" : "", what,
		 burst->lens[i], i, burst->count, burst->ops[i].status,
		 burst->ops[i].status ? "" : ", other bytes");
}

/* Opens what was sealed independently, then seals it again. */
static void run(struct burst *burst, size_t which, bool at_end)
{
	const struct crypto_provider *provider = crypto_rig_providers[which];
	struct crypto_ctx *ctx = burst->rig->ctx[which];
	size_t offset = crypto_rig_text_offset(burst->sa);

	place(burst, which, at_end);
	provider->open_burst(ctx, burst->list, burst->count);
	for (size_t i = 0; i < burst->count; i++) {
		check(burst, which, "open", i, burst->ops[i].esp + offset, burst->plain[i], burst->lens[i]);
		/* Header and IV are as they were. */
		check(burst, which, "header", i, burst->ops[i].esp, burst->sealed[i], offset);
		memset(burst->ops[i].esp + offset + burst->lens[i], 0xee, burst->sa->suite.icv_bytes);
		burst->ops[i].status = 77;
	}
	provider->seal_burst(ctx, burst->list, burst->count);
	for (size_t i = 0; i < burst->count; i++)
		check(burst, which, "seal", i, burst->ops[i].esp, burst->sealed[i], whole(burst, i));
}

/* All short lengths, then steps; in multiples of the cipher's block. The last is the longest. */
static size_t next_len(size_t len, size_t block, size_t longest)
{
	size_t step = len < 300 ? 1 : len < 1600 ? 61 : 331;

	longest = longest / block * block;
	len += (step + block - 1) / block * block;
	return len > longest && len - longest < step ? longest : len;
}

static void lengths(struct burst *burst, size_t longest, uint64_t *seed)
{
	size_t block = crypto_rig_block(&burst->sa->suite);
	size_t turn = 0;

	for (size_t len = 0; len <= longest;) {
		burst->count = 0;
		while (len <= longest &&
		       burst->count < burst_sizes[turn % (sizeof(burst_sizes) / sizeof(burst_sizes[0]))]) {
			size_t i = burst->count++;

			burst->lens[i] = len;
			/* As the contract says, without ESN there is no high half. */
			burst->ops[i].seq = crypto_rig_random(seed) >> (burst->sa->seal.esn ? 0 : 32);
			burst->sa->seal.seq = burst->ops[i].seq;
			crypto_rig_fill(seed, burst->plain[i], len < 64 ? len : 64);
			esp_seal(&burst->sa->seal, burst->plain[i], len, burst->sealed[i]);
			len = next_len(len, block, longest);
		}
		turn++;
		for (size_t which = 0; which < CRYPTO_RIG_PROVIDERS; which++) {
			if (!burst->rig->ctx[which])
				continue;
			run(burst, which, true);
			run(burst, which, false);
		}
	}
}

void crypto_rig_check_suites(struct crypto_rig *rig, bool esn, size_t longest, uint64_t seed)
{
	struct burst burst = {.rig = rig};
	struct crypto_rig_sa sa;
	struct suite suite;

	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		burst.plain[i] = malloc(CRYPTO_RIG_TEXT_MAX);
		burst.sealed[i] = malloc(CRYPTO_RIG_PACKET_MAX);
		assert_true(burst.plain[i] && burst.sealed[i]);
		crypto_rig_fill(&seed, burst.plain[i], CRYPTO_RIG_TEXT_MAX);
	}
	for (size_t i = 0; suites_at(i, &suite); i++) {
		crypto_rig_sa_init(rig, &sa, &suite, esn, &seed);
		burst.sa = &sa;
		lengths(&burst, longest, &seed);
		crypto_rig_sa_free(rig, &sa);
	}
	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		free(burst.plain[i]);
		free(burst.sealed[i]);
	}
}
