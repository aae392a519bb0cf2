/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The selectors of one group of struct spd, all with the same fields and prefix lengths: a hash table by
 * their values. The control thread writes, workers read at the same time; what they may still see is never
 * freed here. Open addressing, so that a lookup that finds nothing mostly touches one cache line, and one
 * that finds something, two.
 */
#ifndef XESP_DATAPLANE_SPD_TABLE_H
#define XESP_DATAPLANE_SPD_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sa_out;
struct spd_group;

/* First member of what readers may still hold when it is taken out. */
struct spd_retired {
	struct spd_retired *next;
};

/* Values, without the bits that the group does not look at. Addresses as they lie in memory. */
struct spd_key {
	uint64_t src[2];
	uint64_t dst[2];
	uint32_t ports; /* source port in the high half; a port that is not looked at is 0 */
	uint32_t protocol;
};

struct spd_rule {
	struct spd_retired retired;
	/* What readers look at, unchanged from when they can. */
	struct spd_key key;
	struct sa_out *sa;
	uint32_t priority;
	/* The control thread's. */
	uint64_t hash;
	struct spd_group *group;
	struct spd_rule *above; /* of those with the same key; what has none above is in the table */
	struct spd_rule *below;
};

struct spd_slot {
	_Atomic(struct spd_rule *) rule; /* NULL: never used; SPD_TABLE_GONE: nothing any more */
	_Atomic uint32_t tag;		 /* of the rule's hash; written before the rule */
};

struct spd_table {
	struct spd_retired retired;
	uint32_t mask; /* slots - 1; there are a power of two */
	uint32_t keys; /* slots with a rule */
	uint32_t used; /* and those with none any more */
	struct spd_slot slots[];
};

extern const struct spd_rule spd_table_gone;
#define SPD_TABLE_GONE ((struct spd_rule *)&spd_table_gone)

static inline bool spd_key_equal(const struct spd_key *a, const struct spd_key *b)
{
	return ((a->src[0] ^ b->src[0]) | (a->src[1] ^ b->src[1]) | (a->dst[0] ^ b->dst[0]) |
		(a->dst[1] ^ b->dst[1]) | (a->ports ^ b->ports) | (a->protocol ^ b->protocol)) == 0;
}

static inline uint32_t spd_table_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

/* The first of the rules with this key, or NULL. Any thread. */
static inline struct spd_rule *spd_table_find(const struct spd_table *table, const struct spd_key *key,
					      uint64_t hash)
{
	for (uint32_t i = (uint32_t)hash & table->mask;; i = (i + 1) & table->mask) {
		const struct spd_slot *slot = &table->slots[i];
		struct spd_rule *rule = atomic_load_explicit(&slot->rule, memory_order_acquire);

		if (!rule)
			return NULL;
		if (atomic_load_explicit(&slot->tag, memory_order_relaxed) == spd_table_tag(hash) &&
		    rule != SPD_TABLE_GONE && spd_key_equal(&rule->key, key))
			return rule;
	}
}

/* With room for `keys` and as many again before it is full; NULL: no memory. For free(). */
struct spd_table *spd_table_new(uint32_t keys);
/* True if another key has to go into another table. */
bool spd_table_is_full(const struct spd_table *table);
/* Puts the rules of one into another that nobody reads yet and that has room for them. */
void spd_table_copy(struct spd_table *to, const struct spd_table *from);
/* Puts a rule in: behind those of its key with a lower priority number, in front of the others. The table is
 * not full. */
void spd_table_put(struct spd_table *table, struct spd_rule *rule);
void spd_table_remove(struct spd_table *table, struct spd_rule *rule);

#endif
