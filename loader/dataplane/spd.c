/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tuple space search: entries whose selectors look at the same fields and prefix lengths are a group, which
 * is a hash table. A lookup goes through the groups from the most specific on, and ends where no entry of the
 * groups behind can have a lower priority number than what was found.
 *
 * Readers see an array of groups a family, tables and entries. Entries are changed in place; an array or a
 * table is replaced when it has to grow. What is replaced or taken out is kept until spd_reap().
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "dataplane/spd_private.h"

#define CACHE_LINE 64

/* ---- lookup -------------------------------------------------------------------------------------------- */

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(const struct spd *spd, const struct spd_key *key)
{
	uint64_t rest = (uint64_t)key->ports << 32 | key->protocol;
	uint64_t low = fold(key->src[0] ^ spd->seeds[0], key->dst[0] ^ spd->seeds[1]);
	uint64_t high = fold(key->src[1] ^ spd->seeds[2], key->dst[1] ^ spd->seeds[3]);

	return fold(low ^ spd->seeds[4] ^ rest, high ^ spd->seeds[5]);
}

static struct spd_key masked(const struct spd_key *key, const struct spd_key *mask)
{
	return (struct spd_key){
		.src = {key->src[0] & mask->src[0], key->src[1] & mask->src[1]},
		.dst = {key->dst[0] & mask->dst[0], key->dst[1] & mask->dst[1]},
		.ports = key->ports & mask->ports,
		.protocol = key->protocol & mask->protocol,
	};
}

/* Without ports, they are 0, which no selector that looks at ports has. */
static struct spd_key key_of_flow(const struct spd_flow *flow)
{
	struct spd_key key = {.protocol = flow->protocol};

	memcpy(key.src, flow->src, sizeof(key.src));
	memcpy(key.dst, flow->dst, sizeof(key.dst));
	if (flow->has_ports)
		key.ports = (uint32_t)flow->sport << 16 | flow->dport;
	return key;
}

struct sa_out *spd_find(const struct spd *spd, const struct spd_flow *flow)
{
	const struct spd_order *order =
		atomic_load_explicit(&spd->orders[flow->family == 6], memory_order_acquire);
	const struct spd_key whole = key_of_flow(flow);
	uint64_t priority = SPD_NO_PRIORITY;
	struct sa_out *sa = NULL;

	for (uint32_t i = 0; i < order->count; i++) {
		const struct spd_step *step = &order->steps[i];
		const struct spd_rule *rule;
		struct spd_key key;

		/* Also of those with the same number, none behind is as specific. */
		if (priority <= atomic_load_explicit(&step->rest_min, memory_order_relaxed))
			break;
		key = masked(&whole, &step->group->mask);
		rule = spd_table_find(atomic_load_explicit(&step->group->table, memory_order_acquire), &key,
				      hash_of(spd, &key));
		if (rule && rule->priority < priority) {
			priority = rule->priority;
			sa = rule->sa;
		}
	}
	return sa;
}

uint64_t spd_version(const struct spd *spd)
{
	return atomic_load_explicit(&spd->version, memory_order_acquire);
}

/* ---- what is taken out --------------------------------------------------------------------------------- */

void spd_retire(struct spd *spd, struct spd_retired *retired)
{
	retired->next = spd->retired;
	spd->retired = retired;
}

static void free_all(struct spd_retired *retired)
{
	while (retired) {
		struct spd_retired *next = retired->next;

		free(retired);
		retired = next;
	}
}

bool spd_reap_begin(struct spd *spd)
{
	struct spd_retired **end = &spd->retired;

	while (*end)
		end = &(*end)->next;
	*end = spd->waiting;
	spd->waiting = spd->retired;
	spd->retired = NULL;
	return spd->waiting != NULL;
}

void spd_reap(struct spd *spd)
{
	free_all(spd->waiting);
	spd->waiting = NULL;
}

/* ---- entries ------------------------------------------------------------------------------------------- */

static uint32_t shape_of(const struct sa_selector *selector)
{
	uint32_t shape = 0;

	if (selector->dst.addr.family != AF_UNSPEC)
		shape |= (uint32_t)selector->dst.length << SPD_SHAPE_DST_SHIFT;
	if (selector->src.addr.family != AF_UNSPEC)
		shape |= (uint32_t)selector->src.length << SPD_SHAPE_SRC_SHIFT;
	if (selector->protocol)
		shape |= SPD_SHAPE_PROTOCOL;
	if (selector->dport)
		shape |= SPD_SHAPE_DPORT;
	if (selector->sport)
		shape |= SPD_SHAPE_SPORT;
	if (selector->dport && selector->sport)
		shape |= SPD_SHAPE_PORTS;
	return shape;
}

static bool is_in_family(const struct sa_selector *selector, uint8_t family)
{
	uint8_t af = family == 0 ? AF_INET : AF_INET6;

	return (selector->src.addr.family == AF_UNSPEC || selector->src.addr.family == af) &&
	       (selector->dst.addr.family == AF_UNSPEC || selector->dst.addr.family == af);
}

/* A rule with a place kept for it. */
static int rule_new(struct spd *spd, const struct sa_selector *selector, uint32_t priority, uint8_t family,
		    struct spd_rule **ret_rule)
{
	struct spd_key key = {.protocol = selector->protocol,
			      .ports = (uint32_t)selector->sport << 16 | selector->dport};
	struct spd_group *group;
	struct spd_rule *rule;
	int err;

	err = spd_group_get(spd, family, shape_of(selector), &group);
	if (err)
		return err;
	rule = aligned_alloc(CACHE_LINE, (sizeof(*rule) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	if (!rule || spd_group_make_room(spd, group)) {
		free(rule);
		spd_group_drop(spd, group);
		return -ENOMEM;
	}
	memset(rule, 0, sizeof(*rule));
	memcpy(key.src, selector->src.addr.bytes, sizeof(key.src));
	memcpy(key.dst, selector->dst.addr.bytes, sizeof(key.dst));
	rule->key = masked(&key, &group->mask);
	rule->hash = hash_of(spd, &rule->key);
	rule->priority = priority;
	rule->group = group;
	*ret_rule = rule;
	return 0;
}

int spd_add(struct spd *spd, const struct sa_selector *selector, uint32_t priority, struct sa_out *sa)
{
	struct spd_rule *rules[SPD_FAMILIES] = {NULL};
	int err = 0;

	if (sa->spd_rules[0] || sa->spd_rules[1])
		return -EEXIST;
	for (uint8_t family = 0; family < SPD_FAMILIES && !err; family++)
		if (is_in_family(selector, family))
			err = rule_new(spd, selector, priority, family, &rules[family]);
	for (uint8_t family = 0; family < SPD_FAMILIES; family++) {
		if (!rules[family])
			continue;
		if (err) {
			spd_group_drop(spd, rules[family]->group);
			free(rules[family]);
			continue;
		}
		rules[family]->sa = sa;
		sa->spd_rules[family] = rules[family];
		spd_group_add(spd, rules[family]->group, rules[family]);
	}
	if (err)
		return err;
	spd->count++;
	atomic_fetch_add_explicit(&spd->version, 1, memory_order_release);
	return 0;
}

void spd_remove(struct spd *spd, struct sa_out *sa)
{
	bool any = false;

	for (uint8_t family = 0; family < SPD_FAMILIES; family++) {
		struct spd_rule *rule = sa->spd_rules[family];

		if (!rule)
			continue;
		spd_group_remove(spd, rule);
		spd_group_drop(spd, rule->group);
		spd_retire(spd, &rule->retired);
		sa->spd_rules[family] = NULL;
		any = true;
	}
	if (!any)
		return;
	spd->count--;
	atomic_fetch_add_explicit(&spd->version, 1, memory_order_release);
}

size_t spd_count(const struct spd *spd)
{
	return spd->count;
}

/* ---- the table as a whole ------------------------------------------------------------------------------ */

int spd_new(struct spd **ret_spd)
{
	struct spd *spd = calloc(1, sizeof(*spd));
	int err = -ENOMEM;

	if (!spd)
		return -ENOMEM;
	for (uint8_t family = 0; family < SPD_FAMILIES; family++) {
		struct spd_order *order = spd_order_new(0);

		if (!order)
			goto failed;
		atomic_init(&spd->orders[family], order);
	}
	err = -EIO;
	if (getrandom(spd->seeds, sizeof(spd->seeds), 0) != sizeof(spd->seeds))
		goto failed;
	*ret_spd = spd;
	return 0;

failed:
	spd_free(spd);
	return err;
}

void spd_free(struct spd *spd)
{
	if (!spd)
		return;
	for (uint8_t family = 0; family < SPD_FAMILIES; family++) {
		struct spd_order *order = spd_order_of(spd, family);

		for (uint32_t i = 0; order && i < order->count; i++)
			spd_group_free(order->steps[i].group);
		free(order);
	}
	free_all(spd->retired);
	free_all(spd->waiting);
	free(spd);
}
