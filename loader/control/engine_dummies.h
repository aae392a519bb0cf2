/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's dummy packets: dummies.h says when, dataplane/send_dummy.h sends, and what that means for an
 * SA's life is told as of any packet. Control thread.
 */
#ifndef XESP_CONTROL_ENGINE_DUMMIES_H
#define XESP_CONTROL_ENGINE_DUMMIES_H

#include "control/engine.h"

/* There is a store of outbound SAs. */
int engine_dummies_begin(struct engine *engine);
void engine_dummies_end(struct engine *engine);

/* Of an SA that was just added; -ENOMEM. An engine that has not begun with it sends none. */
int engine_dummies_watch(const struct engine *engine, const struct sa_out *sa);
/* Goes on with the SAs of the engine before. */
void engine_dummies_resume(const struct engine *engine);

#endif
