/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "host/restarts.h"

/* How long the engine may take to end after it was asked to, or has closed its socket. */
#define STOP_USEC (5 * 1000000ull)
/* An engine that takes no answer for so long is given up. */
#define READ_SECONDS 3

struct supervisor {
	const struct supervisor_ops *ops;
	void *ctx;
	sd_event *event;
	sd_event_source *io;
	sd_event_source *child;
	sd_event_source *timer; /* of the next start, or of the end of an engine that has left */
	struct restarts restarts;
	struct ipc_past past;
	uint64_t ended; /* CLOCK_MONOTONIC, us */
	pid_t pid;	/* 0: there is none */
	int ipc;
	int err;    /* why it was killed */
	bool left;  /* its end of the socket is closed */
	bool ready; /* one of them was */
};

static uint64_t clock_usec(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Its end comes as SIGCHLD, like any other. */
static void kill_engine(struct supervisor *supervisor, const char *what, int err)
{
	if (!supervisor->pid || supervisor->err)
		return;
	log_error("%s: %s; ending the engine", what, strerror(-err));
	supervisor->err = err;
	sd_event_source_set_enabled(supervisor->io, SD_EVENT_OFF);
	kill(supervisor->pid, SIGKILL);
}

/* It no longer listens or speaks, so it is about to end: SIGCHLD tells how. One that does not is no use, and
 * nobody else would follow it. */
static void on_left(struct supervisor *supervisor)
{
	if (supervisor->left || supervisor->err)
		return;
	supervisor->left = true;
	sd_event_source_set_enabled(supervisor->io, SD_EVENT_OFF);
	sd_event_source_set_time(supervisor->timer, clock_usec(CLOCK_MONOTONIC) + STOP_USEC);
	sd_event_source_set_enabled(supervisor->timer, SD_EVENT_ONESHOT);
}

static int on_ipc(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct supervisor *supervisor = ctx;
	struct ipc_message message;
	int fds[IPC_FDS_MAX];
	size_t fd_count = 0;
	int err = ipc_receive(fd, 0, &message, fds, &fd_count);

	(void)source;
	(void)events;
	for (size_t i = 0; i < fd_count; i++)
		close(fds[i]); /* the engine has no descriptor to give */
	if (err == -EPIPE)
		on_left(supervisor);
	else if (!err)
		supervisor->ops->says(&message, supervisor->ctx);
	else if (err != -EAGAIN)
		kill_engine(supervisor, "message from the engine", err);
	return 0;
}

int supervisor_send(struct supervisor *supervisor, const struct ipc_message *message, const int *fds,
		    size_t fd_count)
{
	int err;

	if (!supervisor->pid)
		return 0;
	err = ipc_send(supervisor->ipc, message, fds, fd_count);
	if (err == -EPIPE)
		on_left(supervisor);
	else if (err)
		kill_engine(supervisor, "the engine takes no word", err);
	return err;
}

/* ---- end ---------------------------------------------------------------------------------------------- */

static void drop_channel(struct supervisor *supervisor)
{
	supervisor->io = sd_event_source_disable_unref(supervisor->io);
	cleanup_fd(&supervisor->ipc);
	supervisor->ipc = -1;
	supervisor->pid = 0;
}

static void note_end(struct supervisor *supervisor, const siginfo_t *info)
{
	supervisor->ended = clock_usec(CLOCK_MONOTONIC);
	supervisor->past.count++;
	supervisor->past.by_signal = info->si_code != CLD_EXITED;
	supervisor->past.status = info->si_status;
	supervisor->past.ended_us = clock_usec(CLOCK_REALTIME);
}

static void give_up(struct supervisor *supervisor, const char *why)
{
	int err = supervisor->err ? supervisor->err : -ECHILD;

	log_error("%s; detaching everything: packets go to the kernel from now on", why);
	supervisor->ops->given_up(err, supervisor->ctx);
}

static int plan_another(struct supervisor *supervisor)
{
	uint64_t now = clock_usec(CLOCK_MONOTONIC);
	uint64_t pause;

	if (!restarts_allow(&supervisor->restarts, now, &pause)) {
		give_up(supervisor, "engines ended too often");
		return 0;
	}
	if (pause)
		log_warning("another engine begins in %llu ms", (unsigned long long)pause / 1000);
	sd_event_source_set_time(supervisor->timer, now + pause);
	return sd_event_source_set_enabled(supervisor->timer, SD_EVENT_ONESHOT);
}

/* By then all its threads are gone and its descriptors are closed (do_exit() in Linux): no socket of it is
 * left in the XSKMAP. */
static int on_end(sd_event_source *source, const siginfo_t *info, void *ctx)
{
	struct supervisor *supervisor = ctx;

	(void)source;
	log_error("the engine ended %s %d", info->si_code == CLD_EXITED ? "with status" : "by signal",
		  info->si_status);
	drop_channel(supervisor);
	note_end(supervisor, info);
	if (!supervisor->ready) {
		give_up(supervisor, "it cannot begin");
		return 0;
	}
	supervisor->ops->ended(supervisor->ctx);
	return plan_another(supervisor);
}

/* ---- begin -------------------------------------------------------------------------------------------- */

static int listen_to(struct supervisor *supervisor)
{
	static const struct timeval timeout = {.tv_sec = READ_SECONDS};
	int err;

	if (setsockopt(supervisor->ipc, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)))
		return -errno;
	err = sd_event_add_io(supervisor->event, &supervisor->io, supervisor->ipc, EPOLLIN, on_ipc,
			      supervisor);
	if (err >= 0)
		err = sd_event_add_child(supervisor->event, &supervisor->child, supervisor->pid, WEXITED,
					 on_end, supervisor);
	return err < 0 ? err : 0;
}

int supervisor_start(struct supervisor *supervisor)
{
	int err;

	supervisor->child = sd_event_source_unref(supervisor->child);
	supervisor->err = 0;
	supervisor->left = false;
	err = supervisor->ops->start(supervisor->ctx, &supervisor->pid, &supervisor->ipc);
	if (!err)
		err = listen_to(supervisor);
	if (!err)
		supervisor->ops->began(&supervisor->past, supervisor->ctx);
	return err;
}

static int on_timer(sd_event_source *source, uint64_t now, void *ctx)
{
	struct supervisor *supervisor = ctx;
	int err;

	(void)source;
	(void)now;
	if (supervisor->pid) {
		kill_engine(supervisor, "the engine left, but does not end", -EPIPE);
		return 0;
	}
	err = supervisor_start(supervisor);
	if (!err)
		return 0;
	log_error("no engine can be started: %s", strerror(-err));
	if (!supervisor->pid)
		return plan_another(supervisor);
	kill_engine(supervisor, "an engine that cannot be watched", err);
	give_up(supervisor, "no engine can be watched");
	return 0;
}

uint64_t supervisor_ready(struct supervisor *supervisor)
{
	supervisor->ready = true;
	return supervisor->past.count ? clock_usec(CLOCK_MONOTONIC) - supervisor->ended : 0;
}

int supervisor_new(const struct supervisor_ops *ops, void *ctx, sd_event *event,
		   struct supervisor **ret_supervisor)
{
	struct supervisor *supervisor = calloc(1, sizeof(*supervisor));
	int err;

	if (!supervisor)
		return -ENOMEM;
	supervisor->ops = ops;
	supervisor->ctx = ctx;
	supervisor->event = sd_event_ref(event);
	supervisor->ipc = -1;
	err = sd_event_add_time(event, &supervisor->timer, CLOCK_MONOTONIC, 0, 1, on_timer, supervisor);
	if (err >= 0)
		err = sd_event_source_set_enabled(supervisor->timer, SD_EVENT_OFF);
	if (err < 0) {
		supervisor_free(supervisor);
		return err;
	}
	*ret_supervisor = supervisor;
	return 0;
}

void supervisor_free(struct supervisor *supervisor)
{
	pid_t pid;

	if (!supervisor)
		return;
	pid = supervisor->pid;
	sd_event_source_disable_unref(supervisor->timer);
	sd_event_source_disable_unref(supervisor->child);
	drop_channel(supervisor);
	/* It ends when its socket closes. */
	if (pid && !child_wait(pid, STOP_USEC))
		log_warning("the engine did not end, it was killed");
	sd_event_unref(supervisor->event);
	free(supervisor);
}
