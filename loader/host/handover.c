/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/handover.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "host/port_open.h"
#include "host/tun.h"

/* Without a packet socket nothing is sent, but what is received is opened all the same. */
static int open_port(const struct attached *attached)
{
	struct failure failure;
	int fd = -1;

	if (port_open(attached->state.ifindex, &fd, &failure))
		log_warning("%s: nothing can be sent: %s", attached->state.dev, failure.reason);
	return fd;
}

static int send_queue(const struct handover *handover, struct attached *attached,
		      const struct xsk_opened *opened, struct failure *failure)
{
	struct ipc_message message = {.type = IPC_QUEUE, .id = handover->request, .queue = opened->info};
	int fds[IPC_QUEUE_FDS] = {opened->socket, opened->umem};
	CLEANUP_FD int sink = -1;
	CLEANUP_FD int port = -1;
	size_t count = 2;
	int err;

	if (handover->tun) {
		err = tun_open_queue(handover->tun, &sink, failure);
		if (err)
			return err;
		fds[count++] = sink;
		port = open_port(attached);
	}
	if (port >= 0)
		fds[count++] = port;
	message.queue.udp_segments = handover->udp_segments;
	err = xdp_set_socket(attached->xdp, opened->info.number, opened->socket, failure);
	if (err)
		return err;
	return supervisor_send(handover->engine, &message, fds, count);
}

int handover_queues(const struct handover *handover, struct attached *attached, uint32_t from, uint32_t count,
		    const struct xsk_opened *opened, struct failure *ret_failure)
{
	int err = 0;

	for (uint32_t i = from; i < count && !err; i++)
		err = send_queue(handover, attached, &opened[i], ret_failure);
	if (!err)
		attached->queues = count;
	return err;
}

int handover_attached(const struct handover *handover, struct attached *attached,
		      const struct xsk_opened *opened, struct failure *ret_failure)
{
	const struct ipc_link_state *state = &attached->state;
	struct ipc_message message = {.type = IPC_ATTACHED,
				      .id = handover->request,
				      .attached = {.ifindex = state->ifindex,
						   .mode = xdp_attachment_mode(attached->xdp),
						   .dispatcher = xdp_attachment_has_dispatcher(attached->xdp),
						   .queues = state->queues,
						   .capacity = handover->capacity,
						   .pass_keepalives = attached->pass_keepalives,
						   .inside = attached->inside,
						   .pieces = xdp_attachment_gets_pieces(attached->xdp),
						   .state = *state}};
	struct classifier_fds maps;
	int err;

	memcpy(message.attached.dev, state->dev, sizeof(message.attached.dev));
	xdp_attachment_fds(attached->xdp, &maps);
	_Static_assert(sizeof(maps) == IPC_ATTACHED_FDS * sizeof(int), "descriptors go as they stand");
	err = supervisor_send(handover->engine, &message, (const int *)&maps, IPC_ATTACHED_FDS);
	return err ? err : handover_queues(handover, attached, 0, state->queues, opened, ret_failure);
}
