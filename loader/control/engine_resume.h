/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How an engine begins: with nothing, or with what the loader kept from an engine that ended. Control thread,
 * before it serves clients.
 */
#ifndef XESP_CONTROL_ENGINE_RESUME_H
#define XESP_CONTROL_ENGINE_RESUME_H

#include "control/engine.h"

/* Hears from the loader what there is, takes it over, and says that it serves. An interface that cannot be
 * taken over is detached. -errno: the loader is not to be talked to. */
int engine_resume(struct engine *engine);

#endif
