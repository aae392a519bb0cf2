/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All suites for tests.
 */
#include "tests/lib/suites.h"

#include <stdio.h>

/* What goes with a cipher: its ICV lengths if it is an AEAD, else the integrity algorithms. */
static bool authenticators(const struct algo *cipher, size_t i, struct suite *suite)
{
	if (cipher->class == ALGO_CLASS_AEAD) {
		suite->auth = NULL;
		for (size_t j = 0; j < i; j++)
			if (!cipher->icv_bytes[j])
				return false;
		suite->icv_bytes = cipher->icv_bytes[i];
		return suite->icv_bytes != 0;
	}
	for (size_t row = 0; algo_at(row); row++) {
		const struct algo *auth = algo_at(row);

		if (auth->class != ALGO_CLASS_AUTH || i--)
			continue;
		suite->auth = auth;
		suite->icv_bytes = auth->icv_bytes[0];
		return true;
	}
	return false;
}

bool suites_at(size_t i, struct suite *ret_suite)
{
	for (size_t row = 0; algo_at(row); row++) {
		const struct algo *cipher = algo_at(row);
		const uint8_t *key_bytes = cipher->key_bytes;

		if (cipher->class == ALGO_CLASS_AUTH)
			continue;
		/* Of the NULL cipher, the 0 that ends the list is its length. */
		do {
			struct suite suite = {.cipher = cipher, .cipher_key_bytes = *key_bytes};

			for (size_t j = 0; authenticators(cipher, j, &suite); j++) {
				if (i--)
					continue;
				*ret_suite = suite;
				return true;
			}
		} while (*key_bytes && *++key_bytes);
	}
	return false;
}

size_t suites_count(void)
{
	struct suite suite;
	size_t count = 0;

	while (suites_at(count, &suite))
		count++;
	return count;
}

const char *suites_name(const struct suite *suite, char *out)
{
	snprintf(out, SUITE_NAME_MAX, "%s %u %s %u", suite->cipher->xfrm_name, suite->cipher_key_bytes,
		 suite->auth ? suite->auth->xfrm_name : "-", suite->icv_bytes);
	return out;
}
