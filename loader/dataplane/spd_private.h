/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the table of outbound selectors share. Readers see an array of groups a family, tables
 * and entries. Control thread, but for what spd_find() reads.
 */
#ifndef XESP_DATAPLANE_SPD_PRIVATE_H
#define XESP_DATAPLANE_SPD_PRIVATE_H

#include "dataplane/sa_out.h"
#include "dataplane/spd.h"
#include "dataplane/spd_table.h"

#define SPD_SEEDS 6
#define SPD_NO_PRIORITY UINT64_MAX /* more than any */

/* What a group looks at, as a number that is higher for the more specific: lengths of the prefixes of
 * destination and source, then a bit each for protocol, both ports, destination port, source port. */
#define SPD_SHAPE_DST_SHIFT 16
#define SPD_SHAPE_SRC_SHIFT 8
#define SPD_SHAPE_PROTOCOL 0x8
#define SPD_SHAPE_PORTS 0x4
#define SPD_SHAPE_DPORT 0x2
#define SPD_SHAPE_SPORT 0x1

struct spd_group {
	struct spd_retired retired;
	struct spd_key mask; /* all ones where it looks */
	_Atomic(struct spd_table *) table;
	uint32_t shape;
	uint8_t family;	       /* 0: IPv4, 1: IPv6 */
	uint32_t rules;	       /* entries, those with the same selector as well */
	uint64_t priority_min; /* no entry has a lower number */
	uint32_t rules_at_min; /* with that number; 0: there is perhaps a better bound */
	uint32_t removed;      /* since there were none */
};

/* The lowest priority numbers of a group, and of it and all behind it. */
struct spd_step {
	struct spd_group *group;
	_Atomic uint64_t rest_min;
};

struct spd_order {
	struct spd_retired retired;
	uint32_t count;
	struct spd_step steps[];
};

struct spd {
	uint64_t seeds[SPD_SEEDS]; /* random: who chooses addresses cannot choose where they collide */
	_Atomic(struct spd_order *) orders[SPD_FAMILIES];
	_Atomic uint64_t version;
	size_t count;
	struct spd_retired *retired; /* taken out */
	struct spd_retired *waiting; /* before the workers' rest is waited for */
};

/* Keeps what readers may still hold until spd_reap(). */
void spd_retire(struct spd *spd, struct spd_retired *retired);

struct spd_order *spd_order_new(uint32_t count);

static inline struct spd_order *spd_order_of(const struct spd *spd, uint8_t family)
{
	return atomic_load_explicit(&spd->orders[family], memory_order_relaxed);
}

static inline struct spd_table *spd_group_table(const struct spd_group *group)
{
	return atomic_load_explicit(&group->table, memory_order_relaxed);
}

/* The group of a shape, made if there is none. -ENOMEM, -ENOSPC. */
int spd_group_get(struct spd *spd, uint8_t family, uint32_t shape, struct spd_group **ret_group);
/* Takes it out of the way of lookups, if it is empty. Without memory for that it stays there until it has
 * entries again. */
void spd_group_drop(struct spd *spd, struct spd_group *group);
/* For another key. -ENOMEM. */
int spd_group_make_room(struct spd *spd, struct spd_group *group);
/* With all of its rules. */
void spd_group_free(struct spd_group *group);
/* Puts a rule in, for which room was made. */
void spd_group_add(const struct spd *spd, struct spd_group *group, struct spd_rule *rule);
void spd_group_remove(const struct spd *spd, struct spd_rule *rule);

#endif
