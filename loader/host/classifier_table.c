// SPDX-License-Identifier: BSD-2-Clause
/*
 * See the header. An SA has two buckets of three slots; it goes into the emptier one. With a bucket for each
 * SA, one in 10,000 finds both full, and makes room by moving another SA to that one's second bucket.
 */
#include "host/classifier_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <xesp/limits.h>

#include "bpf/sa_table.h"

struct place {
	struct xesp_sa_bucket *bucket;
	int slot;
};

uint32_t classifier_table_entries(uint32_t capacity)
{
	return capacity && capacity <= XESP_SA_CAPACITY_MAX ? capacity + 1 : 0;
}

void classifier_table_init(struct classifier_table *table, union xesp_sa_element *elements, uint32_t entries,
			   uint32_t limit)
{
	*table = (struct classifier_table){.elements = elements, .buckets = entries - 1, .limit = limit};
	for (uint32_t i = 1; i < entries; i++) {
		for (int slot = 0; slot < XESP_SA_SLOTS; slot++)
			table->count += elements[i].bucket.spi[slot] != 0;
	}
	__atomic_store_n(&elements[0].buckets, table->buckets, __ATOMIC_RELEASE);
}

static int key_of(uint32_t spi, const struct ip_addr *dst, struct xesp_sa_key *ret_key)
{
	struct xesp_sa_key key = {.spi = htonl(spi)};

	if (!spi)
		return -EINVAL;
	if (dst->family == AF_INET)
		memcpy(&key.daddr[3], dst->bytes, sizeof(key.daddr[3]));
	else if (dst->family == AF_INET6)
		memcpy(key.daddr, dst->bytes, sizeof(key.daddr));
	else
		return -EINVAL;
	*ret_key = key;
	return 0;
}

static void buckets_of(const struct classifier_table *table, const struct xesp_sa_key *key,
		       struct xesp_sa_bucket **ret_buckets)
{
	uint32_t numbers[2];

	sa_table_hash(key, table->buckets, numbers);
	ret_buckets[0] = &table->elements[numbers[0]].bucket;
	ret_buckets[1] = &table->elements[numbers[1]].bucket;
}

static bool find(const struct classifier_table *table, const struct xesp_sa_key *key, struct place *ret_place)
{
	struct xesp_sa_bucket *buckets[2];

	buckets_of(table, key, buckets);
	for (int i = 0; i < 2 * XESP_SA_SLOTS; i++) {
		struct place place = {.bucket = buckets[i / XESP_SA_SLOTS], .slot = i % XESP_SA_SLOTS};

		if (!sa_table_match(place.bucket, place.slot, key))
			continue;
		*ret_place = place;
		return true;
	}
	return false;
}

/* A free slot of the bucket, or -1; `ret_used` counts the others. */
static int free_slot(const struct xesp_sa_bucket *bucket, int *ret_used)
{
	int slot = -1, used = 0;

	for (int i = XESP_SA_SLOTS - 1; i >= 0; i--) {
		if (bucket->spi[i])
			used++;
		else
			slot = i;
	}
	*ret_used = used;
	return slot;
}

static bool free_place(struct xesp_sa_bucket **buckets, struct place *ret_place)
{
	int used[2];
	int slots[2] = {free_slot(buckets[0], &used[0]), free_slot(buckets[1], &used[1])};
	int chosen = used[1] < used[0];

	if (slots[chosen] < 0)
		return false;
	*ret_place = (struct place){.bucket = buckets[chosen], .slot = slots[chosen]};
	return true;
}

/* The SPI comes last and makes the entry visible. */
static void put(const struct place *place, const struct xesp_sa_key *key, const struct xesp_sa_ref *ref)
{
	memcpy(place->bucket->daddr[place->slot], key->daddr, sizeof(key->daddr));
	place->bucket->ref[place->slot] = *ref;
	__atomic_store_n(&place->bucket->spi[place->slot], key->spi, __ATOMIC_RELEASE);
}

/* The rest of the entry stays: a reader that has just found it still gets what belonged to it. */
static void clear(const struct place *place)
{
	__atomic_store_n(&place->bucket->spi[place->slot], 0, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Moves one SA out of two full buckets, the copy first, so that it can be found throughout. */
static bool make_room(const struct classifier_table *table, struct xesp_sa_bucket **buckets,
		      struct place *ret_place)
{
	for (int i = 0; i < 2 * XESP_SA_SLOTS; i++) {
		struct place from = {.bucket = buckets[i / XESP_SA_SLOTS], .slot = i % XESP_SA_SLOTS}, to;
		struct xesp_sa_key key = {.spi = from.bucket->spi[from.slot]};
		struct xesp_sa_bucket *others[2];

		memcpy(key.daddr, from.bucket->daddr[from.slot], sizeof(key.daddr));
		buckets_of(table, &key, others);
		if (!free_place(others, &to))
			continue;
		put(&to, &key, &from.bucket->ref[from.slot]);
		clear(&from);
		*ret_place = from;
		return true;
	}
	return false;
}

int classifier_table_add(struct classifier_table *table, uint32_t spi, const struct ip_addr *dst,
			 const struct xesp_sa_ref *ref)
{
	struct xesp_sa_bucket *buckets[2];
	struct xesp_sa_key key;
	struct place place;
	int ret;

	ret = key_of(spi, dst, &key);
	if (ret)
		return ret;
	if (!table->buckets)
		return -ENOSPC;
	if (find(table, &key, &place))
		return -EEXIST;
	if (table->count >= table->limit)
		return -ENOSPC;
	buckets_of(table, &key, buckets);
	if (!free_place(buckets, &place) && !make_room(table, buckets, &place))
		return -ENOSPC;
	put(&place, &key, ref);
	table->count++;
	return 0;
}

int classifier_table_del(struct classifier_table *table, uint32_t spi, const struct ip_addr *dst)
{
	struct xesp_sa_key key;
	struct place place;
	int ret;

	ret = key_of(spi, dst, &key);
	if (ret)
		return ret;
	if (!table->buckets || !find(table, &key, &place))
		return -ENOENT;
	clear(&place);
	table->count--;
	return 0;
}
