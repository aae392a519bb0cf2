/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The algorithm table. A row states what xesp opens and tests, not all that the transform's RFC allows.
 * Pure; any thread.
 */
#include "control/algo.h"

#include <string.h>

#include "base/cleanup.h"

static const uint8_t none[] = {0};

static const uint8_t aes[] = {16, 24, 32, 0};
static const uint8_t aes_128_256[] = {16, 32, 0};
static const uint8_t key_8[] = {8, 0};
static const uint8_t key_16[] = {16, 0};
static const uint8_t key_20[] = {20, 0};
static const uint8_t key_24[] = {24, 0};
static const uint8_t key_32[] = {32, 0};
static const uint8_t key_48[] = {48, 0};
static const uint8_t key_64[] = {64, 0};

static const uint8_t icv_8[] = {8, 0};
static const uint8_t icv_12[] = {12, 0};
static const uint8_t icv_16[] = {16, 0};
static const uint8_t icv_24[] = {24, 0};
static const uint8_t icv_32[] = {32, 0};
static const uint8_t icv_8_12_16[] = {8, 12, 16, 0};

static const uint32_t ndis_aes_gcm[] = {0x08, 0x10, 0x20};
static const uint32_t ndis_aes_cbc[] = {0x40, 0x80, 0x100};
static const uint32_t ndis_null[] = {0x1};
static const uint32_t ndis_3des[] = {0x4};
static const uint32_t ndis_des[] = {0x2};
static const uint32_t ndis_md5[] = {0x1};
static const uint32_t ndis_sha1[] = {0x2};
static const uint32_t ndis_sha256[] = {0x4};

/*
 * Names, older names and `icv_xfrm_bytes` are those of the kernel (net/xfrm/xfrm_algo.c), but for the
 * implicit IV of RFC 8750, which it does not have. AES-CTR's nonce stands in `salt_bytes`: it is given and
 * used as a salt. Ciphers of less than 4 bytes still end on 4 (RFC 4303 section 2.4).
 */
static const struct algo algos[] = {
	{
		.id = ALGO_AES_GCM,
		.class = ALGO_CLASS_AEAD,
		.xfrm_name = "rfc4106(gcm(aes))",
		.rfc = "RFC 4106",
		.key_bytes = aes,
		.icv_bytes = icv_8_12_16,
		.salt_bytes = 4,
		.iv_bytes = 8,
		.align_bytes = 4,
		.ndis = ALGO_NDIS_ENCRYPTION,
		.ndis_name = "AES_GCM",
		.ndis_bits = ndis_aes_gcm,
	},
	{
		.id = ALGO_AES_GCM_IIV,
		.class = ALGO_CLASS_AEAD,
		.xfrm_name = "rfc8750(gcm(aes))",
		.rfc = "RFC 8750",
		.key_bytes = aes,
		.icv_bytes = icv_16,
		.salt_bytes = 4,
		.align_bytes = 4,
	},
	/* RFC 4309 also has keys of 192 bits; libipsec-mb does not for CCM. */
	{
		.id = ALGO_AES_CCM,
		.class = ALGO_CLASS_AEAD,
		.xfrm_name = "rfc4309(ccm(aes))",
		.rfc = "RFC 4309",
		.key_bytes = aes_128_256,
		.icv_bytes = icv_8_12_16,
		.salt_bytes = 3,
		.iv_bytes = 8,
		.align_bytes = 4,
	},
	{
		.id = ALGO_AES_CCM_IIV,
		.class = ALGO_CLASS_AEAD,
		.xfrm_name = "rfc8750(ccm(aes))",
		.rfc = "RFC 8750",
		.key_bytes = aes_128_256,
		.icv_bytes = icv_8,
		.salt_bytes = 3,
		.align_bytes = 4,
	},
	{
		.id = ALGO_CHACHA20_POLY1305,
		.class = ALGO_CLASS_AEAD,
		.xfrm_name = "rfc7539esp(chacha20,poly1305)",
		.rfc = "RFC 7634",
		.key_bytes = key_32,
		.icv_bytes = icv_16,
		.salt_bytes = 4,
		.iv_bytes = 8,
		.align_bytes = 4,
	},
	{
		.id = ALGO_CHACHA20_POLY1305_IIV,
		.class = ALGO_CLASS_AEAD,
		.xfrm_name = "rfc8750(chacha20,poly1305)",
		.rfc = "RFC 8750",
		.key_bytes = key_32,
		.icv_bytes = icv_16,
		.salt_bytes = 4,
		.align_bytes = 4,
	},
	/* Integrity alone (ENCR_NULL_AUTH_AES_GMAC), in the shape of an AEAD. */
	{
		.id = ALGO_AES_GMAC,
		.class = ALGO_CLASS_AEAD,
		.xfrm_name = "rfc4543(gcm(aes))",
		.rfc = "RFC 4543",
		.key_bytes = aes,
		.icv_bytes = icv_16,
		.salt_bytes = 4,
		.iv_bytes = 8,
		.align_bytes = 4,
		.ndis = ALGO_NDIS_AUTHENTICATION,
		.ndis_name = "AES_GCM",
		.ndis_bits = ndis_aes_gcm,
	},
	{
		.id = ALGO_AES_CBC,
		.class = ALGO_CLASS_ENC,
		.xfrm_name = "cbc(aes)",
		.alias = "aes",
		.rfc = "RFC 3602",
		.key_bytes = aes,
		.icv_bytes = none,
		.iv_bytes = 16,
		.align_bytes = 16,
		.iv_random = true,
		.ndis = ALGO_NDIS_ENCRYPTION,
		.ndis_name = "AES_CBC",
		.ndis_bits = ndis_aes_cbc,
	},
	{
		.id = ALGO_AES_CTR,
		.class = ALGO_CLASS_ENC,
		.xfrm_name = "rfc3686(ctr(aes))",
		.rfc = "RFC 3686",
		.key_bytes = aes,
		.icv_bytes = none,
		.salt_bytes = 4,
		.iv_bytes = 8,
		.align_bytes = 4,
	},
	{
		.id = ALGO_NULL,
		.class = ALGO_CLASS_ENC,
		.xfrm_name = "ecb(cipher_null)",
		.alias = "cipher_null",
		.rfc = "RFC 2410",
		.key_bytes = none,
		.icv_bytes = none,
		.align_bytes = 4,
		.ndis = ALGO_NDIS_ENCRYPTION,
		.ndis_name = "NONE",
		.ndis_bits = ndis_null,
	},
	{
		.id = ALGO_3DES_CBC,
		.class = ALGO_CLASS_ENC,
		.xfrm_name = "cbc(des3_ede)",
		.alias = "des3_ede",
		.rfc = "RFC 2451",
		.key_bytes = key_24,
		.icv_bytes = none,
		.iv_bytes = 8,
		.align_bytes = 8,
		.iv_random = true,
		.legacy = true,
		.ndis = ALGO_NDIS_ENCRYPTION,
		.ndis_name = "3_DES_CBC",
		.ndis_bits = ndis_3des,
	},
	{
		.id = ALGO_DES_CBC,
		.class = ALGO_CLASS_ENC,
		.xfrm_name = "cbc(des)",
		.alias = "des",
		.rfc = "RFC 2405",
		.key_bytes = key_8,
		.icv_bytes = none,
		.iv_bytes = 8,
		.align_bytes = 8,
		.iv_random = true,
		.legacy = true,
		.ndis = ALGO_NDIS_ENCRYPTION,
		.ndis_name = "DES_CBC",
		.ndis_bits = ndis_des,
	},
	{
		.id = ALGO_HMAC_SHA1,
		.class = ALGO_CLASS_AUTH,
		.xfrm_name = "hmac(sha1)",
		.alias = "sha1",
		.rfc = "RFC 2404",
		.key_bytes = key_20,
		.icv_bytes = icv_12,
		.icv_full_bytes = 20,
		.icv_xfrm_bytes = 12,
		.ndis = ALGO_NDIS_AUTHENTICATION,
		.ndis_name = "SHA_1",
		.ndis_bits = ndis_sha1,
	},
	{
		.id = ALGO_HMAC_SHA256,
		.class = ALGO_CLASS_AUTH,
		.xfrm_name = "hmac(sha256)",
		.alias = "sha256",
		.rfc = "RFC 4868",
		.key_bytes = key_32,
		.icv_bytes = icv_16,
		.icv_full_bytes = 32,
		.icv_xfrm_bytes = 12,
		.ndis = ALGO_NDIS_AUTHENTICATION,
		.ndis_name = "SHA_256",
		.ndis_bits = ndis_sha256,
	},
	{
		.id = ALGO_HMAC_SHA384,
		.class = ALGO_CLASS_AUTH,
		.xfrm_name = "hmac(sha384)",
		.rfc = "RFC 4868",
		.key_bytes = key_48,
		.icv_bytes = icv_24,
		.icv_full_bytes = 48,
		.icv_xfrm_bytes = 24,
	},
	{
		.id = ALGO_HMAC_SHA512,
		.class = ALGO_CLASS_AUTH,
		.xfrm_name = "hmac(sha512)",
		.rfc = "RFC 4868",
		.key_bytes = key_64,
		.icv_bytes = icv_32,
		.icv_full_bytes = 64,
		.icv_xfrm_bytes = 32,
	},
	{
		.id = ALGO_AES_XCBC,
		.class = ALGO_CLASS_AUTH,
		.xfrm_name = "xcbc(aes)",
		.rfc = "RFC 3566",
		.key_bytes = key_16,
		.icv_bytes = icv_12,
		.icv_full_bytes = 16,
		.icv_xfrm_bytes = 12,
	},
	{
		.id = ALGO_AES_CMAC,
		.class = ALGO_CLASS_AUTH,
		.xfrm_name = "cmac(aes)",
		.rfc = "RFC 4494",
		.key_bytes = key_16,
		.icv_bytes = icv_12,
		.icv_full_bytes = 16,
		.icv_xfrm_bytes = 12,
	},
	{
		.id = ALGO_HMAC_MD5,
		.class = ALGO_CLASS_AUTH,
		.xfrm_name = "hmac(md5)",
		.alias = "md5",
		.rfc = "RFC 2403",
		.key_bytes = key_16,
		.icv_bytes = icv_12,
		.icv_full_bytes = 16,
		.icv_xfrm_bytes = 12,
		.legacy = true,
		.ndis = ALGO_NDIS_AUTHENTICATION,
		.ndis_name = "MD5",
		.ndis_bits = ndis_md5,
	},
};

const struct algo *algo_at(size_t row)
{
	return row < ARRAY_SIZE(algos) ? &algos[row] : NULL;
}

const struct algo *algo_by_id(enum algo_id id)
{
	for (size_t i = 0; i < ARRAY_SIZE(algos); i++) {
		if (algos[i].id == id)
			return &algos[i];
	}
	return NULL;
}

const struct algo *algo_by_name(enum algo_class class, const char *xfrm_name)
{
	for (size_t i = 0; i < ARRAY_SIZE(algos); i++) {
		if (algos[i].class != class)
			continue;
		if (strcmp(algos[i].xfrm_name, xfrm_name) == 0 ||
		    (algos[i].alias && strcmp(algos[i].alias, xfrm_name) == 0))
			return &algos[i];
	}
	return NULL;
}

bool algo_usable(const struct algo *algo, bool legacy_on)
{
	return !algo->legacy || legacy_on;
}

bool algo_key_allowed(const struct algo *algo, size_t bytes)
{
	if (!algo->key_bytes[0])
		return bytes == 0;
	return bytes > algo->salt_bytes && bytes <= UINT8_MAX &&
	       algo_length_allowed(algo->key_bytes, (unsigned int)(bytes - algo->salt_bytes));
}

bool algo_length_allowed(const uint8_t *list, unsigned int bytes)
{
	for (; *list; list++) {
		if (*list == bytes)
			return true;
	}
	return false;
}
