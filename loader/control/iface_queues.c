/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/iface_queues.h"

#include <errno.h>

#include "base/cleanup.h"
#include "control/iface_events.h"

int iface_queues_receive(struct loader_channel *loader, struct iface *iface, struct worker_queue *ret_queue,
			 struct failure *ret_failure)
{
	struct ipc_message message;
	int fds[IPC_FDS_MAX];
	size_t count = 0;
	int err = loader_answer(loader, &message, fds, &count, ret_failure);

	if (err)
		return err;
	if (message.type != IPC_QUEUE || count < 2 || count > IPC_QUEUE_FDS)
		return loader_unexpected(&message, fds, count, ret_failure);
	if (count > 3) {
		atomic_store(&iface->port->segments, message.queue.udp_segments);
		port_add(iface->port, message.queue.number, fds[3]);
	}
	*ret_queue = (struct worker_queue){
		.info = message.queue, .socket = fds[0], .umem = fds[1], .sink = count > 2 ? fds[2] : -1};
	return 0;
}

void iface_queues_close(struct worker_queue *queue)
{
	cleanup_fd(&queue->socket);
	cleanup_fd(&queue->umem);
	cleanup_fd(&queue->sink);
}

/* Asks the loader for the sockets of the queues from `from` on. */
static int ask(struct loader_channel *loader, struct iface *iface, uint32_t from, uint32_t count,
	       struct worker_queue *queues, struct failure *ret_failure)
{
	struct ipc_message message = {
		.type = IPC_SET_QUEUES,
		.queues = {.ifindex = iface->info.ifindex, .from = from, .count = count}};
	struct ipc_message done;
	int err = loader_do(loader, &message, &done, ret_failure);

	for (uint32_t i = 0; i < count - from && !err; i++) {
		err = iface_queues_receive(loader, iface, &queues[i], ret_failure);
		while (err && i)
			iface_queues_close(&queues[--i]);
	}
	return err;
}

int iface_queues_set(struct loader_channel *loader, struct iface *iface, uint32_t count,
		     struct failure *ret_failure)
{
	uint32_t before = worker_group_count(iface->workers);
	uint32_t from = before < count ? before : count;
	struct worker_queue queues[XESP_QUEUES_MAX] = {0};
	struct failure ignored;
	int err = ask(loader, iface, from, count, queues, ret_failure);
	int start_err;

	if (err)
		return err;
	worker_group_stop(iface->workers);
	iface_events_drain(iface->events); /* those of workers that go would go with them */
	err = worker_group_resize(iface->workers, count, queues);
	start_err = iface_set_packet_max(iface);
	if (!start_err)
		start_err = worker_group_start(iface->workers, iface->db);
	iface->info.queues = worker_group_count(iface->workers);
	if (start_err) {
		failure_set(ret_failure, -start_err, "start workers", "", "%s", iface->info.dev);
		return -ESRCH;
	}
	if (err) {
		ask(loader, iface, before, before, queues, &ignored);
		return failure_set(ret_failure, -err, "make workers", "", "%u for %s", count,
				   iface->info.dev);
	}
	return 0;
}
