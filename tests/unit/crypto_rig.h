/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the crypto providers: both of them, keys of any suite, and packets between guard pages.
 */
#ifndef XESP_TESTS_CRYPTO_RIG_H
#define XESP_TESTS_CRYPTO_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xesp/limits.h>

#include "dataplane/crypto.h"
#include "tests/lib/esp_seal.h"
#include "tests/lib/guard.h"
#include "tests/lib/suites.h"

#define CRYPTO_RIG_TEXT_MAX 9000

#define CRYPTO_RIG_PROVIDERS 2

static const struct crypto_provider *const crypto_rig_providers[CRYPTO_RIG_PROVIDERS] = {&crypto_ipsec_mb,
											 &crypto_openssl};

/* NULL for libipsec-mb on another CPU. */
struct crypto_rig {
	struct crypto_ctx *ctx[CRYPTO_RIG_PROVIDERS];
	struct guard guards[XESP_BURST_MAX];
};

static inline int crypto_rig_setup(void **state)
{
	struct crypto_rig *rig = calloc(1, sizeof(*rig));

	if (!rig || crypto_openssl.ctx_new(&rig->ctx[1]))
		return -1;
	if (crypto_ipsec_mb.ctx_new(&rig->ctx[0]) != 0)
		print_message("ipsec-mb does not work on this CPU: only OpenSSL is tested\n");
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		rig->guards[i] = guard_new(CRYPTO_RIG_TEXT_MAX + ESP_SEAL_OVERHEAD_MAX);
	*state = rig;
	return 0;
}

static inline int crypto_rig_teardown(void **state)
{
	struct crypto_rig *rig = *state;

	for (size_t i = 0; i < CRYPTO_RIG_PROVIDERS; i++)
		if (rig->ctx[i])
			crypto_rig_providers[i]->ctx_free(rig->ctx[i]);
	for (size_t i = 0; i < XESP_BURST_MAX; i++)
		guard_free(&rig->guards[i]);
	free(rig);
	return 0;
}

static inline uint64_t crypto_rig_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1dull;
}

static inline void crypto_rig_fill(uint64_t *seed, uint8_t *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(crypto_rig_random(seed) >> 32);
}

/* An SA's keys: raw, and of each provider. */
struct crypto_rig_sa {
	struct suite suite;
	uint8_t key[XESP_KEY_MAX];
	uint8_t auth_key[XESP_AUTH_KEY_MAX];
	struct esp_seal seal;
	struct crypto_key *keys[CRYPTO_RIG_PROVIDERS];
};

static inline struct crypto_suite crypto_rig_suite(const struct crypto_rig_sa *sa)
{
	return (struct crypto_suite){
		.cipher = sa->suite.cipher,
		.auth = sa->suite.auth,
		.key = sa->key,
		.key_bytes = sa->seal.key_bytes,
		.auth_key = sa->auth_key,
		.auth_key_bytes = sa->seal.auth_key_bytes,
		.icv_bytes = sa->suite.icv_bytes,
		.esn = sa->seal.esn,
	};
}

/* Key bytes from `seed`; `sa` must stay where it is. */
static inline void crypto_rig_sa_init(struct crypto_rig *rig, struct crypto_rig_sa *sa,
				      const struct suite *suite, bool esn, uint64_t *seed)
{
	*sa = (struct crypto_rig_sa){.suite = *suite};
	crypto_rig_fill(seed, sa->key, sizeof(sa->key));
	crypto_rig_fill(seed, sa->auth_key, sizeof(sa->auth_key));
	sa->seal = (struct esp_seal){
		.key = sa->key,
		.key_bytes =
			suite->cipher_key_bytes + (suite->cipher_key_bytes ? suite->cipher->salt_bytes : 0u),
		.spi = 0x1000c0de,
		.esn = esn,
		.cipher = suite->cipher->id,
		.auth = suite->auth ? suite->auth->id : ALGO_NONE,
		.auth_key = sa->auth_key,
		.auth_key_bytes = suite->auth ? suite->auth->key_bytes[0] : 0u,
		.icv_bytes = suite->icv_bytes,
	};
	for (size_t i = 0; i < CRYPTO_RIG_PROVIDERS; i++) {
		const struct crypto_suite made = crypto_rig_suite(sa);
		char name[SUITE_NAME_MAX];

		if (rig->ctx[i] && crypto_rig_providers[i]->key_new(rig->ctx[i], &made, &sa->keys[i]))
			fail_msg("%s: no %s", crypto_rig_providers[i]->name, suites_name(suite, name));
	}
}

static inline void crypto_rig_sa_free(struct crypto_rig *rig, struct crypto_rig_sa *sa)
{
	for (size_t i = 0; i < CRYPTO_RIG_PROVIDERS; i++) {
		if (!rig->ctx[i])
			continue;
		crypto_rig_providers[i]->forget(rig->ctx[i], sa->keys[i]);
		crypto_rig_providers[i]->key_free(sa->keys[i]);
	}
}

/* The text's length has to be a multiple of this for the provider; esp.c asks for multiples of 4 at least. */
static inline size_t crypto_rig_block(const struct suite *suite)
{
	return suite->cipher->align_bytes > 4 ? suite->cipher->align_bytes : 1;
}

#endif
