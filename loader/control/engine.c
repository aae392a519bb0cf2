/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/engine.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/monitor.h"
#include "control/requests.h"
#include "control/varlink.h"

struct iface *engine_iface(const struct engine *engine, const char *dev)
{
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i] && !strcmp(engine->ifaces[i]->info.dev, dev))
			return engine->ifaces[i];
	return NULL;
}

struct iface *engine_pick(const struct engine *engine, const char *dev)
{
	struct iface *only = NULL;

	if (dev && dev[0])
		return engine_iface(engine, dev);
	for (size_t i = 0; i < XESP_IFACES_MAX; i++) {
		if (engine->ifaces[i] && only)
			return NULL;
		if (engine->ifaces[i])
			only = engine->ifaces[i];
	}
	return only;
}

static void remove_gone(struct engine *engine, uint32_t ifindex)
{
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (engine->ifaces[i] && engine->ifaces[i]->info.ifindex == ifindex) {
			log_warning("%s: gone, %u SAs with it", engine->ifaces[i]->info.dev,
				    sadb_count(engine->ifaces[i]->db));
			iface_free(engine->ifaces[i]);
			engine->ifaces[i] = NULL;
		}
}

static void remove_all_gone(struct engine *engine)
{
	while (engine->loader.gone_count)
		remove_gone(engine, engine->loader.gone[--engine->loader.gone_count]);
}

/* Word of vanished interfaces that came while a request waited for the loader. */
static int after_request(sd_event_source *source, void *ctx)
{
	(void)source;
	remove_all_gone(ctx);
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
	if (!err && message.type == IPC_LINK_GONE)
		remove_gone(engine, message.link.ifindex);
	return 0;
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	(void)info;
	(void)ctx;
	return sd_event_exit(sd_event_source_get_event(source), 0);
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
		err = sd_event_add_signal(engine->event, NULL, SIGTERM, on_terminate, NULL);
	if (err >= 0)
		err = sd_event_loop(engine->event);
	varlink_server_free(server);
	return err;
}

int engine_run(const struct engine_config *config)
{
	struct engine engine = {
		.config = config, .loader = {.socket = config->ipc}, .disabled = config->disabled};
	int err = config->provider->ctx_new(&engine.crypto);

	if (err) {
		log_error("crypto provider %s cannot start: %s", config->provider->name, strerror(-err));
		return err;
	}
	log_info("crypto: %s, sink: %s", config->provider->ctx_describe(engine.crypto), config->sink->name);
	err = sd_event_new(&engine.event);
	if (err >= 0)
		err = monitor_new(on_demand_changed, &engine, &engine.monitor);
	if (err >= 0)
		err = serve(&engine);
	if (err < 0)
		log_error("the control thread ends: %s", strerror(-err));
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		iface_free(engine.ifaces[i]);
	monitor_free(engine.monitor);
	config->provider->ctx_free(engine.crypto);
	sd_event_unref(engine.event);
	return err;
}
