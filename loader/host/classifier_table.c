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

#define SPARE_BUCKETS 64u

struct place {
	struct xesp_sa_bucket *bucket;
	int slot;
};

uint32_t classifier_table_entries(uint32_t capacity)
{
	return capacity && capacity <= XESP_SA_CAPACITY_MAX ? 1 + capacity + SPARE_BUCKETS : 0;
}

uint32_t classifier_table_capacity(uint32_t entries)
{
	return entries > 1 + SPARE_BUCKETS ? entries - SPARE_BUCKETS - 1 : 0;
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

static struct xesp_sa_key key_at(const struct place *place)
{
	struct xesp_sa_key key = {.spi = place->bucket->spi[place->slot]};

	memcpy(key.daddr, place->bucket->daddr[place->slot], sizeof(key.daddr));
	return key;
}

/* What show() makes visible. */
static void write_entry(const struct place *place, const struct xesp_sa_key *key,
			const struct xesp_sa_ref *ref)
{
	__be32 *daddr = place->bucket->daddr[place->slot];
	struct xesp_sa_ref *to = &place->bucket->ref[place->slot];

	for (int i = 0; i < 4; i++)
		__atomic_store_n(&daddr[i], key->daddr[i], __ATOMIC_RELAXED);
	__atomic_store_n(&to->index, ref->index, __ATOMIC_RELAXED);
	__atomic_store_n(&to->generation, ref->generation, __ATOMIC_RELAXED);
	__atomic_store_n(&to->parser_id, ref->parser_id, __ATOMIC_RELAXED);
}

static void show(const struct place *place, __be32 spi)
{
	__atomic_store_n(&place->bucket->spi[place->slot], spi, __ATOMIC_RELEASE);
}

/* The rest of the entry stays: a reader that has just found it still gets what belonged to it. */
static void hide(const struct place *place)
{
	__atomic_store_n(&place->bucket->spi[place->slot], 0, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void settle(const struct classifier_table *table)
{
	if (table->settle)
		table->settle();
}

/* An SA that is in both its buckets was being moved. Either copy will do; find() names the one that stays. */
static void remove_copy(const struct classifier_table *table, const struct place *place)
{
	struct xesp_sa_key key = key_at(place);
	struct place found;

	if (!find(table, &key, &found) || (found.bucket == place->bucket && found.slot == place->slot))
		return;
	hide(place);
	settle(table);
}

void classifier_table_init(struct classifier_table *table, union xesp_sa_element *elements, uint32_t entries,
			   uint32_t limit, void (*settle_readers)(void))
{
	*table = (struct classifier_table){
		.elements = elements, .buckets = entries - 1, .limit = limit, .settle = settle_readers};
	for (uint32_t i = 1; i < entries; i++) {
		struct place place = {.bucket = &elements[i].bucket};

		for (place.slot = 0; place.slot < XESP_SA_SLOTS; place.slot++) {
			if (place.bucket->spi[place.slot])
				remove_copy(table, &place);
			table->count += place.bucket->spi[place.slot] != 0;
		}
	}
	__atomic_store_n(&elements[0].buckets, table->buckets, __ATOMIC_RELEASE);
}

/* Moves one SA out of two full buckets, without a reader that misses it or gets what takes its place: the
 * classifier's loads are plain, it looks at one bucket after the other, and reads the ref last of all. So
 * each step waits until no lookup from before the last one is left: the copy is complete before it is seen,
 * seen before the original goes, and the original's slot unused before it is used again. */
static bool make_room(const struct classifier_table *table, struct xesp_sa_bucket **buckets,
		      struct place *ret_place)
{
	for (int i = 0; i < 2 * XESP_SA_SLOTS; i++) {
		struct place from = {.bucket = buckets[i / XESP_SA_SLOTS], .slot = i % XESP_SA_SLOTS}, to;
		struct xesp_sa_key key = key_at(&from);
		struct xesp_sa_bucket *others[2];

		buckets_of(table, &key, others);
		if (!free_place(others, &to))
			continue;
		write_entry(&to, &key, &from.bucket->ref[from.slot]);
		settle(table);
		show(&to, key.spi);
		settle(table);
		hide(&from);
		settle(table);
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
	write_entry(&place, &key, ref);
	show(&place, key.spi);
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
	hide(&place);
	table->count--;
	return 0;
}
