/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of algorithms: one row a transform, read by the parser of `sa add`, by validation, by the
 * crypto providers and by the capability query. A suite is an AEAD, or a cipher and an integrity algorithm.
 * Pure.
 */
#ifndef XESP_CONTROL_ALGO_H
#define XESP_CONTROL_ALGO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum algo_id {
	ALGO_NONE = 0,
	/* AEAD */
	ALGO_AES_GCM,
	ALGO_AES_GCM_IIV,
	ALGO_AES_CCM,
	ALGO_AES_CCM_IIV,
	ALGO_CHACHA20_POLY1305,
	ALGO_CHACHA20_POLY1305_IIV,
	ALGO_AES_GMAC,
	/* ciphers */
	ALGO_AES_CBC,
	ALGO_AES_CTR,
	ALGO_NULL,
	ALGO_3DES_CBC,
	ALGO_DES_CBC,
	/* integrity */
	ALGO_HMAC_SHA1,
	ALGO_HMAC_SHA256,
	ALGO_HMAC_SHA384,
	ALGO_HMAC_SHA512,
	ALGO_AES_XCBC,
	ALGO_AES_CMAC,
	ALGO_HMAC_MD5,
	ALGO_END,
};

enum algo_class { ALGO_CLASS_AEAD, ALGO_CLASS_ENC, ALGO_CLASS_AUTH };

struct algo {
	enum algo_id id;
	enum algo_class class;
	const char *xfrm_name;	  /* as `ip xfrm` spells it: "rfc4106(gcm(aes))" */
	const uint8_t *key_bytes; /* allowed lengths without the salt, ended by 0; of NULL none */
	const uint8_t *icv_bytes; /* allowed ICV lengths, ended by 0; of a cipher none */
	uint8_t salt_bytes;	  /* behind the key */
	uint8_t iv_bytes;	  /* explicit IV on the wire */
	uint8_t align_bytes;	  /* ciphertext length is a multiple of this (RFC 4303 section 2.4) */
	bool legacy;		  /* only where the operator has asked for it: RFC 8221 is against it */
	const char
		*ndis_name; /* IPSEC_OFFLOAD_V2_ENCRYPTION_..., without the key length; NULL: not in NDIS */
	const uint32_t *ndis_bits; /* of EncryptionAlgorithms, for each of `key_bytes` */
};

/* The rows in order; NULL behind the last. */
const struct algo *algo_at(size_t row);

/* The row of an id, or NULL. */
const struct algo *algo_by_id(enum algo_id id);
/* The row whose class and name match, or NULL. */
const struct algo *algo_by_name(enum algo_class class, const char *xfrm_name);
/* True if the length stands in a list ended by 0. */
bool algo_length_allowed(const uint8_t *list, unsigned int bytes);

#endif
