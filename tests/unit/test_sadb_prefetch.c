// SPDX-License-Identifier: BSD-2-Clause
/*
 * Prefetching SAs of a burst: when it is worth it, and that no index does harm, whatever the metadata of a
 * packet say (for the address sanitizer).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <xesp/limits.h>

#include <cmocka.h>

#include "control/sadb.h"

#define CAPACITY 2048
#define FEW 1024 /* up to so many it is not worth it */

struct rig {
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto;
	struct classifier *classifier;
	struct sadb *db;
};

static int setup(void **state)
{
	static struct rig rig;
	struct sadb_config config = {.capacity = CAPACITY};

	rig.provider = crypto_provider_by_name("openssl");
	assert_int_equal(rig.provider->ctx_new(&rig.crypto), 0);
	assert_int_equal(classifier_native_new(CAPACITY, &rig.classifier), 0);
	config.provider = rig.provider;
	config.crypto = rig.crypto;
	config.classifier = rig.classifier;
	assert_int_equal(sadb_new(&config, &rig.db), 0);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	sadb_free(rig->db);
	classifier_free(rig->classifier);
	rig->provider->ctx_free(rig->crypto);
	return 0;
}

static void add(struct rig *rig, uint32_t i)
{
	struct sa_params params = {.dst = {AF_INET, {192, 0, 2, 2}},
				   .spi = XESP_SPI_MIN + i,
				   .mode = SA_MODE_TUNNEL,
				   .cipher = ALGO_AES_GCM,
				   .key_bytes = 20,
				   .icv_bytes = 16,
				   .replay_window = i % 64 ? XESP_REPLAY_WINDOW_DEFAULT : 0};
	const char *what;
	const struct sa *sa;

	assert_int_equal(sadb_add(rig->db, &params, &sa, &what), 0);
}

static void test_worth_it(void **state)
{
	static const struct ip_addr dst = {AF_INET, {192, 0, 2, 2}};
	struct rig *rig = *state;

	for (uint32_t i = 0; i < FEW; i++) {
		assert_false(sadb_is_large(rig->db));
		add(rig, i);
	}
	assert_false(sadb_is_large(rig->db));
	add(rig, FEW);
	assert_true(sadb_is_large(rig->db));
	assert_int_equal(sadb_del(rig->db, XESP_SPI_MIN, &dst), 0);
	assert_false(sadb_is_large(rig->db));
}

/* Slots in use, one after the other and one over and over, free ones, and none at all. */
static void test_any_index(void **state)
{
	struct rig *rig = *state;
	uint32_t indexes[XESP_BURST_MAX];

	sadb_prefetch(rig->db, NULL, 0);
	for (uint32_t used = 0; used < 3; used++) {
		for (uint32_t i = 0; i < XESP_BURST_MAX; i++)
			indexes[i] = i / 2 * 64;
		sadb_prefetch(rig->db, indexes, XESP_BURST_MAX);
		for (uint32_t i = 0; i < XESP_BURST_MAX; i++)
			indexes[i] = i % 3 == 0 ? UINT32_MAX - i : CAPACITY - 2 + i % 4;
		sadb_prefetch(rig->db, indexes, XESP_BURST_MAX);
		for (uint32_t i = 0; i < CAPACITY / 2; i++)
			if (used < 2)
				add(rig, used * CAPACITY / 2 + i);
	}
	assert_int_equal(sadb_count(rig->db), CAPACITY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_worth_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_index, setup, teardown),
	};

	return cmocka_run_group_tests_name("sadb_prefetch", tests, NULL, NULL);
}
