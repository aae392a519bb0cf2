/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/engine_route.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

/* What a round of a worker may take. */
#define PORT_LEAVES_MS 1000

static int watch(void *owner, const struct ip_addr *peer, bool begin)
{
	struct engine *engine = owner;
	struct ipc_message message = {.type = begin ? IPC_RESOLVE : IPC_UNRESOLVE, .peer = {.addr = *peer}};
	struct ipc_message done;
	struct failure failure;
	int err;

	/* At the end the loader answers no more. */
	if (sd_event_get_state(engine->event) == SD_EVENT_FINISHED)
		return 0;
	err = loader_do(&engine->loader, &message, &done, &failure);
	if (!err)
		return 0;
	log_warning("%s: %s", failure.operation, failure.reason);
	return failure.error == ENOSPC || failure.error == ENOMEM ? -failure.error : -EIO;
}

static struct port *port_of(void *owner, uint32_t ifindex)
{
	const struct engine *engine = owner;

	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i] && engine->ifaces[i]->info.ifindex == ifindex)
			return engine->ifaces[i]->port;
	return NULL;
}

static void on_nexthop(void *ctx, const struct ipc_nexthop *way)
{
	struct engine *engine = ctx;

	nexthops_note(engine->nexthops, way);
}

int engine_route_begin(struct engine *engine)
{
	const struct nexthops_config config = {.watch = watch, .port = port_of, .owner = engine};
	int err = nexthops_new(&config, &engine->nexthops);

	if (err)
		return err;
	engine->loader.on_nexthop = on_nexthop;
	engine->loader.ctx = engine;
	return 0;
}

void engine_route_end(struct engine *engine)
{
	engine->loader.on_nexthop = NULL;
	nexthops_free(engine->nexthops);
	engine->nexthops = NULL;
}

bool engine_port_leaves(void *owner)
{
	const struct engine *engine = owner;

	nexthops_refresh(engine->nexthops);
	return engine_quiesce(owner, true, PORT_LEAVES_MS);
}

int engine_hop_take(void *owner, const struct ip_addr *peer, struct nexthop **ret_hop)
{
	struct engine *engine = owner;

	return nexthops_take(engine->nexthops, peer, ret_hop);
}

void engine_hop_give(void *owner, struct nexthop *hop)
{
	struct engine *engine = owner;

	nexthops_give(engine->nexthops, hop);
}
