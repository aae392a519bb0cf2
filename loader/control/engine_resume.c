/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/engine_resume.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "control/engine_attach.h"
#include "control/engine_dummies.h"
#include "control/engine_route.h"
#include "control/restore.h"

#define BEGIN_TIMEOUT_MS 30000

static int receive_begin(struct engine *engine)
{
	struct ipc_message message;
	int fds[IPC_FDS_MAX];
	size_t count = 0;
	int err = ipc_receive(engine->loader.socket, BEGIN_TIMEOUT_MS, &message, fds, &count);

	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (!err && (message.type != IPC_BEGIN || message.begin.count > XESP_IFACES_MAX))
		err = -EPROTO;
	if (err)
		return err;
	engine->begin = message.begin;
	engine->disabled = message.begin.disabled;
	return 0;
}

static int say_ready(struct engine *engine)
{
	struct ipc_message message = {.type = IPC_READY};
	struct ipc_message done;
	struct failure failure;
	int err = loader_do(&engine->loader, &message, &done, &failure);

	if (err)
		log_error("%s: %s", failure.operation, failure.reason);
	return err;
}

static void tell(const struct engine *engine)
{
	const struct ipc_past *past = &engine->begin.past;
	char detail[160];

	if (engine->config->state && state_damaged(engine->config->state))
		log_warning("%u blocks of state memory were damaged: wiped",
			    state_damaged(engine->config->state));
	snprintf(detail, sizeof(detail), "the engine ended %s %d: %u SAs kept, %u lost",
		 past->by_signal ? "by signal" : "with status", past->status, engine->restored.kept,
		 engine->restored.lost);
	monitor_restarted(engine->monitor, past->ended_us, detail);
}

/* Outbound SAs come before interfaces: their workers read what the host sends, and refuse what no SA is for.
 */
int engine_resume(struct engine *engine)
{
	int err = receive_begin(engine);

	if (err)
		return err;
	if (!engine->begin.past.count)
		return say_ready(engine);
	nexthops_resume(engine->nexthops, true);
	outbound_restore(engine->outbound, &engine->restored);
	for (uint32_t i = 0; i < engine->begin.count; i++)
		engine_adopt(engine, engine->begin.ifindex[i]);
	outbound_events_resume(engine->outbound_events);
	engine_dummies_resume(engine);
	restore_sweep(engine->config->state, &engine->restored);
	nexthops_resume(engine->nexthops, false);
	engine_ports_changed(engine);
	engine_route_resume(engine, engine->begin.tun_mtu);
	err = say_ready(engine);
	tell(engine);
	return err;
}
