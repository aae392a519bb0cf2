/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bursts of all suites at once by both crypto providers: each packet gets its own right status and nothing of
 * another's, also damaged ones, those that a provider cannot work on, and more keys than there is room for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/crypto_rig.h"

#define TEXT_MAX 400
#define PACKET_MAX (TEXT_MAX + ESP_SEAL_OVERHEAD_MAX)

struct packet {
	const struct crypto_rig_sa *sa;
	uint8_t plain[TEXT_MAX];
	uint8_t sealed[PACKET_MAX]; /* good */
	uint8_t given[PACKET_MAX];  /* perhaps damaged */
	size_t whole;
	int wanted;
	struct crypto_op op;
};

/* A packet of the SA somewhere in the memory of `slot`; its text may end in the middle of a block. */
static void make(struct crypto_rig *rig, size_t slot, struct crypto_rig_sa *sa, uint64_t *seed,
		 struct packet *ret_packet)
{
	size_t block = crypto_rig_block(&sa->suite);
	size_t len = crypto_rig_random(seed) % (TEXT_MAX - 16) / block * block;
	struct packet *packet = ret_packet;

	packet->sa = sa;
	sa->seal.seq = crypto_rig_random(seed) >> (sa->seal.esn ? 0 : 32);
	crypto_rig_fill(seed, packet->plain, len);
	packet->whole = esp_seal(&sa->seal, packet->plain, len, packet->sealed);
	packet->wanted = 0;
	memcpy(packet->given, packet->sealed, packet->whole);
	if (crypto_rig_random(seed) % 5 == 0) {
		packet->given[crypto_rig_random(seed) % packet->whole] ^= 0x40;
		packet->wanted = -EBADMSG;
	} else if (block > 1 && crypto_rig_random(seed) % 8 == 0) {
		packet->wanted = -EIO;
	}
	packet->op = (struct crypto_op){
		.esp = rig->guards[slot].end - packet->whole - crypto_rig_random(seed) % 64,
		.seq = sa->seal.seq,
		.text_len = (uint32_t)(packet->wanted == -EIO && len ? len - 1 : len),
		.status = 77,
	};
	if (packet->wanted == -EIO && !len)
		packet->wanted = 0;
	memcpy(packet->op.esp, packet->given, packet->whole);
}

static void check_opened(const struct packet *packet, size_t which, size_t i, size_t count)
{
	size_t offset = crypto_rig_text_offset(packet->sa);
	const uint8_t *esp = packet->op.esp;
	char name[SUITE_NAME_MAX];

	suites_name(&packet->sa->suite, name);
	if (packet->op.status != packet->wanted)
		fail_msg("%s: %s: packet %zu of %zu: status %d, not %d", crypto_rig_providers[which]->name,
			 name, i, count, packet->op.status, packet->wanted);
	if (packet->wanted == 0 && memcmp(esp + offset, packet->plain, packet->op.text_len))
		fail_msg("%s: %s: packet %zu of %zu: other text", crypto_rig_providers[which]->name, name, i,
			 count);
	/* What a separate integrity algorithm refuses is not even decrypted. */
	if (packet->wanted == -EBADMSG && packet->sa->suite.auth &&
	    memcmp(esp + offset, packet->given + offset, packet->op.text_len))
		fail_msg("%s: %s: packet %zu of %zu: decrypted", crypto_rig_providers[which]->name, name, i,
			 count);
	if (packet->wanted == -EIO && memcmp(esp, packet->given, packet->whole))
		fail_msg("%s: %s: packet %zu of %zu: touched", crypto_rig_providers[which]->name, name, i,
			 count);
}

static void check_sealed(const struct packet *packet, size_t which, size_t i, size_t count)
{
	char name[SUITE_NAME_MAX];

	if (packet->op.status == 0 && !memcmp(packet->op.esp, packet->sealed, packet->whole))
		return;
	fail_msg("%s: %s: packet %zu of %zu: sealed otherwise, status %d", crypto_rig_providers[which]->name,
		 suites_name(&packet->sa->suite, name), i, count, packet->op.status);
}

/* Opens the packets, then seals those that were good. */
static void run(struct crypto_rig *rig, size_t which, struct packet *packets, size_t count)
{
	struct crypto_op *list[XESP_BURST_MAX];
	size_t good = 0;

	for (size_t i = 0; i < count; i++) {
		packets[i].op.key = packets[i].sa->keys[which];
		list[i] = &packets[i].op;
	}
	crypto_rig_providers[which]->open_burst(rig->ctx[which], list, count);
	for (size_t i = 0; i < count; i++) {
		check_opened(&packets[i], which, i, count);
		if (packets[i].wanted == 0)
			list[good++] = &packets[i].op;
	}
	crypto_rig_providers[which]->seal_burst(rig->ctx[which], list, good);
	for (size_t i = 0; i < count; i++)
		if (packets[i].wanted == 0)
			check_sealed(&packets[i], which, i, count);
}

/* By each provider, of the same bytes. */
static void run_all(struct crypto_rig *rig, struct packet *packets, size_t count)
{
	for (size_t which = 0; which < CRYPTO_RIG_PROVIDERS; which++) {
		if (!rig->ctx[which])
			continue;
		for (size_t i = 0; i < count; i++) {
			memcpy(packets[i].op.esp, packets[i].given, packets[i].whole);
			packets[i].op.status = 77;
		}
		run(rig, which, packets, count);
	}
}

static void test_all_suites_at_once(void **state)
{
	size_t suites = suites_count();
	struct crypto_rig_sa *sas = calloc(2 * suites, sizeof(*sas));
	struct packet *packets = calloc(XESP_BURST_MAX, sizeof(*packets));
	struct crypto_rig *rig = *state;
	uint64_t seed = 1917;

	for (size_t i = 0; i < 2 * suites; i++) {
		struct suite suite;

		assert_true(suites_at(i / 2, &suite));
		crypto_rig_sa_init(rig, &sas[i], &suite, i % 2, &seed);
	}
	for (size_t round = 0; round < 1500; round++) {
		size_t count = 1 + round % XESP_BURST_MAX;
		/* Also bursts of few suites, so that several packets go side by side. */
		size_t few = 1 + crypto_rig_random(&seed) % (2 * suites);
		size_t first = crypto_rig_random(&seed) % (2 * suites);

		for (size_t i = 0; i < count; i++) {
			size_t sa = (first + crypto_rig_random(&seed) % few) % (2 * suites);

			make(rig, i, &sas[sa], &seed, &packets[i]);
		}
		run_all(rig, packets, count);
	}
	for (size_t i = 0; i < 2 * suites; i++)
		crypto_rig_sa_free(rig, &sas[i]);
	free(packets);
	free(sas);
}

/* Keys of one set of the cache: twice as many as it has slots, in each burst. */
static void test_more_keys_than_slots(void **state)
{
	enum { KEYS = 2 * KEY_CACHE_WAYS, COUNT = KEYS * KEY_CACHE_SETS };
	struct crypto_rig_sa *sas = calloc(COUNT, sizeof(*sas));
	struct packet *packets = calloc(XESP_BURST_MAX, sizeof(*packets));
	struct crypto_rig *rig = *state;
	size_t suites = suites_count();
	uint64_t seed = 77;

	for (size_t i = 0; i < COUNT; i++) {
		struct suite suite;

		assert_true(suites_at(i * 7 % suites, &suite));
		crypto_rig_sa_init(rig, &sas[i], &suite, i % 3 == 0, &seed);
	}
	for (size_t round = 0; round < 600; round++) {
		/* Serials are given in order, and find their set by it. */
		size_t set = round * 37 % KEY_CACHE_SETS;
		size_t count = 1 + crypto_rig_random(&seed) % XESP_BURST_MAX;

		for (size_t i = 0; i < count; i++)
			make(rig, i, &sas[set + crypto_rig_random(&seed) % KEYS * KEY_CACHE_SETS], &seed,
			     &packets[i]);
		run_all(rig, packets, count);
	}
	for (size_t i = 0; i < COUNT; i++)
		crypto_rig_sa_free(rig, &sas[i]);
	free(packets);
	free(sas);
}

/* Longer than any frame is: worked on or refused, but the packets beside it are none the worse. */
static void test_too_long(void **state)
{
	enum { LONG = 100000 };
	struct crypto_rig *rig = *state;
	struct guard memory = guard_new(LONG + ESP_SEAL_OVERHEAD_MAX);
	struct packet *packets = calloc(3, sizeof(*packets));
	struct crypto_rig_sa sa;
	struct suite suite;
	uint64_t seed = 5;

	for (size_t i = 0; suites_at(i, &suite); i++) {
		crypto_rig_sa_init(rig, &sa, &suite, i % 2, &seed);
		for (size_t which = 0; which < CRYPTO_RIG_PROVIDERS; which++) {
			struct crypto_op big = {.key = sa.keys[which],
						.esp = memory.end - LONG - esp_seal_overhead(&sa.seal),
						.text_len = LONG / 16 * 16};
			struct crypto_op *list[] = {&packets[0].op, &big, &packets[1].op};

			if (!rig->ctx[which])
				continue;
			for (size_t j = 0; j < 2; j++) {
				do
					make(rig, j, &sa, &seed, &packets[j]);
				while (packets[j].wanted);
				packets[j].op.key = sa.keys[which];
			}
			crypto_rig_providers[which]->open_burst(rig->ctx[which], list, 3);
			check_opened(&packets[0], which, 0, 3);
			check_opened(&packets[1], which, 2, 3);
			assert_true(big.status == -EBADMSG || big.status == -EIO);
		}
		crypto_rig_sa_free(rig, &sa);
	}
	guard_free(&memory);
	free(packets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_suites_at_once),
		cmocka_unit_test(test_more_keys_than_slots),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests_name("crypto_burst", tests, crypto_rig_setup, crypto_rig_teardown);
}
