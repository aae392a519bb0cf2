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

/* Which mask of NDIS_IPSEC_OFFLOAD_V2 names an algorithm. */
enum algo_ndis { ALGO_NDIS_NONE, ALGO_NDIS_ENCRYPTION, ALGO_NDIS_AUTHENTICATION };

struct algo {
	enum algo_id id;
	enum algo_class class;
	const char *xfrm_name;	  /* as `ip xfrm` spells it: "rfc4106(gcm(aes))" */
	const char *alias;	  /* an older name that the kernel takes for it: "aes"; or NULL */
	const char *rfc;	  /* that has its lengths for ESP: "RFC 4106" */
	const uint8_t *key_bytes; /* allowed lengths without the salt, ended by 0; of NULL none */
	const uint8_t *icv_bytes; /* allowed ICV lengths, ended by 0; of a cipher none */
	uint8_t icv_full_bytes;	  /* AUTH: before truncation */
	uint8_t icv_xfrm_bytes;	  /* AUTH: what `auth` without a length means to the kernel */
	uint8_t salt_bytes;	  /* behind the key: salt or nonce, the part of the IV that is not sent */
	uint8_t iv_bytes;	  /* explicit IV on the wire */
	uint8_t align_bytes;	  /* ciphertext length is a multiple of this (RFC 4303 section 2.4) */
	bool iv_random;		  /* CBC: a sender's IV may not be foretold; else it may not repeat */
	bool legacy;		  /* only where the operator has asked for it: RFC 8221 is against it */
	enum algo_ndis ndis;
	const char
		*ndis_name; /* IPSEC_OFFLOAD_V2_ENCRYPTION_..., with more key lengths than one without it */
	const uint32_t *ndis_bits; /* of the mask, for each of `key_bytes`; of NULL one */
};

/* The rows in order; NULL behind the last. */
const struct algo *algo_at(size_t row);

/* The row of an id, or NULL. */
const struct algo *algo_by_id(enum algo_id id);
/* The row whose class and name or alias match, or NULL. */
const struct algo *algo_by_name(enum algo_class class, const char *xfrm_name);
/* True if SAs may have it: it is no legacy algorithm, or those are switched on. */
bool algo_usable(const struct algo *algo, bool legacy_on);
/* True if `bytes` are a key of allowed length with its salt; 0 for the NULL cipher. */
bool algo_key_allowed(const struct algo *algo, size_t bytes);
/* True if the length stands in a list ended by 0. */
bool algo_length_allowed(const uint8_t *list, unsigned int bytes);

#endif
