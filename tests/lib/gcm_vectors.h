/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Published AES-GCM vectors, in hexadecimal.
 */
#ifndef XESP_TESTS_GCM_VECTORS_H
#define XESP_TESTS_GCM_VECTORS_H

#include <stddef.h>

struct gcm_vector {
	const char *key;
	const char *nonce; /* salt and IV */
	const char *plain;
	const char *aad;
	const char *cipher;
	const char *tag;
};

/* McGrew, "Test Cases for the use of GCM and GMAC in IPsec ESP", draft-mcgrew-gcm-test-01: its AES-GCM cases,
 * whole ESP packets whose AAD is SPI and sequence number, six of them extended. */
extern const struct gcm_vector gcm_vectors_esp[];
extern const size_t gcm_vectors_esp_count;

#endif
