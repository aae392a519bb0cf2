/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "host/claim.h"
#include "host/ipc.h"
#include "host/link.h"
#include "host/tun.h"
#include "host/xdp_attach.h"
#include "host/xsk_open.h"

/* How long the engine may take to end after it was asked to. */
#define ENGINE_STOP_USEC (5 * 1000000ull)
/* An engine that takes no answer for so long is given up. */
#define ENGINE_READ_SECONDS 3

struct attached {
	bool used;
	char dev[IF_NAMESIZE];
	uint32_t ifindex;
	struct claim claim;
	struct xdp_attachment *xdp;
};

struct loader {
	const struct loader_config *config;
	sd_event *event;
	struct link_watch *links;
	int tun;
	bool stopping;
	int result;
	uint32_t request; /* id of the one that is served */
	struct attached attached[XESP_IFACES_MAX];
};

static struct attached *find_attached(struct loader *loader, uint32_t ifindex)
{
	for (size_t i = 0; i < XESP_IFACES_MAX; i++)
		if (loader->attached[i].used && loader->attached[i].ifindex == ifindex)
			return &loader->attached[i];
	return NULL;
}

static void release(struct attached *attached, bool interface_gone)
{
	xdp_detach(attached->xdp, interface_gone);
	claim_release(&attached->claim);
	memset(attached, 0, sizeof(*attached));
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

static int send_queue(struct loader *loader, struct attached *attached, const struct xsk_opened *opened,
		      struct failure *failure)
{
	struct ipc_message message = {.type = IPC_QUEUE, .queue = opened->info};
	int fds[IPC_QUEUE_FDS] = {opened->socket, opened->umem};
	CLEANUP_FD int sink = -1;
	size_t count = 2;
	int err;

	if (loader->config->tun) {
		err = tun_open_queue(loader->config->tun, &sink, failure);
		if (err)
			return err;
		fds[count++] = sink;
	}
	err = xdp_set_socket(attached->xdp, opened->info.number, opened->socket, failure);
	if (err)
		return err;
	return reply(loader, &message, fds, count);
}

/* Everything that can fail for want of a queue is done before the engine hears of success. */
static int open_queues(const struct attached *attached, uint32_t count, struct xsk_opened *opened,
		       struct failure *failure)
{
	for (uint32_t i = 0; i < count; i++) {
		int err = xsk_open(attached->dev, attached->ifindex, i, &opened[i], failure);

		if (err)
			return err;
	}
	return 0;
}

static int send_attached(struct loader *loader, struct attached *attached, uint32_t queues,
			 const struct xsk_opened *opened, struct failure *failure)
{
	struct ipc_message message = {.type = IPC_ATTACHED,
				      .attached = {.ifindex = attached->ifindex,
						   .mode = xdp_attachment_mode(attached->xdp),
						   .dispatcher = xdp_attachment_has_dispatcher(attached->xdp),
						   .queues = queues,
						   .capacity = loader->config->capacity}};
	struct classifier_fds maps;
	int err;

	memcpy(message.attached.dev, attached->dev, sizeof(message.attached.dev));
	xdp_attachment_fds(attached->xdp, &maps);
	_Static_assert(sizeof(maps) == IPC_ATTACHED_FDS * sizeof(int), "descriptors go as they stand");
	err = reply(loader, &message, (const int *)&maps, IPC_ATTACHED_FDS);
	for (uint32_t i = 0; i < queues && !err; i++)
		err = send_queue(loader, attached, &opened[i], failure);
	return err;
}

static int attach_claimed(struct loader *loader, const struct ipc_attach *request, struct attached *attached,
			  uint32_t queues, struct failure *failure)
{
	struct xdp_attach_request xdp = {.dev = attached->dev,
					 .ifindex = attached->ifindex,
					 .mode = request->mode,
					 .capacity = loader->config->capacity,
					 .config = {.enabled = 1,
						    .pass_keepalives = !!request->pass_keepalives,
						    .packet_max = XESP_PACKET_MAX,
						    .audit_per_second = XESP_AUDIT_PER_SECOND}};
	struct xsk_opened opened[XESP_QUEUES_MAX];
	int err;

	for (size_t i = 0; i < XESP_QUEUES_MAX; i++)
		opened[i].socket = opened[i].umem = -1;
	err = xdp_attach(&xdp, &attached->xdp, failure);
	if (!err)
		err = open_queues(attached, queues, opened, failure);
	if (!err)
		err = send_attached(loader, attached, queues, opened, failure);
	/* The engine has its own copies now. */
	for (size_t i = 0; i < XESP_QUEUES_MAX; i++)
		xsk_opened_close(&opened[i]);
	return err;
}

static int attach(struct loader *loader, const struct ipc_attach *request, struct failure *failure)
{
	struct attached *attached = NULL;
	struct attached fresh = {.used = true, .claim = {.fd = -1}};
	struct link_info info;
	int err;

	if (!memchr(request->dev, '\0', sizeof(request->dev)) || request->mode > IPC_XDP_GENERIC)
		return failure_set(failure, EINVAL, "attach", "", "malformed request");
	err = link_query(request->dev, &info, failure);
	if (err)
		return err;
	attached = find_attached(loader, info.ifindex);
	if (attached) /* renamed since, or the engine gave up waiting */
		return failure_set(failure, EEXIST, "attach", "detach it first, or restart xespd",
				   "%s is attached already, as %s", request->dev, attached->dev);
	for (size_t i = 0; i < XESP_IFACES_MAX && !attached; i++)
		if (!loader->attached[i].used)
			attached = &loader->attached[i];
	if (!attached)
		return failure_set(failure, ENOSPC, "attach", "detach another interface first",
				   "%d interfaces are attached already", XESP_IFACES_MAX);
	memcpy(fresh.dev, request->dev, sizeof(fresh.dev));
	fresh.ifindex = info.ifindex;
	err = claim_take(fresh.dev, fresh.ifindex, &fresh.claim, failure);
	if (err)
		return err;
	err = attach_claimed(loader, request, &fresh, info.queues, failure);
	if (err) {
		release(&fresh, false);
		return err;
	}
	*attached = fresh;
	return 0;
}

static int detach(struct loader *loader, uint32_t ifindex, struct failure *failure)
{
	struct attached *attached = find_attached(loader, ifindex);
	struct ipc_message done = {.type = IPC_DONE};

	if (!attached)
		return failure_set(failure, ENOENT, "detach", "", "interface %u is not attached", ifindex);
	log_info("%s: detached", attached->dev);
	release(attached, false);
	return reply(loader, &done, NULL, 0);
}

/* ---- events ----------------------------------------------------------------------------------------- */

static void give_up(struct loader *loader, const char *what, int err)
{
	log_error("%s: %s; ending: packets go to the kernel from now on", what, strerror(-err));
	loader->result = err;
	sd_event_exit(loader->event, 0);
}

static void serve(struct loader *loader, const struct ipc_message *message)
{
	struct failure failure = {.error = EIO};
	int err;

	loader->request = message->id;
	switch (message->type) {
	case IPC_ATTACH: err = attach(loader, &message->attach, &failure); break;
	case IPC_DETACH: err = detach(loader, message->link.ifindex, &failure); break;
	default: err = failure_set(&failure, EPROTO, "serve engine", "", "unknown request %u", message->type);
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

static void on_link_gone(uint32_t ifindex, void *ctx)
{
	struct loader *loader = ctx;
	struct attached *attached = find_attached(loader, ifindex);
	struct ipc_message message = {.type = IPC_LINK_GONE, .link = {.ifindex = ifindex}};
	int err;

	if (!attached)
		return;
	log_warning("%s: the interface is gone; its SAs are deleted", attached->dev);
	release(attached, true);
	err = ipc_send(loader->config->ipc, &message, NULL, 0);
	if (err)
		give_up(loader, "the engine takes no word", err);
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

/* Waits for the engine, which ends when its socket closes; one that does not is killed. */
static void end_engine(pid_t engine)
{
	for (uint64_t waited = 0; waited < ENGINE_STOP_USEC; waited += 10000) {
		pid_t done = waitpid(engine, NULL, WNOHANG);

		if (done == engine || (done < 0 && errno == ECHILD))
			return;
		usleep(10000);
	}
	log_warning("the engine does not end, killing it");
	kill(engine, SIGKILL);
	waitpid(engine, NULL, 0);
}

static int run(struct loader *loader)
{
	static const struct timeval timeout = {.tv_sec = ENGINE_READ_SECONDS};
	struct failure failure;
	int err = sd_event_new(&loader->event);

	if (err < 0)
		return err;
	if (setsockopt(loader->config->ipc, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)))
		return -errno;
	err = link_watch_new(on_link_gone, loader, &loader->links);
	if (err)
		return err;
	if (loader->config->tun) {
		err = tun_create(loader->config->tun, &loader->tun, &failure);
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
			release(&loader.attached[i], false);
	close(config->ipc);
	end_engine(config->engine);
	link_watch_free(loader.links);
	cleanup_fd(&loader.tun);
	sd_event_unref(loader.event);
	return err;
}
