/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Published test vectors as ESP packets: reads the files of tests/data/vectors (README.md there has their
 * format) and makes of each case the packets that it is good for. A cipher without authentication gets each
 * integrity algorithm in turn, a MAC is run on a packet of the NULL cipher.
 */
#ifndef XESP_TESTS_VECTORS_H
#define XESP_TESTS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xesp/limits.h>

#include "dataplane/crypto.h"

#define VECTORS_FOLDER "tests/data/vectors" /* from the root of the sources, where tests run */

/* One packet of one case. */
struct vector {
	char name[96]; /* "rfc3602.json 1, hmac(sha1)-96, ESN" */
	const struct algo *cipher;
	const struct algo *auth; /* NULL with an AEAD */
	uint8_t key[XESP_KEY_MAX];
	size_t key_bytes; /* with salt */
	uint8_t auth_key[XESP_AUTH_KEY_MAX];
	size_t auth_key_bytes;
	uint8_t icv_bytes;
	bool esn;
	bool invalid; /* the source says that it must not open */
	bool whole;   /* the source's plaintext is a payload with the trailer of RFC 4303 section 2.4 */
	uint64_t seq;
	uint8_t *packet; /* ESP header, explicit IV, ciphertext, ICV */
	size_t packet_len;
	uint8_t *text; /* what the ciphertext must decrypt to */
	size_t text_len;
};

struct vector_set {
	struct vector *list;
	size_t count;
	size_t cases;
	char left_out[512]; /* the source's other cases, and why: "2: the key is too short; 1: ..." */
};

/* Names of the files in order, count of them; vectors_names_free() frees. */
char **vectors_names(size_t *ret_count);
void vectors_names_free(char **names, size_t count);

/* Reads one file of the folder. Ends the program, with file and case, if it is not of the format. */
void vectors_load(const char *file, struct vector_set *ret_set);
void vectors_free(struct vector_set *set);

/* The suite of a packet; points into `vector`. */
struct crypto_suite vector_suite(const struct vector *vector);
/* Where the ciphertext lies in the packet. */
size_t vector_text_offset(const struct vector *vector);

#endif
