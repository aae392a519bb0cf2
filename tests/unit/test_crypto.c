/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crypto providers: each provider against the other, in place between guard pages.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/crypto.h"
#include "tests/lib/esp_seal.h"
#include "tests/lib/guard.h"

#define TEXT_MAX 9000

static const struct crypto_provider *const providers[] = {&crypto_ipsec_mb, &crypto_openssl};
#define PROVIDERS 2

/* The contexts of the providers that this machine has; NULL for libipsec-mb on another CPU. */
struct fixture {
	struct crypto_ctx *ctx[PROVIDERS];
	struct guard text;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture || providers[1]->ctx_new(&fixture->ctx[1]))
		return -1;
	if (providers[0]->ctx_new(&fixture->ctx[0]) != 0)
		print_message("ipsec-mb does not work on this CPU\n");
	fixture->text = guard_new(TEXT_MAX + ESP_SEAL_OVERHEAD);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < PROVIDERS; i++)
		if (fixture->ctx[i])
			providers[i]->ctx_free(fixture->ctx[i]);
	guard_free(&fixture->text);
	free(fixture);
	return 0;
}

static struct crypto_key *gcm_key(struct fixture *fixture, size_t which, const uint8_t *key, size_t bytes,
				  bool esn)
{
	struct crypto_suite suite = {.cipher = algo_by_id(ALGO_AES_GCM),
				     .key = key,
				     .key_bytes = bytes,
				     .icv_bytes = 16,
				     .esn = esn};
	struct crypto_key *made = NULL;

	assert_int_equal(providers[which]->key_new(fixture->ctx[which], &suite, &made), 0);
	return made;
}

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1dull;
}

static void random_fill(uint64_t *seed, uint8_t *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(random_next(seed) >> 32);
}

/* Opens what was sealed in `esp`, against both guard pages in turn, and compares; seals it again. */
static void open_sealed(struct fixture *fixture, const struct esp_seal *seal, const uint8_t *esp,
			const uint8_t *plain, size_t len)
{
	size_t whole = len + ESP_SEAL_OVERHEAD;

	for (size_t which = 0; which < PROVIDERS; which++) {
		struct crypto_op op = {.seq = seal->seq, .text_len = (uint32_t)len};
		struct crypto_op *ops[] = {&op};
		uint8_t *const places[] = {fixture->text.start, fixture->text.end - whole};

		if (!fixture->ctx[which])
			continue;
		op.key = gcm_key(fixture, which, seal->key, seal->key_bytes, seal->esn);
		for (size_t place = 0; place < 2; place++) {
			op.esp = memcpy(places[place], esp, whole);
			op.status = 77;
			providers[which]->open_burst(fixture->ctx[which], ops, 1);
			assert_int_equal(op.status, 0);
			assert_memory_equal(op.esp + 16, plain, len);
			providers[which]->seal_burst(fixture->ctx[which], ops, 1);
			assert_int_equal(op.status, 0);
			assert_memory_equal(op.esp, esp, whole);
			/* One bit of damage to the text. */
			if (len == 0)
				continue;
			op.esp[16 + len / 2] ^= 0x10;
			providers[which]->open_burst(fixture->ctx[which], ops, 1);
			assert_int_equal(op.status, -EBADMSG);
		}
		providers[which]->key_free((struct crypto_key *)op.key);
	}
}

static void test_random_lengths(void **state)
{
	struct fixture *fixture = *state;
	uint64_t seed = 20240229;
	uint8_t key[36];
	uint8_t *plain = malloc(TEXT_MAX);
	uint8_t *esp = malloc(TEXT_MAX + ESP_SEAL_OVERHEAD);

	assert_non_null(plain);
	assert_non_null(esp);
	random_fill(&seed, plain, TEXT_MAX);
	for (size_t len = 0; len <= TEXT_MAX; len += len < 600 ? 1 : 97) {
		struct esp_seal seal = {
			.key = key, .key_bytes = 20 + 8 * (random_next(&seed) % 3), .spi = 4711};

		random_fill(&seed, key, sizeof(key));
		seal.seq = random_next(&seed) >> 33;
		esp_seal(&seal, plain, len, esp);
		open_sealed(fixture, &seal, esp, plain, len);
	}
	free(esp);
	free(plain);
}

/* A burst over two keys of each length, with every fourth packet damaged: each op has its own answer.
 */
static void burst_of_keys(struct fixture *fixture, size_t which)
{
	enum { COUNT = 60, KEYS = 6 };
	static uint8_t key_bytes[KEYS][36], esp[COUNT][512], plain[COUNT][512];
	struct crypto_op ops[COUNT] = {0};
	struct crypto_op *list[COUNT];
	struct crypto_key *keys[KEYS];
	uint64_t seed = 7;

	for (size_t i = 0; i < KEYS; i++) {
		random_fill(&seed, key_bytes[i], 36);
		keys[i] = gcm_key(fixture, which, key_bytes[i], 20 + 8 * (i % 3), i % 2);
	}
	for (size_t i = 0; i < COUNT; i++) {
		struct esp_seal seal = {
			.key = key_bytes[i % KEYS], .key_bytes = 20 + 8 * (i % 3), .seq = i, .esn = i % 2};

		random_fill(&seed, plain[i], 4 * i);
		esp_seal(&seal, plain[i], 4 * i, esp[i]);
		ops[i] = (struct crypto_op){
			.key = keys[i % KEYS], .esp = esp[i], .seq = i, .text_len = (uint32_t)(4 * i)};
		if (i % 4 == 3)
			esp[i][16 + 4 * i + 15] ^= 0x80;
		list[i] = &ops[i];
	}
	providers[which]->open_burst(fixture->ctx[which], list, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(ops[i].status, i % 4 == 3 ? -EBADMSG : 0);
		if (i % 4 != 3)
			assert_memory_equal(esp[i] + 16, plain[i], 4 * i);
	}
	for (size_t i = 0; i < KEYS; i++)
		providers[which]->key_free(keys[i]);
}

static void test_burst_of_keys(void **state)
{
	struct fixture *fixture = *state;

	for (size_t which = 0; which < PROVIDERS; which++)
		if (fixture->ctx[which])
			burst_of_keys(fixture, which);
}

static void test_keys_refused(void **state)
{
	static const uint8_t key_bytes[64];
	static const struct algo other = {.id = ALGO_END};
	struct crypto_suite suite = {.cipher = algo_by_id(ALGO_AES_GCM), .key = key_bytes, .icv_bytes = 16};
	struct fixture *fixture = *state;

	for (size_t which = 0; which < PROVIDERS; which++) {
		struct crypto_key *key = (struct crypto_key *)&other;

		if (!fixture->ctx[which])
			continue;
		suite.cipher = algo_by_id(ALGO_AES_GCM);
		for (suite.key_bytes = 0; suite.key_bytes <= 64; suite.key_bytes++) {
			if (suite.key_bytes == 20 || suite.key_bytes == 28 || suite.key_bytes == 36)
				continue;
			assert_int_equal(providers[which]->key_new(fixture->ctx[which], &suite, &key),
					 -EOPNOTSUPP);
		}
		suite.cipher = &other;
		suite.key_bytes = 20;
		assert_int_equal(providers[which]->key_new(fixture->ctx[which], &suite, &key), -EOPNOTSUPP);
		assert_ptr_equal(key, &other);
		providers[which]->key_free(NULL);
		assert_non_null(strpbrk(providers[which]->ctx_describe(fixture->ctx[which]), "0123456789"));
	}
}

static void test_by_name(void **state)
{
	struct fixture *fixture = *state;

	assert_ptr_equal(crypto_provider_by_name("ipsec-mb"), &crypto_ipsec_mb);
	assert_ptr_equal(crypto_provider_by_name("openssl"), &crypto_openssl);
	assert_ptr_equal(crypto_provider_by_name("auto"),
			 fixture->ctx[0] ? &crypto_ipsec_mb : &crypto_openssl);
	assert_null(crypto_provider_by_name("null"));
	assert_null(crypto_provider_by_name(""));
}

static void test_algo_table(void **state)
{
	const struct algo *algo = algo_by_name(ALGO_CLASS_AEAD, "rfc4106(gcm(aes))");

	(void)state;
	assert_non_null(algo);
	assert_ptr_equal(algo, algo_by_id(ALGO_AES_GCM));
	assert_true(algo_length_allowed(algo->key_bytes, 16) && algo_length_allowed(algo->key_bytes, 24) &&
		    algo_length_allowed(algo->key_bytes, 32));
	assert_false(algo_length_allowed(algo->key_bytes, 20) || algo_length_allowed(algo->key_bytes, 0));
	assert_true(algo_length_allowed(algo->icv_bytes, 8) && algo_length_allowed(algo->icv_bytes, 12) &&
		    algo_length_allowed(algo->icv_bytes, 16));
	assert_false(algo_length_allowed(algo->icv_bytes, 10) || algo_length_allowed(algo->icv_bytes, 0));
	assert_null(algo_by_name(ALGO_CLASS_ENC, "rfc4106(gcm(aes))"));
	assert_null(algo_by_name(ALGO_CLASS_AEAD, "rfc4106(gcm(aes)"));
	assert_null(algo_by_id(ALGO_NONE));
	assert_null(algo_by_id(ALGO_END));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_lengths), cmocka_unit_test(test_burst_of_keys),
		cmocka_unit_test(test_keys_refused),   cmocka_unit_test(test_by_name),
		cmocka_unit_test(test_algo_table),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
