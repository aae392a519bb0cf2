/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/inside_ways.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xesp/limits.h>

#define TURN_USEC 100000ull
/* A destination that nobody sent to for one to two of these is forgotten: ten seconds each. */
#define TURNS_TO_EXPIRE 100
/* For workers to come to the end of a round; if one does not, the next turn looks again. */
#define QUIESCE_MS 20

struct inside_ways {
	struct inside_ways_config config;
	struct nexthops *ways;
	struct inside *table;
	sd_event_source *timer;
	uint32_t turns;
	uint32_t expired; /* are no longer found, and to be reaped */
};

static void take_wanted(struct inside_ways *inside_ways)
{
	struct nexthop *hop;
	struct ip_addr dst;

	for (uint32_t i = 0; i < XESP_INSIDE_ASKS && inside_wanted(inside_ways->table, &dst); i++)
		if (inside_has_room(inside_ways->table, &dst) &&
		    !nexthops_take(inside_ways->ways, &dst, &hop))
			inside_add(inside_ways->table, &dst, hop);
}

static void reap(struct inside_ways *inside_ways, bool begin)
{
	struct nexthop *hop;

	if (!inside_ways->expired ||
	    !inside_ways->config.quiesce(inside_ways->config.ways.owner, begin, QUIESCE_MS))
		return;
	while ((hop = inside_reap(inside_ways->table)))
		nexthops_give(inside_ways->ways, hop);
	inside_ways->expired = 0;
}

void inside_ways_turn(struct inside_ways *inside_ways)
{
	bool expire = ++inside_ways->turns % TURNS_TO_EXPIRE == 0;

	if (expire)
		inside_ways->expired += inside_expire(inside_ways->table);
	reap(inside_ways, expire);
	take_wanted(inside_ways);
}

static int on_timer(sd_event_source *source, uint64_t at, void *ctx)
{
	(void)at;
	inside_ways_turn(ctx);
	sd_event_source_set_time_relative(source, TURN_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int make_parts(struct inside_ways *inside_ways, sd_event *event)
{
	uint64_t seed;
	int err;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return -EIO;
	err = inside_new(seed, &inside_ways->table);
	if (!err)
		err = nexthops_new(&inside_ways->config.ways, &inside_ways->ways);
	if (!err && event)
		err = sd_event_add_time_relative(event, &inside_ways->timer, CLOCK_MONOTONIC, TURN_USEC, 0,
						 on_timer, inside_ways);
	return err < 0 ? err : 0;
}

int inside_ways_new(const struct inside_ways_config *config, sd_event *event,
		    struct inside_ways **ret_inside_ways)
{
	struct inside_ways *inside_ways = calloc(1, sizeof(*inside_ways));
	int err;

	if (!inside_ways)
		return -ENOMEM;
	inside_ways->config = *config;
	err = make_parts(inside_ways, event);
	if (err) {
		inside_ways_free(inside_ways);
		return err;
	}
	*ret_inside_ways = inside_ways;
	return 0;
}

void inside_ways_free(struct inside_ways *inside_ways)
{
	if (!inside_ways)
		return;
	sd_event_source_disable_unref(inside_ways->timer);
	nexthops_free(inside_ways->ways);
	inside_free(inside_ways->table);
	free(inside_ways);
}

struct inside *inside_ways_table(const struct inside_ways *inside_ways)
{
	return inside_ways->table;
}

void inside_ways_note(const struct inside_ways *inside_ways, const struct ipc_nexthop *way)
{
	nexthops_note(inside_ways->ways, way);
}

void inside_ways_refresh(const struct inside_ways *inside_ways)
{
	nexthops_refresh(inside_ways->ways);
}

uint32_t inside_ways_count(const struct inside_ways *inside_ways)
{
	return nexthops_count(inside_ways->ways);
}
