// SPDX-License-Identifier: BSD-2-Clause
/*
 * The SA store against a classifier of the test's own, whose every call can be made to fail, and against
 * a model under random operations.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/sadb.h"

#define CAPACITY 64

/* What the classifier's tables would hold, and which call from now on fails (0: none). */
struct fake {
	struct classifier classifier;
	struct xesp_parser_slot parsers[65536];
	struct {
		uint32_t spi;
		struct ip_addr dst;
		struct xesp_sa_ref ref;
	} sas[CAPACITY];
	unsigned int sa_count;
	unsigned int fail_in; /* calls until one fails; 0: never */
	int fail_with;
};

struct fixture {
	struct fake *fake;
	struct crypto_ctx *crypto;
	struct sadb *db;
	unsigned int quiesced;
};

static bool fails(struct fake *fake)
{
	return fake->fail_in && --fake->fail_in == 0;
}

static struct fake *fake_of(struct classifier *classifier)
{
	return (struct fake *)classifier;
}

static int fake_set_parser(struct classifier *classifier, uint16_t port, const struct xesp_parser_slot *slot)
{
	struct fake *fake = fake_of(classifier);

	if (fails(fake))
		return fake->fail_with;
	fake->parsers[port] = *slot;
	return 0;
}

static unsigned int fake_find(const struct fake *fake, uint32_t spi, const struct ip_addr *dst)
{
	unsigned int i = 0;

	while (i < fake->sa_count && (fake->sas[i].spi != spi || !ip_addr_equal(&fake->sas[i].dst, dst)))
		i++;
	return i;
}

static int fake_add_sa(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst,
		       const struct xesp_sa_ref *ref)
{
	struct fake *fake = fake_of(classifier);

	if (fails(fake))
		return fake->fail_with;
	assert_int_equal(fake_find(fake, spi, dst), fake->sa_count);
	assert_true(fake->sa_count < CAPACITY);
	fake->sas[fake->sa_count].spi = spi;
	fake->sas[fake->sa_count].dst = *dst;
	fake->sas[fake->sa_count].ref = *ref;
	fake->sa_count++;
	return 0;
}

static int fake_del_sa(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst)
{
	struct fake *fake = fake_of(classifier);
	unsigned int i = fake_find(fake, spi, dst);

	if (i == fake->sa_count)
		return -ENOENT;
	fake->sas[i] = fake->sas[--fake->sa_count];
	return 0;
}

static const struct classifier_ops fake_ops = {
	.name = "fake", .set_parser = fake_set_parser, .add_sa = fake_add_sa, .del_sa = fake_del_sa};

/* When workers are waited for, the classifier must no longer know the SA. */
static bool on_quiesce(void *ctx, unsigned int timeout_ms)
{
	struct fixture *fixture = ctx;

	(void)timeout_ms;
	fixture->quiesced++;
	assert_int_equal(fixture->fake->sa_count, sadb_count(fixture->db));
	return true;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sadb_config config = {
		.provider = &crypto_openssl, .capacity = CAPACITY, .quiesce = on_quiesce};

	fixture->fake = calloc(1, sizeof(*fixture->fake));
	fixture->fake->classifier.ops = &fake_ops;
	assert_int_equal(crypto_openssl.ctx_new(&fixture->crypto), 0);
	config.classifier = &fixture->fake->classifier;
	config.crypto = fixture->crypto;
	config.workers = fixture;
	assert_int_equal(sadb_new(&config, &fixture->db), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	sadb_free(fixture->db);
	assert_int_equal(fixture->fake->sa_count, 0);
	crypto_openssl.ctx_free(fixture->crypto);
	free(fixture->fake);
	free(fixture);
	return 0;
}

static struct sa_params params_of(uint32_t spi, bool encap, enum xesp_encap type, uint16_t port)
{
	struct sa_params params = {.spi = spi,
				   .mode = SA_MODE_TUNNEL,
				   .algo = ALGO_AES_GCM,
				   .key_bytes = 20,
				   .icv_bytes = 16,
				   .replay_window = 64,
				   .encap = {.present = encap, .type = type, .sport = 4500, .dport = port}};

	assert_int_equal(ip_addr_parse("192.0.2.1", &params.dst), 0);
	return params;
}

static int add(struct fixture *fixture, const struct sa_params *params, const struct sa **ret_sa)
{
	const char *what = NULL;

	return sadb_add(fixture->db, params, ret_sa, &what);
}

static const struct sadb_parser *only_parser(const struct fixture *fixture)
{
	uint32_t index = 0;

	assert_int_equal(sadb_parser_count(fixture->db), 1);
	return sadb_parser_next(fixture->db, &index);
}

static void test_add_creates_and_shares_parsers(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params first = params_of(0x1000, true, XESP_ENCAP_RFC3948, 4500);
	struct sa_params second = params_of(0x1001, true, XESP_ENCAP_RFC3948, 4500);
	struct sa_params draft = params_of(0x1002, true, XESP_ENCAP_IKE, 4500);
	struct sa_params native = params_of(0x1003, false, 0, 0);
	const struct sa *sa;
	uint32_t id;

	assert_int_equal(add(fixture, &first, &sa), 0);
	assert_int_equal(sadb_parser_count(fixture->db), 1);
	id = sadb_parser_of(fixture->db, sa)->id;
	assert_int_not_equal(id, 0);
	assert_int_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_RFC3948], id);
	assert_int_equal(fixture->fake->sas[0].ref.parser_id, id);

	assert_int_equal(add(fixture, &second, &sa), 0);
	assert_int_equal(sadb_parser_count(fixture->db), 1);
	assert_int_equal(sadb_parser_of(fixture->db, sa)->refs, 2);

	/* Both types on one port are two entries that leave each other alone. */
	assert_int_equal(add(fixture, &draft, &sa), 0);
	assert_int_equal(sadb_parser_count(fixture->db), 2);
	assert_int_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_RFC3948], id);
	assert_int_not_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_IKE], 0);
	assert_int_not_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_IKE], id);

	assert_int_equal(add(fixture, &native, &sa), 0);
	assert_null(sadb_parser_of(fixture->db, sa));
	assert_int_equal(fixture->fake->sas[3].ref.parser_id, 0);

	assert_int_equal(sadb_del(fixture->db, 0x1000, &first.dst), 0);
	assert_int_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_RFC3948], id);
	assert_int_equal(sadb_del(fixture->db, 0x1001, &first.dst), 0);
	assert_int_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_RFC3948], 0);
	assert_int_not_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_IKE], 0);
	assert_int_equal(sadb_del(fixture->db, 0x1000, &first.dst), -ENOENT);
	assert_int_equal(fixture->quiesced, 2);
}

static void test_identity(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x1000, true, XESP_ENCAP_RFC3948, 4500);
	struct sa_params other = params;
	const struct sa *sa;

	assert_int_equal(add(fixture, &params, &sa), 0);
	assert_int_equal(add(fixture, &params, &sa), -EEXIST);
	assert_int_equal(sadb_count(fixture->db), 1);
	/* The same SPI for another destination, or another family, is another SA. */
	assert_int_equal(ip_addr_parse("192.0.2.2", &other.dst), 0);
	assert_int_equal(add(fixture, &other, &sa), 0);
	assert_int_equal(ip_addr_parse("c000:0201::", &other.dst), 0);
	assert_int_equal(add(fixture, &other, &sa), 0);
	assert_ptr_equal(sadb_find(fixture->db, 0x1000, &other.dst), sa);
	assert_null(sadb_find(fixture->db, 0x1001, &other.dst));
	assert_int_equal(sadb_flush(fixture->db), 3);
	assert_int_equal(fixture->quiesced, 1);
	assert_int_equal(sadb_parser_count(fixture->db), 0);
}

static void test_stale_generation(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x1000, false, 0, 0);
	const struct sa *sa;

	/* Each slot in turn, twice: a slot comes back with another generation. */
	for (unsigned int round = 0; round < 2 * CAPACITY; round++) {
		uint32_t index;
		uint32_t generation;

		assert_int_equal(add(fixture, &params, &sa), 0);
		index = sa->index;
		generation = sa->generation;
		assert_int_equal(index, round % CAPACITY);
		assert_int_equal(generation, 1 + round / CAPACITY);
		assert_ptr_equal(sadb_get(fixture->db, index, generation), sa);
		assert_null(sadb_get(fixture->db, index, generation + 1));
		assert_int_equal(sadb_del(fixture->db, 0x1000, &params.dst), 0);
		assert_null(sadb_get(fixture->db, index, generation));
	}
	assert_null(sadb_get(fixture->db, CAPACITY, 1));
	assert_null(sadb_get(fixture->db, UINT32_MAX, 1));
}

static void test_capacity(void **state)
{
	struct fixture *fixture = *state;
	const struct sa *sa;
	const char *what = NULL;
	struct sa_params params;

	for (uint32_t i = 0; i < CAPACITY; i++) {
		params = params_of(0x1000 + i, true, XESP_ENCAP_RFC3948, 4500);
		assert_int_equal(add(fixture, &params, &sa), 0);
	}
	params = params_of(0x2000, true, XESP_ENCAP_RFC3948, 14500);
	assert_int_equal(sadb_add(fixture->db, &params, &sa, &what), -ENOSPC);
	assert_string_equal(what, "SAs");
	assert_int_equal(sadb_count(fixture->db), CAPACITY);
	assert_int_equal(sadb_parser_count(fixture->db), 1);
	assert_int_equal(fixture->fake->parsers[14500].id[XESP_ENCAP_RFC3948], 0);
	assert_int_equal(sadb_del(fixture->db, 0x1005, &params.dst), 0);
	assert_int_equal(add(fixture, &params, &sa), 0);
	assert_int_equal(sa->index, 5);
}

/* Every step that can fail does, and what was before is still there (M6 of the NDIS contract). */
static void test_failed_add_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x1000, true, XESP_ENCAP_RFC3948, 4500);
	struct sa_params more = params_of(0x1001, true, XESP_ENCAP_RFC3948, 4501);
	struct sa_params bad = more;
	struct fake *before = calloc(1, sizeof(*before));
	const struct sa *sa;
	uint32_t id;

	assert_int_equal(add(fixture, &params, &sa), 0);
	id = sadb_parser_of(fixture->db, sa)->id;
	memcpy(before, fixture->fake, sizeof(*before));
	/* set_parser, then add_sa, whose undoing calls set_parser again. */
	for (unsigned int step = 1; step <= 2; step++) {
		fixture->fake->fail_in = step;
		fixture->fake->fail_with = -ENOMEM;
		assert_int_equal(add(fixture, &more, &sa), -ENOMEM);
		fixture->fake->fail_in = 0;
		assert_int_equal(sadb_count(fixture->db), 1);
		assert_int_equal(sadb_parser_count(fixture->db), 1);
		assert_int_equal(only_parser(fixture)->id, id);
		assert_int_equal(only_parser(fixture)->refs, 1);
		assert_memory_equal(before->parsers, fixture->fake->parsers, sizeof(before->parsers));
		assert_memory_equal(before->sas, fixture->fake->sas, sizeof(before->sas));
		assert_null(sadb_find(fixture->db, 0x1001, &more.dst));
	}
	bad.key_bytes = 19; /* no AES key length: the provider refuses it */
	assert_true(add(fixture, &bad, &sa) < 0);
	assert_int_equal(sadb_count(fixture->db), 1);
	assert_int_equal(sadb_parser_count(fixture->db), 1);
	assert_int_equal(add(fixture, &more, &sa), 0);
	free(before);
}

static void test_store_keeps_no_key(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x1000, false, 0, 0);
	static const uint8_t zero[XESP_KEY_MAX];
	const struct sa *sa;

	memset(params.key, 0xa5, params.key_bytes);
	assert_int_equal(add(fixture, &params, &sa), 0);
	assert_memory_equal(sa->params.key, zero, sizeof(zero));
}

#define MODEL_SPIS 96
#define MODEL_PORTS 5

/* 100,000 random adds, deletes and look-ups: the store agrees with the model after each. */
static void test_random_operations(void **state)
{
	struct fixture *fixture = *state;
	unsigned int port_of[MODEL_SPIS] = {0}; /* 0: absent, else 1 + port number */
	unsigned int refs[MODEL_PORTS] = {0};
	unsigned int count = 0;

	srandom(4500);
	for (unsigned int round = 0; round < 100000; round++) {
		unsigned int spi = (unsigned int)random() % MODEL_SPIS;
		unsigned int port = (unsigned int)random() % MODEL_PORTS;
		struct sa_params params =
			params_of(0x1000 + spi, true, XESP_ENCAP_RFC3948, (uint16_t)(4500 + port));
		const struct sa *sa = NULL;
		unsigned int entries = 0;

		if (random() % 2) {
			int want = port_of[spi] ? -EEXIST : count == CAPACITY ? -ENOSPC : 0;

			assert_int_equal(add(fixture, &params, &sa), want);
			if (!want) {
				port_of[spi] = 1 + port;
				refs[port]++;
				count++;
			}
		} else {
			assert_int_equal(sadb_del(fixture->db, 0x1000 + spi, &params.dst),
					 port_of[spi] ? 0 : -ENOENT);
			if (port_of[spi]) {
				refs[port_of[spi] - 1]--;
				port_of[spi] = 0;
				count--;
			}
		}
		assert_int_equal(sadb_count(fixture->db), count);
		assert_int_equal(fixture->fake->sa_count, count);
		sa = sadb_find(fixture->db, 0x1000 + spi, &params.dst);
		assert_int_equal(sa != NULL, port_of[spi] != 0);
		if (sa)
			assert_int_equal(sadb_parser_of(fixture->db, sa)->refs, refs[port_of[spi] - 1]);
		for (unsigned int i = 0; i < MODEL_PORTS; i++)
			entries += refs[i] != 0;
		assert_int_equal(sadb_parser_count(fixture->db), entries);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_creates_and_shares_parsers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_identity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stale_generation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_capacity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failed_add_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_store_keeps_no_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random_operations, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("sadb", tests, NULL, NULL);
}
