/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An SA store on a classifier of the test's own, whose calls can be made to fail, with a crypto provider that
 * counts its keys, and workers that may hang.
 */
#ifndef XESP_TESTS_SADB_RIG_H
#define XESP_TESTS_SADB_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
	unsigned int waited_ms; /* the longest that was asked for */
	bool hangs;		/* a worker does */
	unsigned int marked_calls;
	unsigned int forgotten;
	const struct sa *requested; /* the SA whose deletion was asked for last */
	unsigned int requests;
};

/* The provider counts its keys, and refuses one if told so. Providers have no context of their own. */
static struct {
	int keys;
	int refuse_with;
} counting;

static inline int counting_key_new(struct crypto_ctx *ctx, const struct crypto_suite *suite,
				   struct crypto_key **ret_key)
{
	int err = counting.refuse_with ? counting.refuse_with : crypto_openssl.key_new(ctx, suite, ret_key);

	counting.keys += !err;
	return err;
}

static inline void counting_key_free(struct crypto_key *key)
{
	counting.keys -= key != NULL;
	crypto_openssl.key_free(key);
}

static inline bool fails(struct fake *fake)
{
	return fake->fail_in && --fake->fail_in == 0;
}

static inline struct fake *fake_of(struct classifier *classifier)
{
	return (struct fake *)classifier;
}

static inline int fake_set_parser(struct classifier *classifier, uint16_t port,
				  const struct xesp_parser_slot *slot)
{
	struct fake *fake = fake_of(classifier);

	if (fails(fake))
		return fake->fail_with;
	fake->parsers[port] = *slot;
	return 0;
}

static inline unsigned int fake_find(const struct fake *fake, uint32_t spi, const struct ip_addr *dst)
{
	unsigned int i = 0;

	while (i < fake->sa_count && (fake->sas[i].spi != spi || !ip_addr_equal(&fake->sas[i].dst, dst)))
		i++;
	return i;
}

static inline int fake_add_sa(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst,
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

static inline int fake_del_sa(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst)
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
static inline bool on_quiesce(void *ctx, bool begin, unsigned int timeout_ms)
{
	struct fixture *fixture = ctx;

	fixture->quiesced += begin;
	if (timeout_ms > fixture->waited_ms)
		fixture->waited_ms = timeout_ms;
	assert_int_equal(fixture->fake->sa_count, sadb_count(fixture->db));
	return !fixture->hangs;
}

static inline void on_forget(void *ctx, const struct crypto_key *key)
{
	struct fixture *fixture = ctx;

	assert_non_null(key);
	fixture->forgotten++;
}

static inline void on_marked(void *ctx)
{
	struct fixture *fixture = ctx;

	fixture->marked_calls++;
}

static inline void on_delete_request(void *ctx, const struct sa *sa)
{
	struct fixture *fixture = ctx;

	fixture->requested = sa;
	fixture->requests++;
}

static inline int set_up(void **state)
{
	static struct crypto_provider provider;
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sadb_config config = {.provider = &provider,
				     .capacity = CAPACITY,
				     .quiesce = on_quiesce,
				     .forget = on_forget,
				     .workers = fixture,
				     .marked = on_marked,
				     .delete_request = on_delete_request,
				     .owner = fixture};

	provider = crypto_openssl;
	provider.key_new = counting_key_new;
	provider.key_free = counting_key_free;
	counting.keys = 0;
	counting.refuse_with = 0;
	fixture->fake = calloc(1, sizeof(*fixture->fake));
	fixture->fake->classifier.ops = &fake_ops;
	assert_int_equal(crypto_openssl.ctx_new(&fixture->crypto), 0);
	config.classifier = &fixture->fake->classifier;
	config.crypto = fixture->crypto;
	assert_int_equal(sadb_new(&config, &fixture->db), 0);
	*state = fixture;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;

	sadb_free(fixture->db);
	assert_int_equal(fixture->fake->sa_count, 0);
	assert_int_equal(counting.keys, 0);
	crypto_openssl.ctx_free(fixture->crypto);
	free(fixture->fake);
	free(fixture);
	return 0;
}

/* An inbound tunnel SA; `port` 0: without encapsulation. */
static inline struct sa_params params_of(uint32_t spi, enum xesp_encap type, uint16_t port)
{
	struct sa_params params = {
		.spi = spi,
		.mode = SA_MODE_TUNNEL,
		.cipher = ALGO_AES_GCM,
		.key_bytes = 20,
		.icv_bytes = 16,
		.replay_window = 64,
		.encap = {.present = port != 0, .type = type, .sport = 4500, .dport = port}};

	assert_int_equal(ip_addr_parse("192.0.2.1", &params.dst), 0);
	return params;
}

static inline int add(struct fixture *fixture, const struct sa_params *params, const struct sa **ret_sa)
{
	const char *what = NULL;

	return sadb_add(fixture->db, params, ret_sa, &what);
}

static inline struct handle handle_of(const struct sa *sa)
{
	return (struct handle){sa->index, sa->generation};
}

static inline bool same_handle(struct handle a, struct handle b)
{
	return a.index == b.index && a.generation == b.generation;
}

static inline const struct sadb_parser *only_parser(const struct fixture *fixture)
{
	uint32_t index = 0;

	assert_int_equal(sadb_parser_count(fixture->db), 1);
	return sadb_parser_next(fixture->db, &index);
}

#endif
