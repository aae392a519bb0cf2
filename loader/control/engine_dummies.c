/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/engine_dummies.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "control/dummies.h"
#include "control/lifetime.h"
#include "dataplane/send_dummy.h"

struct engine_dummies {
	struct dummies *when;
	struct send_dummy *sender;
};

/* While the engine is disabled, packets come back to be due. */
static void send_one(void *owner, struct sa_out *sa)
{
	const struct engine *engine = owner;
	struct event event;

	if (engine->disabled)
		return;
	send_dummy(engine->dummies->sender, sa, (uint64_t)time(NULL));
	while (send_dummy_event(engine->dummies->sender, &event))
		outbound_events_take(engine->outbound_events, &event);
}

int engine_dummies_begin(struct engine *engine)
{
	const struct dummies_config config = {
		.event = engine->event, .outbound = engine->outbound, .send = send_one, .owner = engine};
	int err;

	engine->dummies = calloc(1, sizeof(*engine->dummies));
	if (!engine->dummies)
		return -ENOMEM;
	err = send_dummy_new(engine->crypto, &engine->dummies->sender);
	return err ? err : dummies_new(&config, &engine->dummies->when);
}

void engine_dummies_end(struct engine *engine)
{
	if (!engine->dummies)
		return;
	dummies_free(engine->dummies->when);
	send_dummy_free(engine->dummies->sender);
	free(engine->dummies);
	engine->dummies = NULL;
}

int engine_dummies_watch(const struct engine *engine, const struct sa_out *sa)
{
	return engine->dummies ? dummies_watch(engine->dummies->when, sa, lifetime_now()) : 0;
}

void engine_dummies_resume(const struct engine *engine)
{
	const struct sa_out *sa;
	int err = 0;

	for (uint32_t i = 0; !err && (sa = outbound_next(engine->outbound, &i));)
		err = engine_dummies_watch(engine, sa);
	if (err)
		log_warning("some outbound SAs send no more dummy packets: %s", strerror(-err));
}
