/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The writer's side of a table of selectors. Control thread.
 */
#include "dataplane/spd_table.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 8

const struct spd_rule spd_table_gone;

struct spd_table *spd_table_new(uint32_t keys)
{
	size_t slots = SLOTS_MIN, bytes;
	struct spd_table *table;

	while (slots < 3 * (size_t)keys)
		slots *= 2;
	bytes = sizeof(*table) + slots * sizeof(table->slots[0]);
	table = calloc(1, bytes);
	if (table)
		table->mask = (uint32_t)(slots - 1);
	return table;
}

/* At most half of the slots are used: a lookup that finds nothing ends after 2.5 on average. */
bool spd_table_is_full(const struct spd_table *table)
{
	return 2 * (table->used + 1) > table->mask + 1;
}

static struct spd_rule *rule_at(const struct spd_table *table, uint32_t i)
{
	return atomic_load_explicit(&table->slots[i & table->mask].rule, memory_order_relaxed);
}

static void set(struct spd_table *table, uint32_t i, struct spd_rule *rule)
{
	struct spd_slot *slot = &table->slots[i & table->mask];

	if (rule && rule != SPD_TABLE_GONE)
		atomic_store_explicit(&slot->tag, spd_table_tag(rule->hash), memory_order_relaxed);
	atomic_store_explicit(&slot->rule, rule, memory_order_release);
}

/* Where the key is, or where it is to go: the first slot on its way that has nothing. */
static uint32_t slot_of(const struct spd_table *table, const struct spd_rule *rule, bool *ret_found)
{
	uint32_t i = (uint32_t)rule->hash, free_slot = 0;
	bool has_free = false;

	for (;; i++) {
		const struct spd_rule *other = rule_at(table, i);

		if (other && other != SPD_TABLE_GONE) {
			*ret_found = spd_key_equal(&other->key, &rule->key);
			if (*ret_found)
				return i;
			continue;
		}
		if (!has_free) {
			free_slot = i;
			has_free = true;
		}
		if (!other) {
			*ret_found = false;
			return free_slot;
		}
	}
}

/* Rules with the same key come with the first. */
static void put_key(struct spd_table *table, uint32_t i, struct spd_rule *rule)
{
	table->keys++;
	if (!rule_at(table, i))
		table->used++;
	set(table, i, rule);
}

void spd_table_copy(struct spd_table *to, const struct spd_table *from)
{
	bool found;

	for (uint32_t i = 0; i <= from->mask; i++) {
		struct spd_rule *rule = rule_at(from, i);

		if (rule && rule != SPD_TABLE_GONE)
			put_key(to, slot_of(to, rule, &found), rule);
	}
}

void spd_table_put(struct spd_table *table, struct spd_rule *rule)
{
	struct spd_rule *above = NULL, *below = NULL;
	uint32_t i;
	bool found;

	i = slot_of(table, rule, &found);
	if (found)
		below = rule_at(table, i);
	while (below && below->priority < rule->priority) {
		above = below;
		below = below->below;
	}
	rule->above = above;
	rule->below = below;
	if (below)
		below->above = rule;
	if (above)
		above->below = rule;
	else if (found)
		set(table, i, rule);
	else
		put_key(table, i, rule);
}

/* A slot that nothing follows need not say that there was something: no key lies behind it. */
static void clear(struct spd_table *table, uint32_t i)
{
	table->keys--;
	set(table, i, SPD_TABLE_GONE);
	if (rule_at(table, i + 1))
		return;
	while (rule_at(table, i) == SPD_TABLE_GONE) {
		set(table, i--, NULL);
		table->used--;
	}
}

void spd_table_remove(struct spd_table *table, struct spd_rule *rule)
{
	uint32_t i;
	bool found;

	if (rule->below)
		rule->below->above = rule->above;
	if (rule->above) {
		rule->above->below = rule->below;
		return;
	}
	i = slot_of(table, rule, &found);
	if (rule->below)
		set(table, i, rule->below);
	else
		clear(table, i);
}
