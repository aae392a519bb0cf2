/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaching an interface, with all that the engine has for it. Control thread.
 */
#ifndef XESP_CONTROL_ENGINE_ATTACH_H
#define XESP_CONTROL_ENGINE_ATTACH_H

#include "control/engine.h"

/* Attaches an interface that is not attached. -ENOSPC: there are XESP_IFACES_MAX, and `*ret_failure` says
 * nothing; else it says why not, and that is logged. */
int engine_attach(struct engine *engine, const struct ipc_attach *request, struct iface **ret_iface,
		  struct failure *ret_failure);
/* Takes over one that the loader has attached for an engine before this one. On failure it is detached, and
 * that is logged. */
int engine_adopt(struct engine *engine, uint32_t ifindex);
/* Attaches the inside interface, if there is to be one, at the begin of the first engine. Without it the
 * gateway works as any host does: so that it is not there yet is no failure. */
void engine_attach_inside(struct engine *engine);

#endif
