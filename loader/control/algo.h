/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of algorithms: one row a transform, read by the parser of `sa add`, by validation, by the
 * crypto providers and by the capability query. Pure.
 */
#ifndef XESP_CONTROL_ALGO_H
#define XESP_CONTROL_ALGO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum algo_id {
	ALGO_NONE = 0,
	ALGO_AES_GCM,
	ALGO_END,
};

struct algo {
	enum algo_id id;
	const char *xfrm_name;	  /* as `ip xfrm` spells it: "rfc4106(gcm(aes))" */
	const char *xfrm_class;	  /* the keyword in front of it: "aead" */
	const uint8_t *key_bytes; /* allowed lengths without the salt, ended by 0 */
	const uint8_t *icv_bytes; /* allowed ICV lengths, ended by 0 */
	uint8_t salt_bytes;
	uint8_t iv_bytes;    /* explicit IV on the wire */
	uint8_t align_bytes; /* ciphertext length is a multiple of this (RFC 4303 section 2.4) */
	const char
		*ndis_name; /* IPSEC_OFFLOAD_V2_ENCRYPTION_..., without the key length; NULL: not in NDIS */
	const uint32_t *ndis_bits; /* of EncryptionAlgorithms, for each of `key_bytes` */
};

/* The rows in order; NULL behind the last. */
const struct algo *algo_at(size_t row);

/* The row of an id, or NULL. */
const struct algo *algo_by_id(enum algo_id id);
/* The row whose class and name match, or NULL. */
const struct algo *algo_by_name(const char *xfrm_class, const char *xfrm_name);
/* True if the length stands in a list ended by 0. */
bool algo_length_allowed(const uint8_t *list, unsigned int bytes);

#endif
