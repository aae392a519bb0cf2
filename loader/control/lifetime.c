/* SPDX-License-Identifier: BSD-2-Clause */
/* Which deadline of an SA is next, and what is due. */
#include "control/lifetime.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "control/deadlines.h"

#define NEVER UINT64_MAX
/* Deadlines that one run takes: requests get their turn in between. */
#define RUN_MAX 256
#define ACCURACY_US 10000

struct lifetime {
	struct lifetime_config config;
	sd_event_source *timer;
	struct deadlines deadlines;
};

static struct sa_life *find(const struct lifetime *lifetime, struct handle sa)
{
	return lifetime->config.find(lifetime->config.ctx, sa);
}

static struct sa_life *live(const struct lifetime *lifetime, const struct deadline *deadline)
{
	struct sa_life *life = find(lifetime, deadline->sa);

	return life && life->queued == deadline->at ? life : NULL;
}

static bool is_live(const void *ctx, const struct deadline *deadline)
{
	return live(ctx, deadline) != NULL;
}

/* ---- deadlines of an SA ------------------------------------------------------------------------------- */

static uint64_t after(uint64_t start, uint64_t seconds)
{
	if (!seconds || start == NEVER || seconds > (NEVER - start) / 1000)
		return NEVER;
	return start + seconds * 1000;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t soft_at(const struct sa_life *life)
{
	if (life->soft_told)
		return NEVER;
	return earlier(after(life->added, life->limits->time_soft),
		       after(life->first_used, life->limits->time_use_soft));
}

static uint64_t hard_at(const struct sa_life *life)
{
	return earlier(after(life->added, life->limits->time_hard),
		       after(life->first_used, life->limits->time_use_hard));
}

/* Sees to it that the SA's next deadline is in the heap. */
static int queue(struct lifetime *lifetime, struct handle sa, struct sa_life *life)
{
	const struct deadline deadline = {.at = earlier(soft_at(life), hard_at(life)), .sa = sa};
	int err;

	if (deadline.at == life->queued)
		return 0;
	err = deadline.at == NEVER ? 0 : deadlines_push(&lifetime->deadlines, &deadline);
	if (!err)
		life->queued = deadline.at;
	return err;
}

/* ---- time --------------------------------------------------------------------------------------------- */

uint64_t lifetime_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t lifetime_next(const struct lifetime *lifetime)
{
	return deadlines_next(&lifetime->deadlines);
}

static void set_timer(struct lifetime *lifetime)
{
	uint64_t next = lifetime_next(lifetime);

	if (!lifetime->timer)
		return;
	/* Rounded up: not a moment before it is due. */
	if (next < NEVER / 1000)
		sd_event_source_set_time(lifetime->timer, (next + 1) * 1000);
	sd_event_source_set_enabled(lifetime->timer, next < NEVER / 1000 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static void run_one(struct lifetime *lifetime, uint64_t now)
{
	struct deadline deadline = deadlines_pop(&lifetime->deadlines);
	struct sa_life *life = live(lifetime, &deadline);

	if (!life)
		return;
	life->queued = NEVER;
	if (now >= hard_at(life)) {
		lifetime->config.due(lifetime->config.ctx, deadline.sa, true);
		return;
	}
	if (now >= soft_at(life)) {
		life->soft_told = true;
		lifetime->config.due(lifetime->config.ctx, deadline.sa, false);
	}
	/* There is room: one was taken out. */
	queue(lifetime, deadline.sa, life);
}

void lifetime_run(struct lifetime *lifetime, uint64_t now)
{
	for (size_t i = 0; i < RUN_MAX && lifetime_next(lifetime) <= now; i++)
		run_one(lifetime, now);
	set_timer(lifetime);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source;
	(void)usec;
	lifetime_run(ctx, lifetime_now());
	return 0;
}

/* ---- from outside ------------------------------------------------------------------------------------- */

int lifetime_start(struct lifetime *lifetime, struct handle sa, uint64_t now)
{
	struct sa_life *life = find(lifetime, sa);
	int err;

	if (!life)
		return 0;
	life->added = now;
	err = queue(lifetime, sa, life);
	if (!err)
		set_timer(lifetime);
	return err;
}

/* That it was used, or even added, may have been about to be noted when the other engine ended. */
int lifetime_resume(struct lifetime *lifetime, struct handle sa, bool used, uint64_t now)
{
	struct sa_life *life = find(lifetime, sa);
	int err;

	if (!life)
		return 0;
	if (life->added == NEVER)
		life->added = now;
	if (used && life->first_used == NEVER)
		life->first_used = now;
	err = queue(lifetime, sa, life);
	if (!err)
		set_timer(lifetime);
	return err;
}

void lifetime_first_use(struct lifetime *lifetime, struct handle sa, uint64_t now)
{
	struct sa_life *life = find(lifetime, sa);

	if (!life)
		return;
	life->first_used = now;
	if (queue(lifetime, sa, life) && hard_at(life) != NEVER)
		lifetime->config.due(lifetime->config.ctx, sa, true);
	set_timer(lifetime);
}

size_t lifetime_count(const struct lifetime *lifetime)
{
	return lifetime->deadlines.count;
}

int lifetime_new(const struct lifetime_config *config, struct lifetime **ret_lifetime)
{
	struct lifetime *lifetime = calloc(1, sizeof(*lifetime));
	int err;

	if (!lifetime)
		return -ENOMEM;
	lifetime->config = *config;
	deadlines_init(&lifetime->deadlines, is_live, lifetime);
	if (config->event) {
		err = sd_event_add_time(config->event, &lifetime->timer, CLOCK_BOOTTIME, UINT64_MAX,
					ACCURACY_US, on_timer, lifetime);
		if (err < 0) {
			free(lifetime);
			return err;
		}
	}
	*ret_lifetime = lifetime;
	return 0;
}

void lifetime_free(struct lifetime *lifetime)
{
	if (!lifetime)
		return;
	sd_event_source_disable_unref(lifetime->timer);
	deadlines_end(&lifetime->deadlines);
	free(lifetime);
}
