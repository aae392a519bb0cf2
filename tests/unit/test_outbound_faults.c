// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every step of adding an outbound SA that can fail does: each allocation, the key, the way to the peer.
 * Names, handles, the table that workers look into, keys and ways are as before, and the same add goes
 * through when nothing fails.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/outbound.h"
#include "tests/unit/memory_rig.h"

#define CAPACITY 64
#define ADDS 48

static struct {
	struct outbound *outbound;
	struct crypto_ctx *crypto;
	int keys; /* alive */
	int hops; /* taken */
	int key_err;
	int hop_err;
} rig;

static struct nexthop *const the_hop = (struct nexthop *)&rig;

static int key_new(struct crypto_ctx *ctx, const struct crypto_suite *suite, struct crypto_key **ret_key)
{
	int err = rig.key_err ? rig.key_err : crypto_openssl.key_new(ctx, suite, ret_key);

	rig.keys += !err;
	return err;
}

static void key_free(struct crypto_key *key)
{
	rig.keys -= key != NULL;
	crypto_openssl.key_free(key);
}

static int hop_take(void *owner, const struct ip_addr *dst, struct nexthop **ret_hop)
{
	(void)owner;
	(void)dst;
	if (rig.hop_err)
		return rig.hop_err;
	rig.hops++;
	*ret_hop = the_hop;
	return 0;
}

static void hop_give(void *owner, struct nexthop *hop)
{
	(void)owner;
	assert_ptr_equal(hop, the_hop);
	rig.hops--;
}

static int setup(void **state)
{
	static struct crypto_provider provider;
	struct outbound_config config = {
		.provider = &provider, .capacity = CAPACITY, .hop_take = hop_take, .hop_give = hop_give};

	(void)state;
	provider = crypto_openssl;
	provider.key_new = key_new;
	provider.key_free = key_free;
	memset(&rig, 0, sizeof(rig));
	assert_int_equal(crypto_openssl.ctx_new(&rig.crypto), 0);
	config.crypto = rig.crypto;
	return outbound_new(&config, &rig.outbound);
}

static int teardown(void **state)
{
	(void)state;
	outbound_free(rig.outbound);
	crypto_openssl.ctx_free(rig.crypto);
	assert_int_equal(rig.keys, 0);
	assert_int_equal(rig.hops, 0);
	return 0;
}

/* Each of a kind of selectors of its own, so that the table grows in each way. */
static struct sa_params params_of(uint32_t i)
{
	struct sa_params params = {.dir = SA_DIR_OUT,
				   .spi = 0x1000 + i,
				   .mode = SA_MODE_TUNNEL,
				   .cipher = ALGO_AES_GCM,
				   .key_bytes = 20,
				   .icv_bytes = 16};

	assert_int_equal(ip_addr_parse("192.0.2.1", &params.src), 0);
	assert_int_equal(ip_addr_parse("198.51.100.1", &params.dst), 0);
	params.selector.dst = (struct ip_prefix){{AF_INET, {10, 0, (uint8_t)i}}, (uint8_t)(24 + i % 4)};
	return params;
}

struct snapshot {
	const struct sa_out *named[ADDS];
	const struct sa_out *found[ADDS];
	const struct sa_out *listed[ADDS + 1];
	uint32_t count;
	int keys;
	int hops;
};

static void take_snapshot(struct snapshot *snapshot)
{
	uint32_t index = 0;

	memset(snapshot, 0, sizeof(*snapshot));
	for (uint32_t i = 0; i < ADDS; i++) {
		const struct sa_params params = params_of(i);
		const struct spd_flow flow = {.family = 4, .dst = {10, 0, (uint8_t)i}};

		snapshot->named[i] = outbound_find(rig.outbound, params.spi, &params.dst);
		snapshot->found[i] = spd_find(outbound_spd(rig.outbound), &flow);
	}
	for (uint32_t i = 0; i <= ADDS; i++)
		snapshot->listed[i] = outbound_next(rig.outbound, &index);
	snapshot->count = outbound_count(rig.outbound);
	snapshot->keys = rig.keys;
	snapshot->hops = rig.hops;
}

/* With `good` allocations. Returns what the add did; if it failed, nothing has changed. */
static int try_add(const struct sa_params *params, size_t good)
{
	static const struct sa_out untouched;
	const struct sa_out *sa = &untouched;
	struct snapshot before, after;
	const char *what = NULL;
	int err;

	take_snapshot(&before);
	memory_left = good;
	err = outbound_add(rig.outbound, params, &sa, &what);
	memory_left = SIZE_MAX;
	if (!err)
		return 0;
	assert_ptr_equal(sa, &untouched);
	take_snapshot(&after);
	assert_memory_equal(&before, &after, sizeof(before));
	return err;
}

static void test_failed_add_changes_nothing(void **state)
{
	static const int hop_errors[] = {-ENOMEM, -ENOSPC, -EIO};
	static const int key_errors[] = {-ENOMEM, -EOPNOTSUPP};

	(void)state;
	for (uint32_t i = 0; i < ADDS; i++) {
		const struct sa_params params = params_of(i);

		for (size_t j = 0; j < sizeof(key_errors) / sizeof(key_errors[0]); j++) {
			rig.key_err = key_errors[j];
			assert_int_equal(try_add(&params, SIZE_MAX), rig.key_err);
		}
		rig.key_err = 0;
		for (size_t j = 0; j < sizeof(hop_errors) / sizeof(hop_errors[0]); j++) {
			rig.hop_err = hop_errors[j];
			assert_int_equal(try_add(&params, SIZE_MAX), rig.hop_err);
		}
		rig.hop_err = 0;
		assert_int_equal(try_add(&params, SIZE_MAX), 0);
		assert_int_equal(try_add(&params, SIZE_MAX), -EEXIST);
	}
}

#if MEMORY_ENDS
static void test_no_memory(void **state)
{
	size_t failures = 0;

	(void)state;
	for (uint32_t i = 0; i < ADDS; i++) {
		const struct sa_params params = params_of(i);
		size_t good = 0;
		int err;

		while ((err = try_add(&params, good++)) != 0) {
			assert_int_equal(err, -ENOMEM);
			failures++;
		}
	}
	/* Of the SA, its rule and now and then of a table: no add was without. */
	assert_true(failures > 2 * ADDS);
	print_message("# %zu allocations failed\n", failures);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_failed_add_changes_nothing, setup, teardown),
#if MEMORY_ENDS /* the plain build does */
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
#endif
	};

	return cmocka_run_group_tests_name("outbound_faults", tests, NULL, NULL);
}
