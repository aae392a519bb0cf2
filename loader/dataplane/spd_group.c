/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups of selectors of one shape: where each stands among the others, its table, and the lowest priority
 * number in it. Control thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <xesp/limits.h>

#include "dataplane/spd_private.h"

/* ---- groups -------------------------------------------------------------------------------------------- */

struct spd_order *spd_order_new(uint32_t count)
{
	struct spd_order *order = calloc(1, sizeof(*order) + count * sizeof(order->steps[0]));

	if (order)
		order->count = count;
	return order;
}

/* In place: a reader that sees a bound of before sees the table of before, as well. */
static void set_bounds(struct spd_order *order)
{
	uint64_t min = SPD_NO_PRIORITY;

	for (uint32_t i = order->count; i-- > 0;) {
		if (order->steps[i].group->priority_min < min)
			min = order->steps[i].group->priority_min;
		atomic_store_explicit(&order->steps[i].rest_min, min, memory_order_relaxed);
	}
}

static void set_order(struct spd *spd, uint8_t family, struct spd_order *order)
{
	struct spd_order *old = spd_order_of(spd, family);

	set_bounds(order);
	atomic_store_explicit(&spd->orders[family], order, memory_order_release);
	spd_retire(spd, &old->retired);
}

/* Where a group of this shape is, or belongs: behind the more specific ones. */
static uint32_t place_of(const struct spd_order *order, uint32_t shape)
{
	uint32_t first = 0, end = order->count;

	while (first < end) {
		uint32_t middle = (first + end) / 2;

		if (order->steps[middle].group->shape > shape)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

static void mask_of_length(uint8_t length, uint64_t *mask)
{
	uint8_t bytes[16] = {0};

	memset(bytes, 0xff, length / 8);
	if (length % 8)
		bytes[length / 8] = (uint8_t)(0xff00 >> length % 8);
	memcpy(mask, bytes, sizeof(bytes));
}

static struct spd_group *group_new(uint8_t family, uint32_t shape)
{
	struct spd_group *group = calloc(1, sizeof(*group));
	struct spd_table *table = spd_table_new(1);

	if (!group || !table) {
		free(group);
		free(table);
		return NULL;
	}
	group->family = family;
	group->shape = shape;
	group->priority_min = SPD_NO_PRIORITY;
	mask_of_length((uint8_t)(shape >> SPD_SHAPE_DST_SHIFT), group->mask.dst);
	mask_of_length((uint8_t)(shape >> SPD_SHAPE_SRC_SHIFT), group->mask.src);
	if (shape & SPD_SHAPE_PROTOCOL)
		group->mask.protocol = UINT32_MAX;
	if (shape & SPD_SHAPE_DPORT)
		group->mask.ports |= 0x0000ffff;
	if (shape & SPD_SHAPE_SPORT)
		group->mask.ports |= 0xffff0000;
	atomic_init(&group->table, table);
	return group;
}

int spd_group_get(struct spd *spd, uint8_t family, uint32_t shape, struct spd_group **ret_group)
{
	const struct spd_order *old = spd_order_of(spd, family);
	uint32_t place = place_of(old, shape);
	struct spd_order *order;
	struct spd_group *group;

	if (place < old->count && old->steps[place].group->shape == shape) {
		*ret_group = old->steps[place].group;
		return 0;
	}
	if (old->count == XESP_SPD_GROUPS_MAX)
		return -ENOSPC;
	order = spd_order_new(old->count + 1);
	group = group_new(family, shape);
	if (!order || !group) {
		free(order);
		if (group)
			spd_group_free(group);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < old->count; i++)
		order->steps[i < place ? i : i + 1].group = old->steps[i].group;
	order->steps[place].group = group;
	set_order(spd, family, order);
	*ret_group = group;
	return 0;
}

void spd_group_drop(struct spd *spd, struct spd_group *group)
{
	const struct spd_order *old = spd_order_of(spd, group->family);
	struct spd_order *order;
	uint32_t place;

	if (group->rules)
		return;
	order = spd_order_new(old->count - 1);
	if (!order)
		return;
	place = place_of(old, group->shape);
	for (uint32_t i = 0; i < order->count; i++)
		order->steps[i].group = old->steps[i < place ? i : i + 1].group;
	set_order(spd, group->family, order);
	spd_retire(spd, &spd_group_table(group)->retired);
	spd_retire(spd, &group->retired);
}

int spd_group_make_room(struct spd *spd, struct spd_group *group)
{
	struct spd_table *old = spd_group_table(group), *table;

	if (!spd_table_is_full(old))
		return 0;
	table = spd_table_new(old->keys + 1);
	if (!table)
		return -ENOMEM;
	spd_table_copy(table, old);
	atomic_store_explicit(&group->table, table, memory_order_release);
	spd_retire(spd, &old->retired);
	return 0;
}

/* ---- bounds of priorities ------------------------------------------------------------------------------ */

static void bound_add(const struct spd *spd, struct spd_group *group, uint32_t priority)
{
	group->rules++;
	if (priority > group->priority_min)
		return;
	if (priority < group->priority_min) {
		group->priority_min = priority;
		group->rules_at_min = 0;
		group->removed = 0;
		set_bounds(spd_order_of(spd, group->family));
	}
	group->rules_at_min++;
}

static void bound_of_rules(struct spd_group *group)
{
	const struct spd_table *table = spd_group_table(group);

	group->priority_min = SPD_NO_PRIORITY;
	group->rules_at_min = 0;
	group->removed = 0;
	for (uint32_t i = 0; i <= table->mask; i++) {
		const struct spd_rule *rule =
			atomic_load_explicit(&table->slots[i].rule, memory_order_relaxed);

		if (!rule || rule == SPD_TABLE_GONE || rule->priority > group->priority_min)
			continue;
		if (rule->priority < group->priority_min)
			group->rules_at_min = 0;
		group->priority_min = rule->priority;
		for (; rule && rule->priority == group->priority_min; rule = rule->below)
			group->rules_at_min++;
	}
}

/* Looks for a new bound when so many entries went since there is none with the old that it costs a few slots
 * for each: until then lookups go further than they had to. */
static void bound_remove(const struct spd *spd, struct spd_group *group, uint32_t priority)
{
	group->rules--;
	if (group->rules_at_min && priority == group->priority_min)
		group->rules_at_min--;
	if (group->rules_at_min)
		return;
	if (8 * (uint64_t)++group->removed <= spd_group_table(group)->mask && group->rules)
		return;
	bound_of_rules(group);
	set_bounds(spd_order_of(spd, group->family));
}

/* ---- rules --------------------------------------------------------------------------------------------- */

/* The bound first: a lookup that sees the rule must not have ended in front of it. */
void spd_group_add(const struct spd *spd, struct spd_group *group, struct spd_rule *rule)
{
	rule->group = group;
	bound_add(spd, group, rule->priority);
	spd_table_put(spd_group_table(group), rule);
}

void spd_group_remove(const struct spd *spd, struct spd_rule *rule)
{
	spd_table_remove(spd_group_table(rule->group), rule);
	bound_remove(spd, rule->group, rule->priority);
}

void spd_group_free(struct spd_group *group)
{
	struct spd_table *table = spd_group_table(group);

	for (uint32_t i = 0; i <= table->mask; i++) {
		struct spd_rule *rule = atomic_load_explicit(&table->slots[i].rule, memory_order_relaxed);

		while (rule && rule != SPD_TABLE_GONE) {
			struct spd_rule *below = rule->below;

			free(rule);
			rule = below;
		}
	}
	free(table);
	free(group);
}
