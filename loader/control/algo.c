/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The algorithm table. A row states what xesp opens and tests, not all that the transform's RFC allows.
 * Pure; any thread.
 */
#include "control/algo.h"

#include <string.h>

#include "base/cleanup.h"

static const uint8_t aes_key_bytes[] = {16, 24, 32, 0};
/* RFC 4106 section 6 also lets peers agree on 8 and 12; RFC 8221 section 5 wants 16. */
static const uint8_t aes_gcm_icv_bytes[] = {16, 0};

static const uint32_t aes_gcm_ndis_bits[] = {0x08, 0x10, 0x20};

static const struct algo algos[] = {
	{
		.id = ALGO_AES_GCM,
		.xfrm_name = "rfc4106(gcm(aes))",
		.class = ALGO_CLASS_AEAD,
		.key_bytes = aes_key_bytes,
		.icv_bytes = aes_gcm_icv_bytes,
		.salt_bytes = 4,  /* RFC 4106 section 4 */
		.iv_bytes = 8,	  /* RFC 4106 section 3.1 */
		.align_bytes = 4, /* RFC 4106 section 3.2 */
		.ndis_name = "AES_GCM",
		.ndis_bits = aes_gcm_ndis_bits,
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
		if (algos[i].class == class && strcmp(algos[i].xfrm_name, xfrm_name) == 0)
			return &algos[i];
	}
	return NULL;
}

bool algo_length_allowed(const uint8_t *list, unsigned int bytes)
{
	for (; *list; list++) {
		if (*list == bytes)
			return true;
	}
	return false;
}
