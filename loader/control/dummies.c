/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/dummies.h"

#include <errno.h>
#include <stdlib.h>

#include "control/deadlines.h"
#include "control/lifetime.h"

/* Between two runs: what bounds how many dummy packets there are in a second, however many SAs ask for them.
 */
#define PAUSE_MS 10
#define ACCURACY_US 1000

struct dummies {
	struct dummies_config config;
	sd_event_source *timer;
	struct deadlines deadlines; /* one an SA */
	uint64_t not_before;	    /* of the next run */
};

static bool is_live(const void *ctx, const struct deadline *deadline)
{
	const struct dummies *dummies = ctx;

	return outbound_get(dummies->config.outbound, deadline->sa) != NULL;
}

uint64_t dummies_next(const struct dummies *dummies)
{
	uint64_t next = deadlines_next(&dummies->deadlines);

	return next < dummies->not_before ? dummies->not_before : next;
}

static void set_timer(const struct dummies *dummies)
{
	uint64_t next = dummies_next(dummies);

	if (!dummies->timer)
		return;
	if (next == DEADLINE_NEVER) {
		sd_event_source_set_enabled(dummies->timer, SD_EVENT_OFF);
		return;
	}
	/* Rounded up: not a moment before it is due. */
	sd_event_source_set_time(dummies->timer, (next + 1) * 1000);
	sd_event_source_set_enabled(dummies->timer, SD_EVENT_ONESHOT);
}

static uint64_t sent_by(const struct sa_out *sa)
{
	return atomic_load_explicit(&sa->counters.packets, memory_order_relaxed);
}

static void run_one(struct dummies *dummies, uint64_t now)
{
	struct deadline deadline = deadlines_pop(&dummies->deadlines);
	struct sa_out *sa = outbound_sender(dummies->config.outbound, deadline.sa);

	if (sa && sent_by(sa) == sa->dummy_seen) {
		dummies->config.send(dummies->config.owner, sa);
		sa = outbound_sender(dummies->config.outbound, deadline.sa);
	}
	if (!sa)
		return;
	sa->dummy_seen = sent_by(sa);
	deadline.at = now + sa->params.dummy_ms;
	/* There is room: one was taken out. */
	deadlines_push(&dummies->deadlines, &deadline);
}

void dummies_run(struct dummies *dummies, uint64_t now)
{
	for (uint32_t i = 0; i < XESP_DUMMIES_AT_ONCE && dummies_next(dummies) <= now; i++)
		run_one(dummies, now);
	dummies->not_before = now + PAUSE_MS;
	set_timer(dummies);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source;
	(void)usec;
	dummies_run(ctx, lifetime_now());
	return 0;
}

int dummies_watch(struct dummies *dummies, const struct sa_out *sa, uint64_t now)
{
	const struct deadline deadline = {.at = now + sa->params.dummy_ms, .sa = {sa->index, sa->generation}};
	struct sa_out *own = outbound_sender(dummies->config.outbound, deadline.sa);
	int err;

	if (!own || !sa->params.dummy_ms)
		return 0;
	own->dummy_seen = sent_by(own);
	err = deadlines_push(&dummies->deadlines, &deadline);
	if (!err)
		set_timer(dummies);
	return err;
}

int dummies_new(const struct dummies_config *config, struct dummies **ret_dummies)
{
	struct dummies *dummies = calloc(1, sizeof(*dummies));
	int err;

	if (!dummies)
		return -ENOMEM;
	dummies->config = *config;
	deadlines_init(&dummies->deadlines, is_live, dummies);
	if (config->event) {
		err = sd_event_add_time(config->event, &dummies->timer, CLOCK_BOOTTIME, UINT64_MAX,
					ACCURACY_US, on_timer, dummies);
		if (err < 0) {
			free(dummies);
			return err;
		}
	}
	*ret_dummies = dummies;
	return 0;
}

void dummies_free(struct dummies *dummies)
{
	if (!dummies)
		return;
	sd_event_source_disable_unref(dummies->timer);
	deadlines_end(&dummies->deadlines);
	free(dummies);
}
