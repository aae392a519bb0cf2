/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/iface_link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/iface_queues.h"

#define DETAIL_MAX 160

const char *iface_link_word(const struct ipc_link_state *state)
{
	if (!state->up)
		return "down";
	return state->running ? "up" : "no_carrier";
}

static void publish(const struct iface *iface, struct monitor *monitor, const char *detail)
{
	const struct event event = {.type = EVENT_INTERFACE, .sa_index = UINT32_MAX};

	monitor_publish(monitor, iface->info.dev, &event, detail);
}

void iface_link_tell(const struct iface *iface, struct monitor *monitor, const char *format, ...)
{
	char detail[DETAIL_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	publish(iface, monitor, detail);
}

static void tell_program(const struct iface *iface, struct monitor *monitor)
{
	const struct ipc_link_state *state = &iface->info.state;
	char detail[DETAIL_MAX];

	if (state->program == IPC_PROGRAM_OURS) {
		iface_link_tell(iface, monitor, "the XDP program is back");
		return;
	}
	if (state->program == IPC_PROGRAM_REPLACED)
		snprintf(detail, sizeof(detail), "the XDP program was replaced by '%.*s'",
			 (int)sizeof(state->other), state->other);
	else
		snprintf(detail, sizeof(detail), "the XDP program was removed");
	log_warning("%s: %s: packets of all SAs pass to the kernel; `xesp attach %s` puts it back",
		    iface->info.dev, detail, iface->info.dev);
	publish(iface, monitor, detail);
}

static void tell_changes(const struct iface *iface, const struct ipc_link_state *old, struct monitor *monitor)
{
	const struct ipc_link_state *state = &iface->info.state;

	if (strcmp(old->dev, state->dev) != 0)
		iface_link_tell(iface, monitor, "renamed, was %s", old->dev);
	if (strcmp(iface_link_word(old), iface_link_word(state)) != 0)
		iface_link_tell(iface, monitor, "link %s, was %s", iface_link_word(state),
				iface_link_word(old));
	if (old->mtu != state->mtu)
		iface_link_tell(iface, monitor, "mtu %u, was %u", state->mtu, old->mtu);
	if (old->master != state->master && state->master)
		iface_link_tell(iface, monitor, "a port of interface number %u now", state->master);
	else if (old->master != state->master)
		iface_link_tell(iface, monitor, "no port of another interface any more");
	if (old->program != state->program)
		tell_program(iface, monitor);
}

/* The loader repeats its word as long as there is a difference, so what fails is tried again, and told once.
 */
static int adjust_queues(struct loader_channel *loader, struct iface *iface, struct monitor *monitor)
{
	uint32_t before = worker_group_count(iface->workers);
	uint32_t wanted = iface->info.state.queues;
	struct failure failure;
	int err;

	if (wanted == before || !wanted || wanted > XESP_QUEUES_MAX)
		return 0;
	err = iface_queues_set(loader, iface, wanted, &failure);
	if (!err)
		iface_link_tell(iface, monitor, "receive queues: %u, were %u", wanted, before);
	else if (!iface->queues_failed || err == -ESRCH)
		log_warning("%s: %u receive queues now, %u are served: %s: %s", iface->info.dev, wanted,
			    before, failure.operation, failure.reason);
	iface->queues_failed = err != 0;
	return err == -ESRCH ? err : 0;
}

int iface_link_changed(struct loader_channel *loader, struct iface *iface, const struct ipc_link_state *state,
		       struct monitor *monitor)
{
	const struct ipc_link_state old = iface->info.state;

	iface->info.state = *state;
	memcpy(iface->info.dev, state->dev, sizeof(iface->info.dev));
	tell_changes(iface, &old, monitor);
	return adjust_queues(loader, iface, monitor);
}

int iface_link_repair(struct loader_channel *loader, struct iface *iface, struct monitor *monitor,
		      bool *ret_done, struct failure *ret_failure)
{
	struct ipc_message message = {.type = IPC_REATTACH, .link = {.ifindex = iface->info.ifindex}};
	struct ipc_message done;
	int err = loader_do(loader, &message, &done, ret_failure);

	if (err)
		return err;
	*ret_done = done.done.changed || iface->info.state.program != IPC_PROGRAM_OURS;
	iface->info.state.program = IPC_PROGRAM_OURS;
	if (*ret_done)
		tell_program(iface, monitor);
	return 0;
}
