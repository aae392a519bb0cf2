/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/engine_attach.h"
#include "control/engine_dummies.h"
#include "control/engine_resume.h"
#include "control/engine_route.h"
#include "control/iface_link.h"
#include "control/monitor.h"
#include "control/requests.h"
#include "control/varlink.h"

/* Between looks whether a worker that hung has let go of deleted outbound SAs. */
#define REAP_INTERVAL_US 50000

struct iface *engine_iface(const struct engine *engine, const char *dev)
{
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i] && !strcmp(engine->ifaces[i]->info.dev, dev))
			return engine->ifaces[i];
	return NULL;
}

struct iface *engine_pick(const struct engine *engine, const char *dev)
{
	struct iface *only = NULL, *inside = NULL;

	if (dev && dev[0])
		return engine_iface(engine, dev);
	for (size_t i = 0; i < XESP_IFACES_MAX; i++) {
		struct iface *iface = engine->ifaces[i];

		if (iface && iface->info.inside)
			inside = iface;
		else if (iface && only)
			return NULL;
		else if (iface)
			only = iface;
	}
	return only ? only : inside;
}

static struct iface **find_place(struct engine *engine, uint32_t ifindex)
{
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i] && engine->ifaces[i]->info.ifindex == ifindex)
			return &engine->ifaces[i];
	return NULL;
}

static void on_gone(struct engine *engine, uint32_t ifindex)
{
	struct iface **place = find_place(engine, ifindex);

	if (!place)
		return;
	iface_link_tell(*place, engine->monitor, "gone, %u SAs with it", sadb_count((*place)->db));
	iface_free(*place);
	*place = NULL;
}

static void on_link_state(struct engine *engine, const struct ipc_link_state *state)
{
	struct iface **place = find_place(engine, state->ifindex);
	struct failure failure;

	if (!place || iface_link_changed(&engine->loader, *place, state, engine->monitor) != -ESRCH)
		return;
	log_error("%s: no worker runs: detaching it", (*place)->info.dev);
	if (!iface_detach(&engine->loader, *place, &failure))
		*place = NULL;
}

/* What the loader said unasked, also while a request waited for its answer. */
static void work_off_noted(struct engine *engine)
{
	struct ipc_message message;

	while (loader_noted(&engine->loader, &message))
		if (message.type == IPC_LINK_GONE)
			on_gone(engine, message.link.ifindex);
		else
			on_link_state(engine, &message.state);
}

static int after_request(sd_event_source *source, void *ctx)
{
	(void)source;
	work_off_noted(ctx);
	engine_route_look(ctx);
	return 0;
}

static int on_loader(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct engine *engine = ctx;
	struct ipc_message message;
	int fds[IPC_FDS_MAX];
	size_t count = 0;
	int err = ipc_receive(fd, 0, &message, fds, &count);

	(void)source;
	(void)events;
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (err == -EPIPE)
		return sd_event_exit(engine->event, 0);
	if (!err) /* anything but news is the answer to a request that was given up */
		loader_note(&engine->loader, &message);
	return 0;
}

/* Somebody began or ended to listen: packets become events only while they are wanted. */
static void on_demand_changed(void *ctx)
{
	const struct engine *engine = ctx;

	for (size_t i = 0; i < XESP_IFACES_MAX; i++) {
		const struct iface *iface = engine->ifaces[i];

		if (iface && iface->workers)
			worker_group_monitor_packets(
				iface->workers,
				monitor_wants(engine->monitor, EVENT_PACKET, iface->info.dev));
	}
}

static int serve(struct engine *engine)
{
	struct varlink_server *server = NULL;
	int err = requests_serve(engine, engine->config->listener, &server);

	if (!err)
		err = sd_event_add_io(engine->event, NULL, engine->loader.socket, EPOLLIN, on_loader, engine);
	if (err >= 0)
		err = sd_event_add_post(engine->event, NULL, after_request, engine);
	if (err >= 0)
		err = sd_event_loop(engine->event);
	varlink_server_free(server);
	return err;
}

/* ---- outbound SAs ----------------------------------------------------------------------------------------
 */

bool engine_quiesce(void *ctx, bool begin, unsigned int timeout_ms)
{
	const struct engine *engine = ctx;
	bool all = true;

	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i] && engine->ifaces[i]->workers)
			all &= worker_group_quiesce(engine->ifaces[i]->workers, begin, timeout_ms);
	return all;
}

static void forget_all(void *ctx, const struct crypto_key *key)
{
	const struct engine *engine = ctx;

	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i] && engine->ifaces[i]->workers)
			worker_group_forget(engine->ifaces[i]->workers, key);
	/* Of dummy packets. */
	engine->config->provider->forget(engine->crypto, key);
}

static int on_reap(sd_event_source *timer, uint64_t now, void *ctx)
{
	const struct engine *engine = ctx;

	(void)now;
	if (!outbound_reap(engine->outbound))
		return 0;
	sd_event_source_set_time_relative(timer, REAP_INTERVAL_US);
	return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void on_marked(void *ctx)
{
	const struct engine *engine = ctx;

	if (sd_event_source_get_enabled(engine->reap, NULL))
		return;
	log_warning("a worker does not get to an end: deleted outbound SAs wait to be freed");
	sd_event_source_set_time_relative(engine->reap, REAP_INTERVAL_US);
	sd_event_source_set_enabled(engine->reap, SD_EVENT_ONESHOT);
}

static int make_outbound(struct engine *engine)
{
	const struct outbound_config config = {.provider = engine->config->provider,
					       .crypto = engine->crypto,
					       .capacity = engine->config->capacity,
					       .state = engine->config->state,
					       .quiesce = engine_quiesce,
					       .forget = forget_all,
					       .hop_take = engine_hop_take,
					       .hop_give = engine_hop_give,
					       .marked = on_marked,
					       .owner = engine};
	int err = sd_event_add_time_relative(engine->event, &engine->reap, CLOCK_MONOTONIC, REAP_INTERVAL_US,
					     0, on_reap, engine);

	if (err >= 0)
		err = sd_event_source_set_enabled(engine->reap, SD_EVENT_OFF);
	if (err >= 0)
		err = outbound_new(&config, &engine->outbound);
	return err < 0 ? err
		       : outbound_events_new(engine->outbound, engine->event, engine->monitor,
					     &engine->outbound_events);
}

int engine_run(const struct engine_config *config)
{
	struct engine engine = {.config = config, .loader = {.socket = config->ipc}};
	int err = config->provider->ctx_new(&engine.crypto);

	if (err) {
		log_error("crypto provider %s cannot start: %s", config->provider->name, strerror(-err));
		return err;
	}
	log_info("crypto: %s, sink: %s", config->provider->ctx_describe(engine.crypto), config->sink->name);
	if (config->legacy)
		log_warning("--legacy: SAs may have DES, 3DES and MD5, which RFC 8221 is against");
	err = sd_event_new(&engine.event);
	if (err >= 0)
		err = monitor_new(on_demand_changed, &engine, &engine.monitor);
	if (err >= 0)
		err = engine_route_begin(&engine);
	if (err >= 0)
		err = make_outbound(&engine);
	if (err >= 0)
		err = engine_dummies_begin(&engine);
	if (err >= 0)
		err = engine_resume(&engine);
	if (err >= 0) {
		engine_attach_inside(&engine);
		err = serve(&engine);
	}
	if (err < 0)
		log_error("the control thread ends: %s", strerror(-err));
	/* To free SAs is to wipe them, and the next engine is to find them. */
	if (err < 0 && config->state)
		_exit(EXIT_FAILURE);
	for (size_t i = 0; i < XESP_IFACES_MAX; i++) {
		iface_free(engine.ifaces[i]);
		engine.ifaces[i] = NULL;
	}
	engine_dummies_end(&engine);
	outbound_events_free(engine.outbound_events);
	outbound_free(engine.outbound);
	sd_event_source_unref(engine.reap);
	engine_route_end(&engine);
	monitor_free(engine.monitor);
	config->provider->ctx_free(engine.crypto);
	sd_event_unref(engine.event);
	return err;
}
