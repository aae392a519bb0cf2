/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The methods of org.xesp: each turns a request into calls on the engine's objects and their outcome into
 * a reply or a typed error.
 */
#ifndef XESP_CONTROL_REQUESTS_H
#define XESP_CONTROL_REQUESTS_H

#include "control/engine.h"
#include "control/varlink.h"

/* Serves the interface on `listener`. */
int requests_serve(struct engine *engine, int listener, struct varlink_server **ret_server);

#endif
