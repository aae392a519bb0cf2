/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. Usually there is one address, or a few: those of this host. */
#include "host/classifier_dsts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct classifier_dst {
	struct xesp_destination key;
	uint32_t refs;
	UT_hash_handle hh;
};

struct xesp_destination classifier_dsts_key(const struct ip_addr *dst)
{
	struct xesp_destination key = {.family = dst->family == AF_INET ? 4 : 6};

	if (dst->family == AF_INET)
		memcpy(&key.addr[3], dst->bytes, sizeof(key.addr[3]));
	else
		memcpy(key.addr, dst->bytes, sizeof(key.addr));
	return key;
}

static struct classifier_dst *find(const struct classifier_dsts *dsts, const struct xesp_destination *key)
{
	struct classifier_dst *dst;

	HASH_FIND(hh, dsts->index, key, sizeof(*key), dst);
	return dst;
}

bool classifier_dsts_take(struct classifier_dsts *dsts, const struct ip_addr *addr)
{
	struct xesp_destination key = classifier_dsts_key(addr);
	struct classifier_dst *dst = find(dsts, &key);

	if (dst) {
		dst->refs++;
		return false;
	}
	dst = calloc(1, sizeof(*dst));
	if (!dst)
		return false;
	dst->key = key;
	dst->refs = 1;
	HASH_ADD(hh, dsts->index, key, sizeof(dst->key), dst);
	if (!hash_added(&dst->hh)) {
		free(dst);
		return false;
	}
	return true;
}

bool classifier_dsts_give(struct classifier_dsts *dsts, const struct ip_addr *addr)
{
	struct xesp_destination key = classifier_dsts_key(addr);
	struct classifier_dst *dst = find(dsts, &key);

	if (!dst || --dst->refs)
		return false;
	HASH_DELETE(hh, dsts->index, dst);
	free(dst);
	return true;
}

bool classifier_dsts_have(const struct classifier_dsts *dsts, const struct xesp_destination *key)
{
	return find(dsts, key);
}

void classifier_dsts_clear(struct classifier_dsts *dsts)
{
	struct classifier_dst *dst;
	struct classifier_dst *next;

	HASH_ITER (hh, dsts->index, dst, next) {
		HASH_DELETE(hh, dsts->index, dst);
		free(dst);
	}
}
