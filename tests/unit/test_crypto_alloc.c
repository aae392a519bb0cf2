/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Working on a burst allocates nothing: OpenSSL's allocations are counted by its own hooks, those of the C
 * library by what it says it has handed out. Both providers, all suites. Where OpenSSL's CCM refuses a
 * packet, it notes an error, whose texts it allocates: there all packets are good.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "tests/lib/crypto_rig.h"

#define TEXT 1024

static size_t openssl_allocations;

static void *counting_malloc(size_t bytes, const char *file, int line)
{
	(void)file;
	(void)line;
	openssl_allocations++;
	return malloc(bytes);
}

static void *counting_realloc(void *block, size_t bytes, const char *file, int line)
{
	(void)file;
	(void)line;
	openssl_allocations++;
	return realloc(block, bytes);
}

static void plain_free(void *block, const char *file, int line)
{
	(void)file;
	(void)line;
	free(block);
}

struct counts {
	size_t openssl;
	size_t libc; /* bytes */
};

static struct counts counts_now(void)
{
	return (struct counts){openssl_allocations, mallinfo2().uordblks};
}

/* Bursts of two SAs in turn, so that keys are set again and again; some packets are refused. */
static void use(struct crypto_rig *rig, size_t which, struct crypto_rig_sa *sas)
{
	bool ccm = sas[0].suite.cipher->id == ALGO_AES_CCM || sas[0].suite.cipher->id == ALGO_AES_CCM_IIV;
	size_t step = ccm && crypto_rig_providers[which] == &crypto_openssl ? XESP_BURST_MAX : 5;
	const struct crypto_provider *provider = crypto_rig_providers[which];
	struct crypto_op ops[XESP_BURST_MAX];
	struct crypto_op *list[XESP_BURST_MAX];

	for (size_t i = 0; i < XESP_BURST_MAX; i++) {
		ops[i] = (struct crypto_op){.key = sas[i / 2 % 2].keys[which],
					    .esp = rig->guards[i].start,
					    .seq = i + 1,
					    .text_len = TEXT,
					    .status = 77};
		memset(ops[i].esp, (int)i, TEXT + ESP_SEAL_OVERHEAD_MAX);
		list[i] = &ops[i];
	}
	provider->seal_burst(rig->ctx[which], list, XESP_BURST_MAX);
	for (size_t i = step - 1; i < XESP_BURST_MAX; i += step)
		ops[i].esp[0] ^= i < XESP_BURST_MAX - 1;
	provider->open_burst(rig->ctx[which], list, XESP_BURST_MAX);
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		assert_int_equal(ops[i].status != 0, i % step == step - 1 && i < XESP_BURST_MAX - 1);
}

static void test_nothing_is_allocated(void **state)
{
	struct crypto_rig *rig = *state;
	uint64_t seed = 8;
	struct suite suite;

	/* A count that does not count would be 0 below as well. */
	assert_true(openssl_allocations > 0);
	for (size_t i = 0; suites_at(i, &suite); i++) {
		struct crypto_rig_sa sas[2];

		crypto_rig_sa_init(rig, &sas[0], &suite, false, &seed);
		crypto_rig_sa_init(rig, &sas[1], &suite, true, &seed);
		for (size_t which = 0; which < CRYPTO_RIG_PROVIDERS; which++) {
			struct counts before = counts_now(), after;
			char name[SUITE_NAME_MAX];

			if (!rig->ctx[which])
				continue;
			use(rig, which, sas);
			after = counts_now();
			if (after.openssl != before.openssl || after.libc != before.libc)
				fail_msg("%s: %s: %zu allocations of OpenSSL, %zd bytes",
					 crypto_rig_providers[which]->name, suites_name(&suite, name),
					 after.openssl - before.openssl, (ssize_t)(after.libc - before.libc));
		}
		crypto_rig_sa_free(rig, &sas[0]);
		crypto_rig_sa_free(rig, &sas[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_allocated)};

	if (CRYPTO_set_mem_functions(counting_malloc, counting_realloc, plain_free) != 1)
		abort();
	return cmocka_run_group_tests_name("crypto_alloc", tests, crypto_rig_setup, crypto_rig_teardown);
}
