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

#include "base/child.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "host/attached.h"
#include "host/ipc.h"
#include "host/link.h"
#include "host/port_open.h"
#include "host/tun.h"
#include "host/ways.h"

/* How long the engine may take to end after it was asked to. */
#define ENGINE_STOP_USEC (5 * 1000000ull)
/* An engine that takes no answer for so long is given up. */
#define ENGINE_READ_SECONDS 3
/* Interfaces are looked at this often, and at events not more often than that: the kernel tells nothing of
 * new queues, and some drivers tell of nothing. */
#define LOOK_USEC 1000000ull
#define LOOK_AGAIN_USEC 20000ull

struct loader {
	const struct loader_config *config;
	sd_event *event;
	struct link_watch *links;
	struct ways *ways;
	sd_event_source *look; /* timer */
	uint64_t looked;       /* when, CLOCK_MONOTONIC */
	int tun;
	bool udp_segments; /* the kernel knows them */
	bool stopping;
	int result;
	uint32_t request; /* id of the one that is served */
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

static int reply(const struct loader *loader, struct ipc_message *message, const int *fds, size_t fd_count)
{
	message->id = loader->request;
	return ipc_send(loader->config->ipc, message, fds, fd_count);
}

static int reply_failed(const struct loader *loader, const struct failure *failure)
{
	struct ipc_message message = {.type = IPC_FAILED, .failed = *failure};

	return reply(loader, &message, NULL, 0);
}

/* Without a packet socket nothing is sent, but what is received is opened all the same. */
static int open_port(const struct attached *attached)
{
	struct failure failure;
	int fd = -1;

	if (port_open(attached->state.ifindex, &fd, &failure))
		log_warning("%s: nothing can be sent: %s", attached->state.dev, failure.reason);
	return fd;
}

static int send_queue(struct loader *loader, struct attached *attached, const struct xsk_opened *opened,
		      struct failure *failure)
{
	struct ipc_message message = {.type = IPC_QUEUE, .queue = opened->info};
	int fds[IPC_QUEUE_FDS] = {opened->socket, opened->umem};
	CLEANUP_FD int sink = -1;
	CLEANUP_FD int port = -1;
	size_t count = 2;
	int err;

	if (loader->config->tun) {
		err = tun_open_queue(loader->config->tun, &sink, failure);
		if (err)
			return err;
		fds[count++] = sink;
		port = open_port(attached);
	}
	if (port >= 0)
		fds[count++] = port;
	message.queue.udp_segments = loader->udp_segments;
	err = xdp_set_socket(attached->xdp, opened->info.number, opened->socket, failure);
	if (err)
		return err;
	return reply(loader, &message, fds, count);
}

static int send_queues(struct loader *loader, struct attached *attached, uint32_t from, uint32_t count,
		       const struct xsk_opened *opened, struct failure *failure)
{
	int err = 0;

	for (uint32_t i = from; i < count && !err; i++)
		err = send_queue(loader, attached, &opened[i], failure);
	if (!err)
		attached->queues = count;
	return err;
}

static int send_attached(struct loader *loader, struct attached *attached, const struct xsk_opened *opened,
			 struct failure *failure)
{
	const struct ipc_link_state *state = &attached->state;
	struct ipc_message message = {.type = IPC_ATTACHED,
				      .attached = {.ifindex = state->ifindex,
						   .mode = xdp_attachment_mode(attached->xdp),
						   .dispatcher = xdp_attachment_has_dispatcher(attached->xdp),
						   .queues = state->queues,
						   .capacity = loader->config->capacity,
						   .state = *state}};
	struct classifier_fds maps;
	int err;

	memcpy(message.attached.dev, state->dev, sizeof(message.attached.dev));
	xdp_attachment_fds(attached->xdp, &maps);
	_Static_assert(sizeof(maps) == IPC_ATTACHED_FDS * sizeof(int), "descriptors go as they stand");
	err = reply(loader, &message, (const int *)&maps, IPC_ATTACHED_FDS);
	return err ? err : send_queues(loader, attached, 0, state->queues, opened, failure);
}

/* Everything that can fail for want of a queue is done before the engine hears of success. */
static int attach_to(struct loader *loader, const struct ipc_attach *request,
		     const struct ipc_link_state *state, struct attached *place, struct failure *failure)
{
	struct xsk_opened opened[XESP_QUEUES_MAX];
	struct attached fresh;
	int err = attached_new(request, state, loader->config->capacity, &fresh, failure);

	if (err)
		return err;
	err = attached_open_queues(&fresh, 0, state->queues, opened, failure);
	if (!err)
		err = send_attached(loader, &fresh, opened, failure);
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

	return reply(loader, &done, NULL, 0);
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
		err = send_queues(loader, attached, request->from, request->count, opened, failure);
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

/* ---- events ----------------------------------------------------------------------------------------- */

static void give_up(struct loader *loader, const char *what, int err)
{
	log_error("%s: %s; ending: packets go to the kernel from now on", what, strerror(-err));
	loader->result = err;
	sd_event_exit(loader->event, 0);
}

static int serve_way(const struct loader *loader, const struct ipc_message *message, struct failure *failure)
{
	int err = ways_serve(loader->ways, message, failure);

	return err ? err : reply_done(loader, false);
}

static void serve(struct loader *loader, const struct ipc_message *message)
{
	struct failure failure = {.error = EIO};
	int err;

	loader->request = message->id;
	switch (message->type) {
	case IPC_ATTACH: err = attach(loader, &message->attach, &failure); break;
	case IPC_DETACH: err = detach(loader, message->link.ifindex, &failure); break;
	case IPC_SET_QUEUES: err = set_queues(loader, &message->queues, &failure); break;
	case IPC_REATTACH: err = reattach(loader, message->link.ifindex, &failure); break;
	default: err = serve_way(loader, message, &failure);
	}
	if (err)
		err = reply_failed(loader, &failure);
	if (err)
		give_up(loader, "the engine takes no answer", err);
}

static int on_ipc(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct loader *loader = ctx;
	struct ipc_message message;
	int fds[IPC_FDS_MAX];
	size_t fd_count = 0;
	int err = ipc_receive(fd, 0, &message, fds, &fd_count);

	(void)events;
	for (size_t i = 0; i < fd_count; i++)
		close(fds[i]); /* the engine has no descriptor to give */
	if (err == -EPIPE)     /* SIGCHLD tells how the engine ended */
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	else if (!err)
		serve(loader, &message);
	else if (err != -EAGAIN)
		give_up(loader, "message from the engine", err);
	return 0;
}

static void tell(struct loader *loader, const struct ipc_message *message)
{
	int err = ipc_send(loader->config->ipc, message, NULL, 0);

	if (err)
		give_up(loader, "the engine takes no word", err);
}

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
	loader->stopping = true;
	return sd_event_exit(loader->event, 0);
}

static int on_engine_end(sd_event_source *source, const siginfo_t *info, void *ctx)
{
	struct loader *loader = ctx;

	(void)source;
	if (!loader->stopping) {
		log_error(
			"the engine ended %s %d; detaching everything: packets go to the kernel from now on",
			info->si_code == CLD_EXITED ? "with status" : "by signal", info->si_status);
		loader->result = -ECHILD;
	}
	return sd_event_exit(loader->event, 0);
}

static int add_events(struct loader *loader)
{
	sd_event *event = loader->event;
	int err = sd_event_add_io(event, NULL, loader->config->ipc, EPOLLIN, on_ipc, loader);

	if (err >= 0)
		err = sd_event_add_time(event, &loader->look, CLOCK_MONOTONIC, 0, 1, on_look, loader);
	if (err >= 0)
		err = sd_event_add_io(event, NULL, link_watch_fd(loader->links), EPOLLIN, on_netlink, loader);
	if (err >= 0)
		err = sd_event_add_signal(event, NULL, SIGTERM, on_signal, loader);
	if (err >= 0)
		err = sd_event_add_signal(event, NULL, SIGINT, on_signal, loader);
	if (err >= 0)
		err = sd_event_add_signal(event, NULL, SIGHUP, on_signal, loader);
	if (err >= 0)
		err = sd_event_add_child(event, NULL, loader->config->engine, WEXITED, on_engine_end, loader);
	return err < 0 ? err : 0;
}

static int run(struct loader *loader)
{
	static const struct timeval timeout = {.tv_sec = ENGINE_READ_SECONDS};
	static const struct link_watch_ops link_ops = {
		.changed = on_link_changed, .gone = on_link_gone, .lost = on_links_lost};
	struct ways_config ways = {.tun = loader->config->tun,
				   .routes = loader->config->routes,
				   .serves = serves,
				   .tell = on_word,
				   .ctx = loader};
	struct failure failure;
	int err = sd_event_new(&loader->event);

	if (err < 0)
		return err;
	if (setsockopt(loader->config->ipc, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)))
		return -errno;
	err = link_watch_new(&link_ops, loader, &loader->links);
	ways.event = loader->event;
	if (!err)
		err = ways_new(&ways, &loader->ways);
	if (err)
		return err;
	if (loader->config->tun) {
		err = tun_create(loader->config->tun, &loader->udp_segments, &loader->tun, &failure);
		if (err) {
			log_error("%s: %s%s%s", failure.operation, failure.reason,
				  failure.advice[0] ? ". Next: " : "", failure.advice);
			return err;
		}
	}
	err = add_events(loader);
	if (err)
		return err;
	sd_notify(0, "READY=1");
	err = sd_event_loop(loader->event);
	sd_notify(0, "STOPPING=1");
	return err < 0 ? err : loader->result;
}

int loader_run(const struct loader_config *config)
{
	struct loader loader = {.config = config, .tun = -1};
	int err;

	err = run(&loader);
	loader.stopping = true;
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (loader.attached[i].used)
			attached_release(&loader.attached[i], false);
	close(config->ipc);
	/* It ends when its socket closes. */
	if (!child_wait(config->engine, ENGINE_STOP_USEC))
		log_warning("the engine did not end, it was killed");
	link_watch_free(loader.links);
	ways_free(loader.ways);
	cleanup_fd(&loader.tun);
	sd_event_source_unref(loader.look);
	sd_event_unref(loader.event);
	return err;
}
