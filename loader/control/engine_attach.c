/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/engine_attach.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "control/engine_route.h"
#include "control/inside_ways.h"

static struct iface **free_place(struct engine *engine)
{
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (!engine->ifaces[i])
			return &engine->ifaces[i];
	return NULL;
}

static struct iface_config config_of(struct engine *engine)
{
	return (struct iface_config){.loader = &engine->loader,
				     .event = engine->event,
				     .provider = engine->config->provider,
				     .crypto = engine->crypto,
				     .sink = engine->config->sink,
				     .monitor = engine->monitor,
				     .outbound_events = engine->outbound_events,
				     .disabled = engine->disabled,
				     .state = engine->config->state,
				     .restored = &engine->restored,
				     .spd = outbound_spd(engine->outbound),
				     .mss_clamp = !engine->config->no_mss_clamp,
				     .inside = engine->inside_ways ? inside_ways_table(engine->inside_ways)
								   : NULL,
				     .send = engine->config->send,
				     .port_leaves = engine_port_leaves,
				     .port_owner = engine};
}

void engine_attach_inside(struct engine *engine)
{
	struct ipc_attach request = {.mode = IPC_XDP_AUTO};
	struct failure failure;
	struct iface *iface;

	/* Engines that follow take over what is attached, and leave what somebody detached. */
	if (!engine->config->inside || engine->begin.past.count)
		return;
	snprintf(request.dev, sizeof(request.dev), "%s", engine->config->inside);
	if (engine_attach(engine, &request, &iface, &failure))
		log_warning("until `xesp attach %s`, opened packets go to the TUN device", request.dev);
}

int engine_attach(struct engine *engine, const struct ipc_attach *request, struct iface **ret_iface,
		  struct failure *ret_failure)
{
	struct iface_config config = config_of(engine);
	struct iface **place = free_place(engine);
	int err;

	if (!place)
		return -ENOSPC;
	err = iface_attach(&config, request, place, ret_failure);
	if (err) {
		log_warning("attach %s: %s: %s", request->dev, ret_failure->operation, ret_failure->reason);
		return err == -ENOSPC ? -EIO : err;
	}
	log_info("%s: attached%s, %s XDP, %s, %u queues", request->dev,
		 (*place)->info.inside ? " as inside interface" : "",
		 (*place)->info.mode == IPC_XDP_NATIVE ? "native" : "generic",
		 (*place)->info.dispatcher ? "beside other programs" : "as the only program",
		 (*place)->info.queues);
	engine_ports_changed(engine);
	*ret_iface = *place;
	return 0;
}

int engine_adopt(struct engine *engine, uint32_t ifindex)
{
	struct iface_config config = config_of(engine);
	struct iface **place = free_place(engine);
	struct failure failure;
	int err;

	if (!place) /* the loader has no more than the engine */
		return -ENOSPC;
	err = iface_adopt(&config, ifindex, place, &failure);
	if (err)
		log_error("interface %u is not attached any more: %s: %s", ifindex, failure.operation,
			  failure.reason);
	return err;
}
