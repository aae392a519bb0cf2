/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every suite by both crypto providers: each byte of a packet damaged, each byte of a key wrong, the other
 * half of the number wrong. Of each burst one packet is good.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/crypto_rig.h"

#define TEXT 48
#define SEQ 0x1234567800000042ull

struct one {
	struct crypto_rig *rig;
	struct crypto_rig_sa sa;
	uint8_t plain[TEXT];
	uint8_t sealed[TEXT + ESP_SEAL_OVERHEAD_MAX];
	size_t whole;
};

static void for_each(void **state, void (*check)(struct one *one, size_t which))
{
	struct one one = {.rig = *state};
	uint64_t seed = 99;
	struct suite suite;

	for (size_t i = 0; suites_at(i, &suite); i++) {
		for (int esn = 0; esn < 2; esn++) {
			crypto_rig_sa_init(one.rig, &one.sa, &suite, esn, &seed);
			one.sa.seal.seq = esn ? SEQ : (uint32_t)SEQ;
			crypto_rig_fill(&seed, one.plain, TEXT);
			one.whole = esp_seal(&one.sa.seal, one.plain, TEXT, one.sealed);
			for (size_t which = 0; which < CRYPTO_RIG_PROVIDERS; which++)
				if (one.rig->ctx[which])
					check(&one, which);
			crypto_rig_sa_free(one.rig, &one.sa);
		}
	}
}

static void fail_at(const struct one *one, size_t which, const char *what, size_t at, int status)
{
	char name[SUITE_NAME_MAX];

	fail_msg("%s: %s%s: %s, byte %zu: status %d", crypto_rig_providers[which]->name,
		 suites_name(&one->sa.suite, name), one->sa.seal.esn ? " esn" : "", what, at, status);
}

/* Opens `count` packets, the bytes from `from` on damaged in turn, but for the one in the middle. */
static void damaged_burst(struct one *one, size_t which, size_t from, size_t count)
{
	struct crypto_op ops[XESP_BURST_MAX];
	struct crypto_op *list[XESP_BURST_MAX];

	for (size_t i = 0; i < count; i++) {
		ops[i] = (struct crypto_op){.key = one->sa.keys[which],
					    .esp = one->rig->guards[i].end - one->whole,
					    .seq = one->sa.seal.seq,
					    .text_len = TEXT,
					    .status = 77};
		list[i] = &ops[i];
		memcpy(ops[i].esp, one->sealed, one->whole);
		if (i != count / 2)
			ops[i].esp[from + i] ^= (uint8_t)(1u << (from + i) % 8);
	}
	crypto_rig_providers[which]->open_burst(one->rig->ctx[which], list, count);
	for (size_t i = 0; i < count; i++)
		if (ops[i].status != (i == count / 2 ? 0 : -EBADMSG))
			fail_at(one, which, i == count / 2 ? "good among damaged" : "damaged", from + i,
				ops[i].status);
	if (memcmp(ops[count / 2].esp + crypto_rig_text_offset(&one->sa), one->plain, TEXT))
		fail_at(one, which, "text of the good one", 0, 0);
}

/* Each byte is damaged: bursts overlap, so that the good one is another each time. */
static void damage(struct one *one, size_t which)
{
	for (size_t from = 0; from < one->whole; from += 8)
		damaged_burst(one, which, from, one->whole - from < 17 ? one->whole - from : 17);
}

static void test_each_byte_damaged(void **state)
{
	for_each(state, damage);
}

/* Opens the packet as it is with another key or number. */
static int open_with(struct one *one, size_t which, const struct crypto_suite *given, uint64_t seq,
		     uint8_t **ret_text)
{
	const struct crypto_provider *provider = crypto_rig_providers[which];
	uint8_t *esp = one->rig->guards[0].end - one->whole;
	struct crypto_op op = {.esp = esp, .seq = seq, .text_len = TEXT, .status = 77};
	struct crypto_op *list[] = {&op};
	struct crypto_key *key;

	assert_int_equal(provider->key_new(one->rig->ctx[which], given, &key), 0);
	op.key = key;
	memcpy(esp, one->sealed, one->whole);
	provider->open_burst(one->rig->ctx[which], list, 1);
	provider->forget(one->rig->ctx[which], key);
	provider->key_free(key);
	*ret_text = esp + crypto_rig_text_offset(&one->sa);
	return op.status;
}

/* A wrong key of a cipher beside a good one for integrity opens to something else; all others are refused. */
static void wrong_keys(struct one *one, size_t which)
{
	struct crypto_rig_sa wrong = one->sa;
	struct crypto_suite given = crypto_rig_suite(&wrong);
	uint8_t *text;

	for (size_t i = 0; i < given.key_bytes; i++) {
		int status;

		/* Not the lowest bit, which DES does not use. */
		wrong.key[i] ^= 0x10;
		status = open_with(one, which, &given, one->sa.seal.seq, &text);
		if (status != (given.auth ? 0 : -EBADMSG))
			fail_at(one, which, "wrong key", i, status);
		if (!memcmp(text, one->plain, TEXT) && given.cipher->id != ALGO_AES_GMAC)
			fail_at(one, which, "wrong key: good text", i, status);
		wrong.key[i] ^= 0x10;
	}
	for (size_t i = 0; i < given.auth_key_bytes; i++) {
		int status;

		wrong.auth_key[i] ^= 0x80;
		status = open_with(one, which, &given, one->sa.seal.seq, &text);
		if (status != -EBADMSG)
			fail_at(one, which, "wrong key for integrity", i, status);
		wrong.auth_key[i] ^= 0x80;
	}
	if (open_with(one, which, &given, one->sa.seal.seq, &text) || memcmp(text, one->plain, TEXT))
		fail_at(one, which, "the right key", 0, -1);
}

static void test_each_key_byte_wrong(void **state)
{
	for_each(state, wrong_keys);
}

static void wrong_half(struct one *one, size_t which)
{
	struct crypto_suite given = crypto_rig_suite(&one->sa);
	uint8_t *text;
	int status;

	if (given.esn) {
		for (size_t bit = 32; bit < 64; bit++) {
			status = open_with(one, which, &given, SEQ ^ 1ull << bit, &text);
			if (status != -EBADMSG)
				fail_at(one, which, "wrong high half, bit", bit, status);
		}
		given.esn = false;
		status = open_with(one, which, &given, (uint32_t)SEQ, &text);
	} else {
		given.esn = true;
		status = open_with(one, which, &given, SEQ, &text);
		if (status != -EBADMSG)
			fail_at(one, which, "ESN where there is none", 0, status);
		status = open_with(one, which, &given, (uint32_t)SEQ, &text);
	}
	if (status != -EBADMSG)
		fail_at(one, which, "ESN or not", 0, status);
}

static void test_high_half_wrong(void **state)
{
	for_each(state, wrong_half);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_byte_damaged),
		cmocka_unit_test(test_each_key_byte_wrong),
		cmocka_unit_test(test_high_half_wrong),
	};

	return cmocka_run_group_tests_name("crypto_damage", tests, crypto_rig_setup, crypto_rig_teardown);
}
