/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random IVs: none comes twice, each stays for a burst, no two pools have the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/iv_pool.h"
#include "xesp/limits.h"

#define TAKEN 20000

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, IV_POOL_IV_MAX);
}

static void test_no_iv_comes_twice(void **state)
{
	uint8_t(*ivs)[IV_POOL_IV_MAX] = malloc((size_t)2 * TAKEN * IV_POOL_IV_MAX);
	struct iv_pool *pools[2];

	(void)state;
	assert_non_null(ivs);
	assert_int_equal(iv_pool_new(&pools[0]), 0);
	assert_int_equal(iv_pool_new(&pools[1]), 0);
	for (size_t i = 0; i < 2 * TAKEN; i++)
		memcpy(ivs[i], iv_pool_take(pools[i % 2], IV_POOL_IV_MAX), IV_POOL_IV_MAX);
	qsort(ivs, 2 * TAKEN, IV_POOL_IV_MAX, compare);
	for (size_t i = 1; i < 2 * TAKEN; i++)
		assert_true(compare(ivs[i - 1], ivs[i]) != 0);
	iv_pool_free(pools[0]);
	iv_pool_free(pools[1]);
	free(ivs);
}

/* Lengths mixed, so that halves end with some bytes left. */
static void test_ivs_stay_for_a_burst(void **state)
{
	static const size_t lengths[] = {16, 8, 16, 16, 8};
	struct iv_pool *pool;

	(void)state;
	assert_int_equal(iv_pool_new(&pool), 0);
	for (unsigned int round = 0; round < 300; round++) {
		uint8_t copies[XESP_BURST_MAX][IV_POOL_IV_MAX];
		const uint8_t *ivs[XESP_BURST_MAX];
		const uint8_t *kept = iv_pool_take(pool, 16);
		uint8_t copy[16];

		memcpy(copy, kept, sizeof(copy));
		for (size_t i = 0; i < XESP_BURST_MAX; i++) {
			size_t bytes = lengths[(i + round) % 5];

			ivs[i] = iv_pool_take(pool, bytes);
			memcpy(copies[i], ivs[i], bytes);
		}
		assert_memory_equal(kept, copy, sizeof(copy));
		for (size_t i = 0; i < XESP_BURST_MAX; i++)
			assert_memory_equal(ivs[i], copies[i], lengths[(i + round) % 5]);
	}
	iv_pool_free(pool);
	iv_pool_free(NULL);
}

/* Each bit is set about half of the time: a pool that fills with zeros, or forgets a byte, is found. Of 20000
 * fair bits, fewer than 9000 or more than 11000 are set once in 10^44 times. */
static void test_every_bit_varies(void **state)
{
	unsigned int set[8 * IV_POOL_IV_MAX] = {0};
	struct iv_pool *pool;

	(void)state;
	assert_int_equal(iv_pool_new(&pool), 0);
	for (size_t i = 0; i < TAKEN; i++) {
		const uint8_t *iv = iv_pool_take(pool, IV_POOL_IV_MAX);

		for (size_t bit = 0; bit < 8 * IV_POOL_IV_MAX; bit++)
			set[bit] += iv[bit / 8] >> bit % 8 & 1;
	}
	for (size_t bit = 0; bit < 8 * IV_POOL_IV_MAX; bit++)
		assert_in_range(set[bit], 9000, 11000);
	iv_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_iv_comes_twice),
		cmocka_unit_test(test_ivs_stay_for_a_burst),
		cmocka_unit_test(test_every_bit_varies),
	};

	return cmocka_run_group_tests_name("iv_pool", tests, NULL, NULL);
}
