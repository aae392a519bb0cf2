/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All suites for tests, from the algorithm table: each AEAD with each of its key and ICV lengths, each cipher
 * with each key length and each integrity algorithm.
 */
#ifndef XESP_TESTS_SUITES_H
#define XESP_TESTS_SUITES_H

#include "control/algo.h"

struct suite {
	const struct algo *cipher;
	const struct algo *auth;  /* NULL with an AEAD */
	uint8_t cipher_key_bytes; /* without the salt; 0 for the NULL cipher */
	uint8_t icv_bytes;
};

#define SUITE_NAME_MAX 96

/* By number, from 0; false behind the last. */
bool suites_at(size_t i, struct suite *ret_suite);
size_t suites_count(void);
/* "cbc(aes) 16 hmac(sha1) 12"; `out` has SUITE_NAME_MAX bytes. */
const char *suites_name(const struct suite *suite, char *out);

#endif
