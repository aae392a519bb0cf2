/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lifetimes of SAs in seconds (RFC 4301 section 4.4.2.1), since the add and since the first use: a heap of
 * the next deadline of each SA that has one, and one timer. What is reached in bytes or packets, the workers
 * find out; see dataplane/esp_watch.h and sa_out_watch.h. Control thread only.
 */
#ifndef XESP_CONTROL_LIFETIME_H
#define XESP_CONTROL_LIFETIME_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "control/handle.h"
#include "dataplane/sa_life.h"

struct lifetime;

struct lifetime_config {
	sd_event *event; /* NULL: the caller calls lifetime_run() */
	/* NULL: there is no such SA any more, and it is forgotten. */
	struct sa_life *(*find)(void *ctx, struct handle sa);
	/* A lifetime is reached; each is told once. If `hard`, the callee deletes the SA. */
	void (*due)(void *ctx, struct handle sa, bool hard);
	void *ctx;
};

int lifetime_new(const struct lifetime_config *config, struct lifetime **ret_lifetime);
void lifetime_free(struct lifetime *lifetime); /* NULL-safe */

/* Milliseconds of the clock that lifetimes count on: it goes on while the machine sleeps. */
uint64_t lifetime_now(void);

/* Of an SA that was just added. -ENOMEM: nothing is watched. */
int lifetime_start(struct lifetime *lifetime, struct handle sa, uint64_t now);
/* Of an SA that another engine left, whose lifetimes began there. `used`: its first packet was told of.
 * -ENOMEM: nothing is watched. */
int lifetime_resume(struct lifetime *lifetime, struct handle sa, bool used, uint64_t now);
/* Of an SA whose first packet was opened or sent. If that cannot be watched for want of memory and must end,
 * it ends now. */
void lifetime_first_use(struct lifetime *lifetime, struct handle sa, uint64_t now);

/* Tells what is due at `now`, a bounded number; the timer sees to the rest. */
void lifetime_run(struct lifetime *lifetime, uint64_t now);
/* When there may be something to tell next; UINT64_MAX: never. */
uint64_t lifetime_next(const struct lifetime *lifetime);
/* Deadlines that are kept, those of deleted SAs included. */
size_t lifetime_count(const struct lifetime *lifetime);

#endif
