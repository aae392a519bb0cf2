/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Expanded keys: more of them than there is room for, forgetting, a key in the place of another, and the
 * control thread forgetting while the worker fills.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <xesp/limits.h>

#include "dataplane/crypto.h"
#include "dataplane/keymem.h"
#include "tests/lib/esp_seal.h"
#include "tests/lib/own_process.h"

#define SLOTS (KEY_CACHE_SETS * KEY_CACHE_WAYS)
#define MANY (2 * SLOTS)
#define TEXT 64

static const uint8_t zero[KEY_CACHE_EXPANDED_MAX];

/* Serials come in order, from anywhere. */
static uint64_t serial_at(size_t i)
{
	return 0x123456789abcdefull + i;
}

static bool is_wiped(const struct key_slot *slot)
{
	return !memcmp(slot->expanded, zero, sizeof(slot->expanded)) && slot->layout == 0;
}

static void put(struct key_cache *cache, uint64_t serial, int byte)
{
	struct key_slot *slot = key_cache_claim(cache, serial);

	assert_non_null(slot);
	memset(slot->expanded, byte, sizeof(slot->expanded));
	slot->layout = 1;
	key_cache_filled(slot, serial);
}

static void test_bounded(void **state)
{
	struct key_cache cache;
	size_t found = 0;

	(void)state;
	assert_int_equal(key_cache_init(&cache), 0);
	for (size_t i = 0; i < MANY; i++) {
		assert_null(key_cache_find(&cache, serial_at(i)));
		put(&cache, serial_at(i), (int)i);
		assert_non_null(key_cache_find(&cache, serial_at(i)));
	}
	for (size_t i = 0; i < MANY; i++) {
		const struct key_slot *slot = key_cache_find(&cache, serial_at(i));

		if (!slot)
			continue;
		assert_int_equal(slot->expanded[7], (uint8_t)i);
		found++;
	}
	assert_int_equal(found, SLOTS);
	/* Again with the same key: no second slot, no other key pushed out. */
	put(&cache, serial_at(MANY - 1), 5);
	for (size_t i = 0; i < MANY; i++)
		found -= key_cache_find(&cache, serial_at(i)) != NULL;
	assert_int_equal(found, 0);
	key_cache_cleanup(&cache);
}

static void test_forget_wipes(void **state)
{
	struct key_cache cache;

	(void)state;
	assert_int_equal(key_cache_init(&cache), 0);
	for (size_t i = 0; i < SLOTS; i++)
		put(&cache, serial_at(i), 0xa5);
	for (size_t i = 0; i < SLOTS; i += 2)
		key_cache_forget(&cache, serial_at(i));
	for (size_t set = 0; set < KEY_CACHE_SETS; set++)
		for (size_t way = 0; way < KEY_CACHE_WAYS; way++) {
			const struct key_slot *slot = &cache.sets[set]->slots[way];

			assert_int_equal(is_wiped(slot), slot->serial == 0);
		}
	for (size_t i = 0; i < SLOTS; i++)
		assert_int_equal(key_cache_find(&cache, serial_at(i)) != NULL, i % 2 == 1);
	/* Of a key that is not there, nothing. */
	key_cache_forget(&cache, serial_at(0));
	key_cache_cleanup(&cache);
}

/* What packets point into is not filled with another key; then the turn goes on. */
static void test_pinned(void **state)
{
	struct key_cache cache;

	(void)state;
	assert_int_equal(key_cache_init(&cache), 0);
	for (size_t way = 0; way < KEY_CACHE_WAYS; way++)
		put(&cache, serial_at(way * KEY_CACHE_SETS), 1);
	for (size_t i = KEY_CACHE_WAYS; i < 20; i++) {
		/* All but one. */
		for (size_t way = 0; way < KEY_CACHE_WAYS; way++)
			if (way != i % KEY_CACHE_WAYS)
				key_cache_pin(&cache, &key_cache_set(&cache, serial_at(0))->slots[way]);
		put(&cache, serial_at(i * KEY_CACHE_SETS), 2);
		assert_ptr_equal(key_cache_find(&cache, serial_at(i * KEY_CACHE_SETS)),
				 &key_cache_set(&cache, serial_at(0))->slots[i % KEY_CACHE_WAYS]);
		key_cache_pin(&cache, key_cache_find(&cache, serial_at(i * KEY_CACHE_SETS)));
		assert_null(key_cache_claim(&cache, serial_at(1000 * KEY_CACHE_SETS)));
		/* A pinned one can be filled again with its own. */
		put(&cache, serial_at(i * KEY_CACHE_SETS), 3);
		key_cache_unpin(&cache);
	}
	key_cache_cleanup(&cache);
}

struct race {
	struct key_cache cache;
	_Atomic unsigned int round; /* keys of this half have no packets any more: the other thread forgets */
	_Atomic unsigned int seen;  /* by it */
	_Atomic bool over;
};

#define RACE_KEYS 16 /* of one set: each fill pushes one out */

static uint64_t race_key(unsigned int round, unsigned int i)
{
	return serial_at(KEY_CACHE_SETS * (size_t)(round % 2 * RACE_KEYS + i));
}

static void *forget_last_round(void *arg)
{
	struct race *race = arg;

	while (!race->over) {
		unsigned int round = race->round;

		race->seen = round;
		for (unsigned int i = 0; i < RACE_KEYS; i++)
			key_cache_forget(&race->cache, race_key(round + 1, i));
	}
	return NULL;
}

/* The worker finds what it filled whole, whatever the other thread wipes beside it. */
static void test_forget_while_filling(void **state)
{
	struct race *race = calloc(1, sizeof(*race));
	unsigned int filled = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(key_cache_init(&race->cache), 0);
	assert_int_equal(pthread_create(&thread, NULL, forget_last_round, race), 0);
	for (unsigned int n = 0; n < 200000; n++) {
		const uint64_t key = race_key(race->round, n % RACE_KEYS);
		struct key_slot *slot = key_cache_claim(&race->cache, key);
		const struct key_slot *found;

		if (!slot)
			continue;
		memset(slot->expanded, (int)n, sizeof(slot->expanded));
		key_cache_filled(slot, key);
		filled++;
		found = key_cache_find(&race->cache, key);
		if (found != slot || found->expanded[0] != (uint8_t)n ||
		    found->expanded[sizeof(slot->expanded) - 1] != (uint8_t)n)
			fail_msg("lost or torn at %u", n);
		if (n % 100)
			continue;
		/* As a delete does: what is forgotten next has no packets any more. */
		race->round++;
		while (race->seen != race->round)
			sched_yield();
	}
	race->over = true;
	pthread_join(thread, NULL);
	assert_true(filled > 100000);
	key_cache_cleanup(&race->cache);
	free(race);
}

/* ---- through a provider -------------------------------------------------------------------------------- */

static struct crypto_key *new_key(const struct crypto_provider *provider, struct crypto_ctx *ctx,
				  uint32_t seed, size_t bytes, uint8_t *ret_raw)
{
	struct crypto_key *key = NULL;

	memset(ret_raw, 0, XESP_KEY_MAX);
	memcpy(ret_raw, &seed, sizeof(seed));
	assert_int_equal(provider->key_new(ctx,
					   &(struct crypto_suite){.cipher = algo_by_id(ALGO_AES_GCM),
								  .key = ret_raw,
								  .key_bytes = bytes,
								  .icv_bytes = 16},
					   &key),
			 0);
	return key;
}

/* What one key sealed opens with it: 0; with another: -EBADMSG. */
static int open_with(const struct crypto_provider *provider, struct crypto_ctx *ctx,
		     const struct crypto_key *key, const uint8_t *raw, uint8_t bytes)
{
	const struct esp_seal seal = {.key = raw, .key_bytes = bytes, .spi = 0x1234, .seq = 1};
	uint8_t text[TEXT] = {0}, esp[TEXT + ESP_SEAL_OVERHEAD];
	struct crypto_op op = {.key = key, .esp = esp, .text_len = TEXT};
	struct crypto_op *ops[] = {&op};

	esp_seal(&seal, text, sizeof(text), esp);
	provider->open_burst(ctx, ops, 1);
	return op.status;
}

static void test_more_keys_than_room(void **state)
{
	const struct crypto_provider *provider = crypto_provider_by_name("auto");
	struct crypto_key **keys = calloc(MANY, sizeof(struct crypto_key *));
	uint8_t(*raw)[XESP_KEY_MAX] = calloc(MANY, XESP_KEY_MAX);
	struct crypto_ctx *ctx;

	(void)state;
	assert_int_equal(provider->ctx_new(&ctx), 0);
	for (uint32_t i = 0; i < MANY; i++)
		keys[i] = new_key(provider, ctx, i + 1, i % 3 * 8 + 20, raw[i]);
	for (int round = 0; round < 3; round++)
		for (uint32_t i = 0; i < MANY; i++)
			assert_int_equal(open_with(provider, ctx, keys[i], raw[i], (uint8_t)(i % 3 * 8 + 20)),
					 0);
	for (uint32_t i = 0; i < MANY; i++) {
		provider->forget(ctx, keys[i]);
		provider->key_free(keys[i]);
	}
	provider->ctx_free(ctx);
	free(keys);
	free(raw);
}

/* A block of key memory is used again at once: the new key is not taken for the old, told or not. */
static void test_key_in_the_place_of_another(void **state)
{
	const struct crypto_provider *provider = crypto_provider_by_name("auto");
	uint8_t old_raw[XESP_KEY_MAX], raw[XESP_KEY_MAX];
	struct crypto_key *key;
	struct crypto_ctx *ctx;

	(void)state;
	assert_int_equal(provider->ctx_new(&ctx), 0);
	for (int told = 0; told < 2; told++) {
		const struct crypto_key *old;

		key = new_key(provider, ctx, 0, 20, old_raw);
		assert_int_equal(open_with(provider, ctx, key, old_raw, 20), 0);
		if (told)
			provider->forget(ctx, key);
		old = key;
		provider->key_free(key);
		/* The same bytes, but for the length; salt and all are zero. */
		key = new_key(provider, ctx, 0, 36, raw);
		assert_ptr_equal(key, old);
		assert_int_equal(open_with(provider, ctx, key, raw, 36), 0);
		provider->key_free(key);
		key = new_key(provider, ctx, 77, 36, raw);
		assert_ptr_equal(key, old);
		assert_int_equal(open_with(provider, ctx, key, raw, 36), 0);
		provider->key_free(key);
	}
	provider->ctx_free(ctx);
}

/* What xespd sets aside for contexts and keys is enough for them, so that without privileges none is refused.
 * Exit status: the step that failed, 0 if none. */
static int use_reserve(void)
{
	enum { CONTEXTS = 8, KEYS = 4096 };
	const struct crypto_provider *provider = crypto_provider_by_name("auto");
	const struct rlimit none = {0, 0};
	uint8_t raw[XESP_AUTH_KEY_MAX] = {0};
	const struct crypto_suite longest = {.cipher = algo_by_id(ALGO_AES_CBC),
					     .auth = algo_by_id(ALGO_HMAC_SHA512),
					     .key = raw,
					     .key_bytes = 32,
					     .auth_key = raw,
					     .auth_key_bytes = 64,
					     .icv_bytes = 32};
	struct crypto_ctx *ctx;
	struct crypto_key *key;

	if (keymem_reserve(CONTEXTS * CRYPTO_CTX_BYTES_MAX + KEYS * CRYPTO_KEY_BYTES_MAX))
		return 1;
	if (setrlimit(RLIMIT_MEMLOCK, &none) || setuid(65534))
		return 2;
	for (size_t i = 0; i < CONTEXTS; i++)
		if (provider->ctx_new(&ctx))
			return 3;
	for (size_t i = 0; i < KEYS; i++)
		if (provider->key_new(ctx, &longest, &key))
			return 4;
	/* Freed by the end of the process. */
	return 0;
}

static void test_reserve_is_enough(void **state)
{
	(void)state;
	own_child_of_root(use_reserve);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_forget_wipes),
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_forget_while_filling),
		cmocka_unit_test(test_more_keys_than_room),
		cmocka_unit_test(test_key_in_the_place_of_another),
		cmocka_unit_test(test_reserve_is_enough),
	};

	return cmocka_run_group_tests_name("key_cache", tests, NULL, NULL);
}
