/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The published vectors of tests/data/vectors, one test a file, through both crypto providers: opened,
 * sealed, and damaged in each byte. tests/tools/vectors_check.py computes the same files without our code.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/crypto.h"
#include "tests/lib/guard.h"
#include "tests/lib/vectors.h"

#define PACKET_MAX 1200
#define PROVIDERS 2
#define UNTOUCHED 77 /* as a status: nobody has set it */

static const struct crypto_provider *const providers[PROVIDERS] = {&crypto_ipsec_mb, &crypto_openssl};

struct fixture {
	struct crypto_ctx *ctx[PROVIDERS]; /* NULL for libipsec-mb on a CPU that it does not know */
	struct guard room;		   /* one packet, at either end */
	uint8_t copies[XESP_BURST_MAX][PACKET_MAX];
};

static struct fixture fixture;

static int setup(void **state)
{
	(void)state;
	if (providers[1]->ctx_new(&fixture.ctx[1]))
		return -1;
	if (providers[0]->ctx_new(&fixture.ctx[0]))
		print_message("# ipsec-mb does not work on this CPU, only OpenSSL is tested\n");
	fixture.room = guard_new(PACKET_MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < PROVIDERS; i++) {
		if (fixture.ctx[i])
			providers[i]->ctx_free(fixture.ctx[i]);
	}
	guard_free(&fixture.room);
	return 0;
}

/* With a bit of the key material flipped that authenticates: -1 for none. */
static struct crypto_key *key_of(size_t which, const struct vector *vector, int flipped_byte)
{
	struct vector other = *vector;
	struct crypto_suite suite = vector_suite(&other);
	struct crypto_key *key = NULL;
	int r;

	if (flipped_byte >= 0)
		*(vector->auth ? &other.auth_key[flipped_byte] : &other.key[flipped_byte]) ^= 0x40;
	r = providers[which]->key_new(fixture.ctx[which], &suite, &key);
	if (r)
		fail_msg("%s: %s has no such key: %d", vector->name, providers[which]->name, r);
	return key;
}

/* The control thread's order: no context knows of the key when it is freed. */
static void key_done(size_t which, struct crypto_key *key)
{
	providers[which]->forget(fixture.ctx[which], key);
	providers[which]->key_free(key);
}

static struct crypto_op op_of(const struct vector *vector, const struct crypto_key *key, uint8_t *packet)
{
	return (struct crypto_op){
		.key = key,
		.esp = packet,
		.seq = vector->seq,
		.text_len = (uint32_t)vector->text_len,
		.status = UNTOUCHED,
	};
}

static void expect(const struct vector *vector, size_t which, const struct crypto_op *op, int status,
		   const char *what)
{
	if (op->status != status)
		fail_msg("%s: %s: status %d by %s instead of %d", vector->name, what, op->status,
			 providers[which]->name, status);
}

static void expect_bytes(const struct vector *vector, size_t which, const uint8_t *is, const uint8_t *wanted,
			 size_t len, const char *what)
{
	if (memcmp(is, wanted, len))
		fail_msg("%s: %s by %s are other bytes", vector->name, what, providers[which]->name);
}

static void open_one(const struct vector *vector, size_t which, const struct crypto_key *key, uint64_t seq,
		     int status, const char *what)
{
	uint8_t *packet = fixture.room.end - vector->packet_len;
	struct crypto_op op = op_of(vector, key, packet);
	struct crypto_op *list[] = {&op};

	memcpy(packet, vector->packet, vector->packet_len);
	op.seq = seq;
	providers[which]->open_burst(fixture.ctx[which], list, 1);
	expect(vector, which, &op, status, what);
	if (status == 0)
		expect_bytes(vector, which, packet + vector_text_offset(vector), vector->text,
			     vector->text_len, what);
}

/* The published packet comes out, byte for byte. */
static void seal_one(const struct vector *vector, size_t which, const struct crypto_key *key)
{
	uint8_t *packet = fixture.room.start;
	struct crypto_op op = op_of(vector, key, packet);
	struct crypto_op *list[] = {&op};
	size_t at = vector_text_offset(vector);

	memset(packet, 0xee, vector->packet_len);
	memcpy(packet, vector->packet, at);
	memcpy(packet + at, vector->text, vector->text_len);
	providers[which]->seal_burst(fixture.ctx[which], list, 1);
	expect(vector, which, &op, 0, "sealing");
	expect_bytes(vector, which, packet, vector->packet, vector->packet_len, "sealing");
}

/* Opens copies of the packet in one burst, each with a bit flipped in another byte from `from` on, and in the
 * last place one that is whole: it opens. Returns the byte to go on from. */
static size_t open_damaged(const struct vector *vector, size_t which, const struct crypto_key *key,
			   size_t from)
{
	struct crypto_op ops[XESP_BURST_MAX];
	struct crypto_op *list[XESP_BURST_MAX];
	size_t count = 0;

	for (; from + count < vector->packet_len && count < XESP_BURST_MAX - 1; count++) {
		memcpy(fixture.copies[count], vector->packet, vector->packet_len);
		fixture.copies[count][from + count] ^= (uint8_t)(1u << (from + count) % 8);
	}
	memcpy(fixture.copies[count], vector->packet, vector->packet_len);
	for (size_t i = 0; i <= count; i++) {
		ops[i] = op_of(vector, key, fixture.copies[i]);
		list[i] = &ops[i];
	}
	providers[which]->open_burst(fixture.ctx[which], list, count + 1);
	for (size_t i = 0; i < count; i++)
		expect(vector, which, &ops[i], -EBADMSG, "with one bit flipped");
	expect(vector, which, &ops[count], 0, "behind damaged ones");
	expect_bytes(vector, which, fixture.copies[count] + vector_text_offset(vector), vector->text,
		     vector->text_len, "behind damaged ones");
	return from + count;
}

static void open_with_other_keys(const struct vector *vector, size_t which)
{
	int bytes = (int)(vector->auth ? vector->auth_key_bytes : vector->key_bytes);
	const int flipped[] = {0, bytes / 2, bytes - 1}; /* the last one is of the salt, where there is one */

	for (size_t i = 0; i < 3; i++) {
		struct crypto_key *key = key_of(which, vector, flipped[i]);

		open_one(vector, which, key, vector->seq, -EBADMSG, "with another key");
		key_done(which, key);
	}
}

static void test_one(const struct vector *vector, size_t which)
{
	struct crypto_key *key = key_of(which, vector, -1);

	if (vector->packet_len > PACKET_MAX)
		fail_msg("%s: longer than expected", vector->name);
	if (vector->invalid) {
		open_one(vector, which, key, vector->seq, -EBADMSG, "invalid");
		key_done(which, key);
		return;
	}
	open_one(vector, which, key, vector->seq, 0, "opening");
	seal_one(vector, which, key);
	/* The high half counts with ESN, and only then. */
	open_one(vector, which, key, vector->seq ^ 1ull << 32, vector->esn ? -EBADMSG : 0, "other high half");
	for (size_t at = 0; at < vector->packet_len;)
		at = open_damaged(vector, which, key, at);
	open_with_other_keys(vector, which);
	key_done(which, key);
}

static void test_file(void **state)
{
	const char *file = *state;
	struct vector_set set;

	vectors_load(file, &set);
	assert_true(set.cases > 0 && set.count >= set.cases);
	print_message("# %s: %zu cases, %zu packets%s%s\n", file, set.cases, set.count,
		      *set.left_out ? "; left out " : "", set.left_out);
	for (size_t which = 0; which < PROVIDERS; which++) {
		for (size_t i = 0; fixture.ctx[which] && i < set.count; i++)
			test_one(&set.list[i], which);
	}
	vectors_free(&set);
}

/* Whether test_mixed_bursts() damages the packet; what is invalid could be mended by that. */
static bool damages(size_t i, const struct vector *vector)
{
	return i % 5 == 4 && !vector->invalid;
}

/* Bursts of packets of different SAs, suites and sources, every fifth damaged in its ICV. */
static void burst_of(const struct vector *const *vectors, size_t count, size_t which)
{
	struct crypto_key *keys[XESP_BURST_MAX];
	struct crypto_op ops[XESP_BURST_MAX];
	struct crypto_op *list[XESP_BURST_MAX];

	for (size_t i = 0; i < count; i++) {
		keys[i] = key_of(which, vectors[i], -1);
		memcpy(fixture.copies[i], vectors[i]->packet, vectors[i]->packet_len);
		if (damages(i, vectors[i]))
			fixture.copies[i][vectors[i]->packet_len - 1 - i % vectors[i]->icv_bytes] ^= 1;
		ops[i] = op_of(vectors[i], keys[i], fixture.copies[i]);
		list[i] = &ops[i];
	}
	providers[which]->open_burst(fixture.ctx[which], list, count);
	for (size_t i = 0; i < count; i++) {
		bool bad = damages(i, vectors[i]) || vectors[i]->invalid;

		expect(vectors[i], which, &ops[i], bad ? -EBADMSG : 0, "in a mixed burst");
		if (!bad)
			expect_bytes(vectors[i], which, fixture.copies[i] + vector_text_offset(vectors[i]),
				     vectors[i]->text, vectors[i]->text_len, "in a mixed burst");
		key_done(which, keys[i]);
	}
}

static void test_mixed_bursts(void **state)
{
	size_t files, total = 0, at = 0;
	char **names = vectors_names(&files);
	struct vector_set *sets = calloc(files, sizeof(*sets));
	struct vector *all; /* with the packets of `sets` */

	(void)state;
	assert_non_null(sets);
	for (size_t i = 0; i < files; i++) {
		vectors_load(names[i], &sets[i]);
		total += sets[i].count;
	}
	all = calloc(total, sizeof(*all));
	assert_non_null(all);
	for (size_t i = 0; i < files; i++) {
		for (size_t j = 0; j < sets[i].count; j++)
			all[at++] = sets[i].list[j];
	}
	/* With a stride, so that what is near in the files is far in the bursts. */
	for (size_t first = 0, stride = total / XESP_BURST_MAX; first < stride; first++) {
		const struct vector *burst[XESP_BURST_MAX];

		for (size_t i = 0; i < XESP_BURST_MAX; i++)
			burst[i] = &all[first + i * stride];
		for (size_t which = 0; which < PROVIDERS; which++) {
			if (fixture.ctx[which])
				burst_of(burst, XESP_BURST_MAX, which);
		}
	}
	for (size_t i = 0; i < files; i++)
		vectors_free(&sets[i]);
	free(sets);
	free(all);
	vectors_names_free(names, files);
}

/* The form with an implicit IV of an AEAD, or NULL. */
static const struct algo *implicit_form(const struct algo *cipher)
{
	switch (cipher->id) {
	case ALGO_AES_GCM: return algo_by_id(ALGO_AES_GCM_IIV);
	case ALGO_AES_CCM: return algo_by_id(ALGO_AES_CCM_IIV);
	case ALGO_CHACHA20_POLY1305: return algo_by_id(ALGO_CHACHA20_POLY1305_IIV);
	default: return NULL;
	}
}

static void put64(uint8_t *at, uint64_t value)
{
	for (int i = 7; i >= 0; i--) {
		at[i] = (uint8_t)value;
		value >>= 8;
	}
}

/* Seals the case's text by the algorithm whose IV is on the wire, with the sequence number as IV; without
 * that IV it is the packet of the implicit form. */
static struct vector implicit_vector(const struct vector *vector, const struct algo *implicit, size_t which)
{
	struct vector with_iv = *vector;
	struct crypto_key *key;
	struct crypto_op op;
	struct crypto_op *list[] = {&op};

	with_iv.icv_bytes = implicit->icv_bytes[0];
	with_iv.packet_len = 16 + vector->text_len + with_iv.icv_bytes;
	with_iv.packet = malloc(with_iv.packet_len);
	assert_non_null(with_iv.packet);
	memcpy(with_iv.packet, vector->packet, 8);
	/* RFC 8750 section 4: without ESN the upper half is zero. */
	put64(with_iv.packet + 8, vector->esn ? vector->seq : (uint32_t)vector->seq);
	memcpy(with_iv.packet + 16, vector->text, vector->text_len);
	key = key_of(which, &with_iv, -1);
	op = op_of(&with_iv, key, with_iv.packet);
	providers[which]->seal_burst(fixture.ctx[which], list, 1);
	expect(vector, which, &op, 0, "sealing with the sequence number as IV");
	key_done(which, key);

	memmove(with_iv.packet + 8, with_iv.packet + 16, with_iv.packet_len - 16);
	with_iv.packet_len -= 8;
	with_iv.cipher = implicit;
	return with_iv;
}

/* RFC 8750 has no vectors, so these are made of others: the provider has just been held against the same keys
 * and texts with the IV on the wire. */
static void test_implicit_iv(void **state)
{
	static const char *const sources[] = {"draft-mcgrew-gcm-test-01.json", "rfc7634.json", "rfc8439.json",
					      "wycheproof-aes-ccm.json", "wycheproof-chacha20-poly1305.json"};
	size_t done = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources) * PROVIDERS; i++) {
		struct vector_set set;
		size_t which = i % PROVIDERS;

		if (!fixture.ctx[which])
			continue;
		vectors_load(sources[i / PROVIDERS], &set);
		for (size_t j = 0; j < set.count; j++) {
			const struct algo *implicit = implicit_form(set.list[j].cipher);
			struct vector vector;

			/* The case itself, not with its ICV cut as well. */
			if (!implicit || set.list[j].icv_bytes < 16)
				continue;
			vector = implicit_vector(&set.list[j], implicit, which);
			test_one(&vector, which);
			free(vector.packet);
			done++;
		}
		vectors_free(&set);
	}
	assert_true(done > 70);
}

/* One test a file. */
int main(void)
{
	size_t files, count;
	char **names = vectors_names(&files);
	struct CMUnitTest *tests = calloc(files + 2, sizeof(*tests));
	int failed;

	if (!tests)
		return 1;
	for (count = 0; count < files; count++)
		tests[count] = (struct CMUnitTest){
			.name = names[count],
			.test_func = test_file,
			.initial_state = names[count],
		};
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_implicit_iv);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_mixed_bursts);
	failed = _cmocka_run_group_tests("vectors", tests, count, setup, teardown);
	free(tests);
	vectors_names_free(names, files);
	return failed;
}
