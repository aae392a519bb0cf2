/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sealing ESP for tests and the fuzzer, with OpenSSL and nothing of the code under test.
 */
#ifndef XESP_TESTS_ESP_SEAL_H
#define XESP_TESTS_ESP_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/algo.h"

#define ESP_SEAL_OVERHEAD (8 + 8 + 16)	    /* ESP header, IV, ICV of AES-GCM */
#define ESP_SEAL_OVERHEAD_MAX (8 + 16 + 32) /* of any suite */

struct esp_seal {
	const uint8_t *key; /* cipher key, then salt */
	size_t key_bytes;   /* both */
	uint32_t spi;
	uint64_t seq;
	bool esn;
	/* All 0: AES-GCM with an ICV of 16 bytes. */
	enum algo_id cipher;
	enum algo_id auth;
	const uint8_t *auth_key;
	size_t auth_key_bytes;
	uint8_t icv_bytes;
};

/* Appends `pad_bytes` bytes of default padding, pad length and next header behind `len` bytes of payload
 * in `text`; returns the new length. */
size_t esp_seal_trailer(uint8_t *text, size_t len, uint8_t pad_bytes, uint8_t next_header);
/* The least padding that makes `len` bytes of payload and the trailer a multiple of `align`. */
uint8_t esp_seal_padding_to(size_t len, size_t align);
/* The same, of 4. */
uint8_t esp_seal_padding(size_t len);

/* Bytes of the explicit IV. */
size_t esp_seal_iv_bytes(const struct esp_seal *seal);
/* Bytes of ESP header, explicit IV and ICV. */
size_t esp_seal_overhead(const struct esp_seal *seal);
/* Writes ESP header, IV (made of the sequence number), ciphertext and ICV; returns their length. `text`
 * includes the trailer and may lie where the ciphertext goes. */
size_t esp_seal(const struct esp_seal *seal, const uint8_t *text, size_t text_len, uint8_t *out);

#endif
