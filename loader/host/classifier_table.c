// SPDX-License-Identifier: BSD-2-Clause
/*
 * See the header. An SA goes into the first of its two buckets, where one look finds it, as long as two slots
 * are free there or the second bucket is no emptier. So of random SPIs in a full table a tenth are in the
 * second, and one add in a thousand finds both full (none of 500,000 up to half full): then it makes room by
 * moving another SA to that one's other bucket.
 */
#include "host/classifier_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <xesp/limits.h>

#include "bpf/sa_table.h"

#define SPARE_BUCKETS 64u

/* A slot of either family. */
struct place {
	__be32 *spi;
	__be32 *daddr; /* IPv4: one word, IPv6: four */
	struct xesp_sa_ref *ref;
};

static uint32_t buckets_an_sa(uint8_t family)
{
	return family == 4 ? 1 : 3;
}

uint32_t classifier_table_entries(uint8_t family, uint32_t capacity)
{
	if (!capacity || capacity > XESP_SA_CAPACITY_MAX)
		return 0;
	return 1 + capacity * buckets_an_sa(family) + SPARE_BUCKETS;
}

uint32_t classifier_table_capacity(uint8_t family, uint32_t entries)
{
	return entries > 1 + SPARE_BUCKETS ? (entries - SPARE_BUCKETS - 1) / buckets_an_sa(family) : 0;
}

static int slots(const struct classifier_table *table)
{
	return table->family == 4 ? XESP_SA4_SLOTS : XESP_SA6_SLOTS;
}

static struct place place_at(const struct classifier_table *table, union xesp_sa_element *bucket, int slot)
{
	struct xesp_sa4_slot *slot4 = &bucket->slot4[slot];
	struct xesp_sa6_slot *slot6 = &bucket->slot6[slot];

	if (table->family == 4)
		return (struct place){.spi = &slot4->spi, .daddr = &slot4->daddr, .ref = &slot4->ref};
	return (struct place){.spi = &slot6->spi, .daddr = slot6->daddr, .ref = &slot6->ref};
}

/* The slot at `at` of those of both buckets, one bucket after the other. */
static struct place place_of_two(const struct classifier_table *table, union xesp_sa_element **buckets,
				 int at)
{
	if (at < slots(table))
		return place_at(table, buckets[0], at);
	return place_at(table, buckets[1], at - slots(table));
}

static int key_of(const struct classifier_table *table, uint32_t spi, const struct ip_addr *dst,
		  struct xesp_sa_key *ret_key)
{
	struct xesp_sa_key key = {.spi = htonl(spi)};

	if (!spi)
		return -EINVAL;
	if (dst->family == AF_INET && table->family == 4)
		memcpy(&key.daddr[3], dst->bytes, sizeof(key.daddr[3]));
	else if (dst->family == AF_INET6 && table->family == 6)
		memcpy(key.daddr, dst->bytes, sizeof(key.daddr));
	else
		return -EINVAL;
	*ret_key = key;
	return 0;
}

static void buckets_of(const struct classifier_table *table, const struct xesp_sa_key *key,
		       union xesp_sa_element **ret_buckets)
{
	uint32_t numbers[2];

	sa_table_hash(key, table->buckets, numbers);
	ret_buckets[0] = &table->elements[numbers[0]];
	ret_buckets[1] = &table->elements[numbers[1]];
}

static struct xesp_sa_key key_at(const struct classifier_table *table, const struct place *place)
{
	struct xesp_sa_key key = {.spi = *place->spi};

	if (table->family == 4)
		key.daddr[3] = *place->daddr;
	else
		memcpy(key.daddr, place->daddr, sizeof(key.daddr));
	return key;
}

static bool find(const struct classifier_table *table, const struct xesp_sa_key *key, struct place *ret_place)
{
	union xesp_sa_element *buckets[2];

	buckets_of(table, key, buckets);
	for (int i = 0; i < 2 * slots(table); i++) {
		struct place place = place_of_two(table, buckets, i);
		struct xesp_sa_key there = key_at(table, &place);

		if (memcmp(&there, key, sizeof(there)) != 0)
			continue;
		*ret_place = place;
		return true;
	}
	return false;
}

/* A free slot of the bucket, or -1; `ret_used` counts the others. */
static int free_slot(const struct classifier_table *table, union xesp_sa_element *bucket, int *ret_used)
{
	int slot = -1, used = 0;

	for (int i = slots(table) - 1; i >= 0; i--) {
		if (*place_at(table, bucket, i).spi)
			used++;
		else
			slot = i;
	}
	*ret_used = used;
	return slot;
}

static bool free_place(const struct classifier_table *table, union xesp_sa_element **buckets,
		       struct place *ret_place)
{
	int used[2];
	int free[2] = {free_slot(table, buckets[0], &used[0]), free_slot(table, buckets[1], &used[1])};
	int chosen = used[0] >= slots(table) - 1 && used[1] < used[0];

	if (free[chosen] < 0)
		return false;
	*ret_place = place_at(table, buckets[chosen], free[chosen]);
	return true;
}

/* What show() makes visible. */
static void write_entry(const struct classifier_table *table, const struct place *place,
			const struct xesp_sa_key *key, const struct xesp_sa_ref *ref)
{
	const __be32 *daddr = table->family == 4 ? &key->daddr[3] : key->daddr;

	for (int i = 0; i < (table->family == 4 ? 1 : 4); i++)
		__atomic_store_n(&place->daddr[i], daddr[i], __ATOMIC_RELAXED);
	__atomic_store_n(&place->ref->index, ref->index, __ATOMIC_RELAXED);
	__atomic_store_n(&place->ref->generation, ref->generation, __ATOMIC_RELAXED);
	__atomic_store_n(&place->ref->parser_id, ref->parser_id, __ATOMIC_RELAXED);
}

static void show(const struct place *place, __be32 spi)
{
	__atomic_store_n(place->spi, spi, __ATOMIC_RELEASE);
}

/* The rest of the entry stays: a reader that has just found it still gets what belonged to it. */
static void hide(const struct place *place)
{
	__atomic_store_n(place->spi, 0, __ATOMIC_RELEASE);
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
	struct xesp_sa_key key = key_at(table, place);
	struct place found;

	if (!find(table, &key, &found) || found.spi == place->spi)
		return;
	hide(place);
	settle(table);
}

void classifier_table_init(struct classifier_table *table, uint8_t family, union xesp_sa_element *elements,
			   uint32_t entries, uint32_t limit, void (*settle_readers)(void))
{
	*table = (struct classifier_table){.elements = elements,
					   .family = family,
					   .buckets = entries - 1,
					   .limit = limit,
					   .settle = settle_readers};
	for (uint32_t i = 1; i < entries; i++) {
		for (int slot = 0; slot < slots(table); slot++) {
			struct place place = place_at(table, &elements[i], slot);

			if (*place.spi)
				remove_copy(table, &place);
			table->count += *place.spi != 0;
		}
	}
	__atomic_store_n(&elements[0].buckets, table->buckets, __ATOMIC_RELEASE);
}

/* Moves one SA out of two full buckets, without a reader that misses it or gets what takes its place: the
 * classifier's loads are plain, it looks at one bucket after the other, and reads the ref last of all. So
 * each step waits until no lookup from before the last one is left: the copy is complete before it is seen,
 * seen before the original goes, and the original's slot unused before it is used again. */
static bool make_room(const struct classifier_table *table, union xesp_sa_element **buckets,
		      struct place *ret_place)
{
	for (int i = 0; i < 2 * slots(table); i++) {
		struct place from = place_of_two(table, buckets, i), to;
		struct xesp_sa_key key = key_at(table, &from);
		union xesp_sa_element *others[2];

		buckets_of(table, &key, others);
		if (!free_place(table, others, &to))
			continue;
		write_entry(table, &to, &key, from.ref);
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
	union xesp_sa_element *buckets[2];
	struct xesp_sa_key key;
	struct place place;
	int ret;

	ret = key_of(table, spi, dst, &key);
	if (ret)
		return ret;
	if (!table->buckets)
		return -ENOSPC;
	if (find(table, &key, &place))
		return -EEXIST;
	if (table->count >= table->limit)
		return -ENOSPC;
	buckets_of(table, &key, buckets);
	if (!free_place(table, buckets, &place) && !make_room(table, buckets, &place))
		return -ENOSPC;
	write_entry(table, &place, &key, ref);
	show(&place, key.spi);
	table->count++;
	return 0;
}

int classifier_table_del(struct classifier_table *table, uint32_t spi, const struct ip_addr *dst)
{
	struct xesp_sa_key key;
	struct place place;
	int ret;

	ret = key_of(table, spi, dst, &key);
	if (ret)
		return ret;
	if (!table->buckets || !find(table, &key, &place))
		return -ENOENT;
	hide(&place);
	table->count--;
	return 0;
}
