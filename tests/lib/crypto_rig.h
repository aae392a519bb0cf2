/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the crypto providers: both of them, keys of any suite, and packets between guard pages.
 */
#ifndef XESP_TESTS_CRYPTO_RIG_H
#define XESP_TESTS_CRYPTO_RIG_H

#include <xesp/limits.h>

#include "dataplane/crypto.h"
#include "tests/lib/esp_seal.h"
#include "tests/lib/guard.h"
#include "tests/lib/suites.h"

#define CRYPTO_RIG_TEXT_MAX 9000
#define CRYPTO_RIG_PACKET_MAX (CRYPTO_RIG_TEXT_MAX + ESP_SEAL_OVERHEAD_MAX)

#define CRYPTO_RIG_PROVIDERS 2
extern const struct crypto_provider
	*const crypto_rig_providers[CRYPTO_RIG_PROVIDERS]; /* OpenSSL is the last */

/* NULL for libipsec-mb on another CPU. */
struct crypto_rig {
	struct crypto_ctx *ctx[CRYPTO_RIG_PROVIDERS];
	struct guard guards[XESP_BURST_MAX];
};

/* As cmocka's functions for a group of tests: `*state` becomes a struct crypto_rig. */
int crypto_rig_setup(void **state);
int crypto_rig_teardown(void **state);

/* The same numbers on each run. `*seed` is not 0. */
uint64_t crypto_rig_random(uint64_t *seed);
void crypto_rig_fill(uint64_t *seed, uint8_t *out, size_t bytes);

/* An SA: raw keys, the peer's side, and the key of each provider. */
struct crypto_rig_sa {
	struct suite suite;
	uint8_t key[XESP_KEY_MAX];
	uint8_t auth_key[XESP_AUTH_KEY_MAX];
	struct esp_seal seal;
	struct crypto_key *keys[CRYPTO_RIG_PROVIDERS];
};

/* With key bytes from `seed`; `sa` has to stay where it is. */
void crypto_rig_sa_init(struct crypto_rig *rig, struct crypto_rig_sa *sa, const struct suite *suite, bool esn,
			uint64_t *seed);
void crypto_rig_sa_free(struct crypto_rig *rig, struct crypto_rig_sa *sa);
/* What the providers are given, for the raw keys as they are now. */
struct crypto_suite crypto_rig_suite(const struct crypto_rig_sa *sa);

/* Bytes in front of the text. */
size_t crypto_rig_text_offset(const struct crypto_rig_sa *sa);
/* The text's length is a multiple of this: less than esp.c asks for. */
size_t crypto_rig_block(const struct suite *suite);

/* Every suite, sealed by code of its own, is opened and sealed by each provider: lengths from 0 to `longest`,
 * in place, each packet against a guard page on either side. A failed assertion of cmocka if anything
 * differs. */
void crypto_rig_check_suites(struct crypto_rig *rig, bool esn, size_t longest, uint64_t seed);

#endif
