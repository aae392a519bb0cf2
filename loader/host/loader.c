/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "host/attached.h"
#include "host/handover.h"
#include "host/icmp_open.h"
#include "host/link.h"
#include "host/supervisor.h"
#include "host/tun.h"
#include "host/ways.h"

/* Interfaces are looked at this often, and at events not more often than that: the kernel tells nothing of
 * new queues, and some drivers tell of nothing. */
#define LOOK_USEC 1000000ull
#define LOOK_AGAIN_USEC 20000ull

struct loader {
	const struct loader_config *config;
	sd_event *event;
	struct supervisor *engine;
	struct link_watch *links;
	struct ways *ways;
	sd_event_source *look; /* timer */
	uint64_t looked;       /* when, CLOCK_MONOTONIC */
	int tun;
	uint32_t tun_mtu; /* as an engine asked for it, or 0 */
	bool disabled;	  /* as an engine was told by a client */
	int result;
	struct handover handover;
	struct attached attached[XESP_IFACES_MAX];
};

static struct attached *find_attached(struct loader *loader, uint32_t ifindex)
{
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (loader->attached[i].used && loader->attached[i].state.ifindex == ifindex)
			return &loader->attached[i];
	return NULL;
}

/* ---- attach ----------------------------------------------------------------------------------------- */

static int reply(const struct loader *loader, struct ipc_message *message)
{
	message->id = loader->handover.request;
	return supervisor_send(loader->engine, message, NULL, 0);
}

/* Everything that can fail for want of a queue is done before the engine hears of success. */
static int attach_to(struct loader *loader, const struct ipc_attach *request,
		     const struct ipc_link_state *state, struct attached *place, struct failure *failure)
{
	struct xsk_opened opened[XESP_QUEUES_MAX];
	struct attached fresh;
	int err = attached_new(request, state, loader->config->capacity,
			       ways_inside_of(loader->ways, state->dev), &fresh, failure);

	if (err)
		return err;
	fresh.transmit = loader->config->transmit;
	err = attached_open_queues(&fresh, 0, state->queues, opened, failure);
	if (!err)
		err = handover_attached(&loader->handover, &fresh, opened, failure);
	/* The engine has its own copies now. */
	attached_close_queues(opened);
	if (err)
		attached_release(&fresh, false);
	else
		*place = fresh;
	ways_look(loader->ways);
	return err;
}

static int attach(struct loader *loader, const struct ipc_attach *request, struct failure *failure)
{
	struct attached *place = NULL;
	const struct attached *before;
	struct ipc_link_state state;
	int err;

	if (!memchr(request->dev, '\0', sizeof(request->dev)) || request->mode > IPC_XDP_GENERIC)
		return failure_set(failure, EINVAL, "attach", "", "malformed request");
	err = link_query(request->dev, &state, failure);
	if (err)
		return err;
	before = find_attached(loader, state.ifindex);
	if (before) /* renamed this moment, or the engine gave up waiting */
		return failure_set(failure, EEXIST, "attach", "detach it first, or restart xespd",
				   "%s is attached already, as %s", request->dev, before->state.dev);
	for (size_t i = 0; i < XESP_IFACES_MAX && !place; i++)
		if (!loader->attached[i].used)
			place = &loader->attached[i];
	if (!place)
		return failure_set(failure, ENOSPC, "attach", "detach another interface first",
				   "%d interfaces are attached already", XESP_IFACES_MAX);
	return attach_to(loader, request, &state, place, failure);
}

static struct attached *find_for(struct loader *loader, uint32_t ifindex, const char *what,
				 struct failure *failure)
{
	struct attached *attached = find_attached(loader, ifindex);

	if (!attached)
		failure_set(failure, ENOENT, what, "", "interface %u is not attached", ifindex);
	return attached;
}

static int reply_done(const struct loader *loader, bool changed)
{
	struct ipc_message done = {.type = IPC_DONE, .done = {.changed = changed}};

	return reply(loader, &done);
}

/* Queues that are no more need nothing: their sockets were the engine's, which has closed them. */
static int set_queues(struct loader *loader, const struct ipc_queues *request, struct failure *failure)
{
	struct attached *attached = find_for(loader, request->ifindex, "set queues", failure);
	struct xsk_opened opened[XESP_QUEUES_MAX];
	int err;

	if (!attached)
		return -ENOENT;
	if (!request->count || request->count > XESP_QUEUES_MAX || request->from > request->count)
		return failure_set(failure, EINVAL, "set queues", "", "malformed request");
	err = attached_open_queues(attached, request->from, request->count, opened, failure);
	if (!err && request->from < request->count)
		err = xdp_refresh(attached->xdp, failure);
	if (!err)
		err = reply_done(loader, false);
	if (!err)
		err = handover_queues(&loader->handover, attached, request->from, request->count, opened,
				      failure);
	attached_close_queues(opened);
	return err;
}

static int reattach(struct loader *loader, uint32_t ifindex, struct failure *failure)
{
	struct attached *attached = find_for(loader, ifindex, "attach", failure);
	bool changed = false;
	int err = attached ? xdp_reattach(attached->xdp, &changed, failure) : -ENOENT;

	return err ? err : reply_done(loader, changed);
}

/* An interface that was attached for an engine that has ended: fresh sockets, the maps as they are. */
static int adopt(struct loader *loader, uint32_t ifindex, struct failure *failure)
{
	struct attached *attached = find_for(loader, ifindex, "adopt", failure);
	struct xsk_opened opened[XESP_QUEUES_MAX];
	int err;

	if (!attached)
		return -ENOENT;
	if (attached->queues)
		return failure_set(failure, EEXIST, "adopt", "", "%s has sockets", attached->state.dev);
	err = attached_open_queues(attached, 0, attached->state.queues, opened, failure);
	if (!err)
		err = handover_attached(&loader->handover, attached, opened, failure);
	attached_close_queues(opened);
	if (!err)
		attached->orphan = false;
	return err;
}

static int detach(struct loader *loader, uint32_t ifindex, struct failure *failure)
{
	struct attached *attached = find_for(loader, ifindex, "detach", failure);

	if (!attached)
		return -ENOENT;
	log_info("%s: detached", attached->state.dev);
	attached_release(attached, false);
	ways_look(loader->ways);
	return reply_done(loader, false);
}

/* ---- the engine ------------------------------------------------------------------------------------- */

/* The engine has taken over all that it wants; what else was there for the one before is of no use. */
static int ready(struct loader *loader)
{
	uint64_t usec = supervisor_ready(loader->engine);

	if (usec) {
		sd_notify(0, "STATUS=Another engine serves");
		log_info("another engine serves, %.1f ms after the last one ended", (double)usec / 1000);
	}
	ways_sweep(loader->ways);
	return reply_done(loader, false);
}

static int give_icmp(const struct loader *loader, struct failure *failure)
{
	struct ipc_message done = {.type = IPC_DONE, .id = loader->handover.request};
	int fds[IPC_ICMP_FDS];
	size_t count = 0;
	int err = icmp_open_all(fds, &count, failure);

	if (!err)
		err = supervisor_send(loader->engine, &done, fds, count);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return err;
}

static int serve_way(struct loader *loader, const struct ipc_message *message, struct failure *failure)
{
	int err = ways_serve(loader->ways, message, failure);

	if (!err && message->type == IPC_TUN_MTU)
		loader->tun_mtu = message->mtu.bytes;
	return err ? err : reply_done(loader, false);
}

static void on_request(const struct ipc_message *message, void *ctx)
{
	struct ipc_message failed = {.type = IPC_FAILED, .failed.error = EIO};
	struct failure *failure = &failed.failed;
	struct loader *loader = ctx;
	int err;

	loader->handover.request = message->id;
	switch (message->type) {
	case IPC_ATTACH: err = attach(loader, &message->attach, failure); break;
	case IPC_ADOPT: err = adopt(loader, message->link.ifindex, failure); break;
	case IPC_DETACH: err = detach(loader, message->link.ifindex, failure); break;
	case IPC_SET_QUEUES: err = set_queues(loader, &message->queues, failure); break;
	case IPC_REATTACH: err = reattach(loader, message->link.ifindex, failure); break;
	case IPC_READY: err = ready(loader); break;
	case IPC_SWITCH:
		loader->disabled = message->power.disabled;
		err = reply_done(loader, false);
		break;
	case IPC_ICMP: err = give_icmp(loader, failure); break;
	default: err = serve_way(loader, message, failure);
	}
	if (err)
		reply(loader, &failed);
}

static void on_engine_begins(const struct ipc_past *past, void *ctx)
{
	struct loader *loader = ctx;
	struct ipc_message message = {
		.type = IPC_BEGIN,
		.begin = {.past = *past, .disabled = loader->disabled, .tun_mtu = loader->tun_mtu}};

	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (loader->attached[i].used)
			message.begin.ifindex[message.begin.count++] = loader->attached[i].state.ifindex;
	supervisor_send(loader->engine, &message, NULL, 0);
}

/* Routes into the TUN device stay, or what is to be protected would leave in the clear; the device has no
 * queue and drops it. */
static void on_engine_ended(void *ctx)
{
	struct loader *loader = ctx;

	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (loader->attached[i].used)
			attached_suspend(&loader->attached[i]);
	ways_mark(loader->ways);
	sd_notify(0, "STATUS=The engine ended, another one begins");
}

static void on_given_up(int err, void *ctx)
{
	struct loader *loader = ctx;

	loader->result = err;
	sd_event_exit(loader->event, 0);
}

static void tell(struct loader *loader, const struct ipc_message *message)
{
	supervisor_send(loader->engine, message, NULL, 0);
}

/* ---- events ----------------------------------------------------------------------------------------- */

static void on_link_gone(uint32_t ifindex, void *ctx)
{
	struct loader *loader = ctx;
	struct attached *attached = find_attached(loader, ifindex);
	struct ipc_message message = {.type = IPC_LINK_GONE, .link = {.ifindex = ifindex}};

	if (!attached)
		return;
	log_warning("%s: the interface is gone; its SAs are deleted", attached->state.dev);
	attached_release(attached, true);
	ways_look(loader->ways);
	tell(loader, &message);
}

static bool serves(uint32_t ifindex, void *ctx)
{
	return find_attached(ctx, ifindex) != NULL;
}

static bool is_inside(uint32_t ifindex, void *ctx)
{
	const struct attached *attached = find_attached(ctx, ifindex);

	return attached && attached->inside;
}

static void on_word(struct ipc_message *message, void *ctx)
{
	tell(ctx, message);
}

static void look_at(struct loader *loader, struct attached *attached)
{
	struct ipc_message message = {.type = IPC_LINK_STATE};
	bool news = false;

	if (attached_look(attached, &news) == -ENODEV) {
		on_link_gone(attached->state.ifindex, loader);
	} else if (news) {
		message.state = attached->state;
		tell(loader, &message);
	}
}

static void look_soon(struct loader *loader)
{
	sd_event_source_set_time(loader->look, loader->looked + LOOK_AGAIN_USEC);
}

static int on_look(sd_event_source *source, uint64_t now, void *ctx)
{
	struct loader *loader = ctx;

	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (loader->attached[i].used)
			look_at(loader, &loader->attached[i]);
	sd_event_now(loader->event, CLOCK_MONOTONIC, &loader->looked);
	(void)now;
	sd_event_source_set_time(source, loader->looked + LOOK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void on_links_lost(void *ctx)
{
	look_soon(ctx);
}

static void on_link_changed(uint32_t ifindex, void *ctx)
{
	struct loader *loader = ctx;

	if (find_attached(loader, ifindex))
		look_soon(loader);
}

static int on_netlink(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct loader *loader = ctx;

	(void)source;
	(void)fd;
	(void)events;
	link_watch_read(loader->links);
	return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	struct loader *loader = ctx;

	(void)source;
	log_info("signal %u, ending", info->ssi_signo);
	return sd_event_exit(loader->event, 0);
}

static int add_events(struct loader *loader)
{
	sd_event *event = loader->event;
	int err = sd_event_add_time(event, &loader->look, CLOCK_MONOTONIC, 0, 1, on_look, loader);

	if (err >= 0)
		err = sd_event_add_io(event, NULL, link_watch_fd(loader->links), EPOLLIN, on_netlink, loader);
	if (err >= 0)
		err = sd_event_add_signal(event, NULL, SIGTERM, on_signal, loader);
	if (err >= 0)
		err = sd_event_add_signal(event, NULL, SIGINT, on_signal, loader);
	if (err >= 0)
		err = sd_event_add_signal(event, NULL, SIGHUP, on_signal, loader);
	return err < 0 ? err : 0;
}

static int start_engine(void *ctx, pid_t *ret_pid, int *ret_ipc)
{
	const struct loader *loader = ctx;

	return loader->config->start(loader->config->start_ctx, ret_pid, ret_ipc);
}

static int make_tun(struct loader *loader)
{
	struct failure failure;
	int err;

	if (!loader->config->tun)
		return 0;
	err = tun_create(loader->config->tun, &loader->handover.udp_segments, &loader->tun, &failure);
	if (err)
		log_error("%s: %s%s%s", failure.operation, failure.reason,
			  failure.advice[0] ? ". Next: " : "", failure.advice);
	return err;
}

static int make_all(struct loader *loader)
{
	static const struct link_watch_ops link_ops = {
		.changed = on_link_changed, .gone = on_link_gone, .lost = on_links_lost};
	static const struct supervisor_ops engine_ops = {.start = start_engine,
							 .began = on_engine_begins,
							 .says = on_request,
							 .ended = on_engine_ended,
							 .given_up = on_given_up};
	struct ways_config ways = {.tun = loader->config->tun,
				   .routes = loader->config->routes,
				   .inside = loader->config->inside,
				   .is_inside = is_inside,
				   .serves = serves,
				   .tell = on_word,
				   .ctx = loader};
	int err = sd_event_new(&loader->event);

	if (err < 0)
		return err;
	err = link_watch_new(&link_ops, loader, &loader->links);
	ways.event = loader->event;
	if (!err)
		err = ways_new(&ways, &loader->ways);
	if (!err)
		err = make_tun(loader);
	if (!err)
		err = add_events(loader);
	if (!err)
		err = supervisor_new(&engine_ops, loader, loader->event, &loader->engine);
	loader->handover.engine = loader->engine;
	return err;
}

static int run(struct loader *loader)
{
	int err = make_all(loader);

	if (!err)
		err = supervisor_start(loader->engine);
	if (err)
		return err;
	sd_notify(0, "READY=1");
	err = sd_event_loop(loader->event);
	sd_notify(0, "STOPPING=1");
	return err < 0 ? err : loader->result;
}

int loader_run(const struct loader_config *config)
{
	struct loader loader = {.config = config,
				.tun = -1,
				.disabled = config->disabled,
				.handover = {.tun = config->tun, .capacity = config->capacity}};
	int err;

	err = run(&loader);
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (loader.attached[i].used)
			attached_release(&loader.attached[i], false);
	supervisor_free(loader.engine);
	link_watch_free(loader.links);
	ways_free(loader.ways);
	cleanup_fd(&loader.tun);
	sd_event_source_unref(loader.look);
	sd_event_unref(loader.event);
	return err;
}
