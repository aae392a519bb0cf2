/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every suite with and without ESN, by both providers, against each other and against sealing that has
 * nothing of the code under test: lengths from 0 to 9000, in place, each packet between guard pages.
 */
#include <errno.h>

#include "tests/unit/crypto_rig.h"

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

static size_t text_offset(const struct burst *burst)
{
	return 8 + esp_seal_iv_bytes(&burst->sa->seal);
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
	size_t offset = text_offset(burst);

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
static size_t next_len(size_t len, size_t block)
{
	size_t step = len < 300 ? 1 : len < 1600 ? 61 : 331;
	size_t longest = CRYPTO_RIG_TEXT_MAX / block * block;

	len += (step + block - 1) / block * block;
	return len > longest && len - longest < step ? longest : len;
}

static void lengths(struct burst *burst, uint64_t *seed)
{
	size_t block = crypto_rig_block(&burst->sa->suite);
	size_t turn = 0;

	for (size_t len = 0; len <= CRYPTO_RIG_TEXT_MAX;) {
		burst->count = 0;
		while (len <= CRYPTO_RIG_TEXT_MAX &&
		       burst->count < burst_sizes[turn % (sizeof(burst_sizes) / sizeof(burst_sizes[0]))]) {
			size_t i = burst->count++;

			burst->lens[i] = len;
			/* As the contract says, without ESN there is no high half. */
			burst->ops[i].seq = crypto_rig_random(seed) >> (burst->sa->seal.esn ? 0 : 32);
			burst->sa->seal.seq = burst->ops[i].seq;
			crypto_rig_fill(seed, burst->plain[i], len < 64 ? len : 64);
			esp_seal(&burst->sa->seal, burst->plain[i], len, burst->sealed[i]);
			len = next_len(len, block);
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

static void all_suites(struct crypto_rig *rig, bool esn, uint64_t seed)
{
	struct burst burst = {.rig = rig};
	struct crypto_rig_sa sa;
	struct suite suite;

	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		burst.plain[i] = malloc(CRYPTO_RIG_TEXT_MAX);
		burst.sealed[i] = malloc(CRYPTO_RIG_TEXT_MAX + ESP_SEAL_OVERHEAD_MAX);
		assert_true(burst.plain[i] && burst.sealed[i]);
		crypto_rig_fill(&seed, burst.plain[i], CRYPTO_RIG_TEXT_MAX);
	}
	for (size_t i = 0; suites_at(i, &suite); i++) {
		crypto_rig_sa_init(rig, &sa, &suite, esn, &seed);
		burst.sa = &sa;
		lengths(&burst, &seed);
		crypto_rig_sa_free(rig, &sa);
	}
	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		free(burst.plain[i]);
		free(burst.sealed[i]);
	}
}

static void test_all_suites(void **state)
{
	all_suites(*state, false, 20240229);
}

static void test_all_suites_esn(void **state)
{
	all_suites(*state, true, 4303);
}

/* 88 of them: a table that lost rows would make the tests above pass. */
static void test_suites(void **state)
{
	(void)state;
	assert_int_equal(suites_count(), 9 + 3 + 6 + 2 + 1 + 1 + 3 + (3 + 3 + 1 + 1 + 1) * 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_all_suites),
		cmocka_unit_test(test_all_suites_esn),
	};

	return cmocka_run_group_tests_name("crypto_suites", tests, crypto_rig_setup, crypto_rig_teardown);
}
