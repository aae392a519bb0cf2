/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A binary heap of deadlines. A deleted SA leaves its deadline behind; when most are such, they are sorted
 * out, so that memory follows the number of SAs.
 */
#include "control/lifetime.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define NEVER UINT64_MAX
/* Deadlines that one run takes: requests get their turn in between. */
#define RUN_MAX 256
/* The fewest that are worth sorting out. */
#define SWEEP_MIN 1024
#define ACCURACY_US 10000

struct deadline {
	uint64_t at;
	struct handle sa;
};

struct lifetime {
	struct lifetime_config config;
	sd_event_source *timer;
	struct deadline *heap;
	size_t count;
	size_t size;
	size_t sweep_at; /* count at which deleted SAs are looked for */
};

/* ---- the heap ----------------------------------------------------------------------------------------- */

static void sift_up(struct deadline *heap, size_t i)
{
	while (i && heap[(i - 1) / 2].at > heap[i].at) {
		struct deadline parent = heap[(i - 1) / 2];

		heap[(i - 1) / 2] = heap[i];
		heap[i] = parent;
		i = (i - 1) / 2;
	}
}

static void sift_down(struct deadline *heap, size_t count, size_t i)
{
	for (;;) {
		size_t least = i;
		struct deadline moved = heap[i];

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++)
			if (heap[child].at < heap[least].at)
				least = child;
		if (least == i)
			return;
		heap[i] = heap[least];
		heap[least] = moved;
		i = least;
	}
}

static struct sa_life *find(const struct lifetime *lifetime, struct handle sa)
{
	return lifetime->config.find(lifetime->config.ctx, sa);
}

static struct sa_life *live(const struct lifetime *lifetime, const struct deadline *deadline)
{
	struct sa_life *life = find(lifetime, deadline->sa);

	return life && life->queued == deadline->at ? life : NULL;
}

static void sweep(struct lifetime *lifetime)
{
	size_t kept = 0;

	for (size_t i = 0; i < lifetime->count; i++)
		if (live(lifetime, &lifetime->heap[i]))
			lifetime->heap[kept++] = lifetime->heap[i];
	lifetime->count = kept;
	for (size_t i = kept / 2; i-- > 0;)
		sift_down(lifetime->heap, kept, i);
	lifetime->sweep_at = kept < SWEEP_MIN / 2 ? SWEEP_MIN : 2 * kept;
}

static int push(struct lifetime *lifetime, const struct deadline *deadline)
{
	if (lifetime->count >= lifetime->sweep_at)
		sweep(lifetime);
	if (lifetime->count == lifetime->size) {
		size_t size = lifetime->size ? 2 * lifetime->size : 64;
		struct deadline *heap = reallocarray(lifetime->heap, size, sizeof(*heap));

		if (!heap)
			return -ENOMEM;
		lifetime->heap = heap;
		lifetime->size = size;
	}
	lifetime->heap[lifetime->count++] = *deadline;
	sift_up(lifetime->heap, lifetime->count - 1);
	return 0;
}

static struct deadline pop(struct lifetime *lifetime)
{
	struct deadline first = lifetime->heap[0];

	lifetime->heap[0] = lifetime->heap[--lifetime->count];
	sift_down(lifetime->heap, lifetime->count, 0);
	return first;
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
	err = deadline.at == NEVER ? 0 : push(lifetime, &deadline);
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
	return lifetime->count ? lifetime->heap[0].at : NEVER;
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
	struct deadline deadline = pop(lifetime);
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
	return lifetime->count;
}

int lifetime_new(const struct lifetime_config *config, struct lifetime **ret_lifetime)
{
	struct lifetime *lifetime = calloc(1, sizeof(*lifetime));
	int err;

	if (!lifetime)
		return -ENOMEM;
	lifetime->config = *config;
	lifetime->sweep_at = SWEEP_MIN;
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
	free(lifetime->heap);
	free(lifetime);
}
