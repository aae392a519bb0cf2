/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/loader_channel.h"

#include <errno.h>
#include <unistd.h>

/* The loader loads a BPF program and opens sockets in this time, or something is badly wrong. */
#define LOADER_TIMEOUT_MS 30000

static void close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

int loader_ask(struct loader_channel *loader, struct ipc_message *message, struct failure *ret_failure)
{
	int err;

	message->id = ++loader->last_id;
	err = ipc_send(loader->socket, message, NULL, 0);
	if (err)
		return failure_set(ret_failure, -err, "ask the loader", "restart xespd",
				   "no word to the loader process");
	return 0;
}

static bool is_unasked(const struct ipc_message *message)
{
	return message->type == IPC_LINK_GONE || message->type == IPC_LINK_STATE ||
	       message->type == IPC_NEXTHOP;
}

int loader_answer(struct loader_channel *loader, struct ipc_message *ret_message, int *ret_fds,
		  size_t *ret_fd_count, struct failure *ret_failure)
{
	for (;;) {
		int err = ipc_receive(loader->socket, LOADER_TIMEOUT_MS, ret_message, ret_fds, ret_fd_count);

		if (err)
			return failure_set(ret_failure, -err, "ask the loader", "restart xespd",
					   "no answer from the loader process");
		if (is_unasked(ret_message))
			loader_note(loader, ret_message);
		else if (ret_message->id == loader->last_id)
			break;
		close_fds(ret_fds, *ret_fd_count);
	}
	if (ret_message->type == IPC_FAILED) {
		close_fds(ret_fds, *ret_fd_count);
		*ret_failure = ret_message->failed;
		return -EREMOTEIO;
	}
	return 0;
}

int loader_unexpected(const struct ipc_message *message, const int *fds, size_t count,
		      struct failure *ret_failure)
{
	close_fds(fds, count);
	return failure_set(ret_failure, EPROTO, "ask the loader", "restart xespd", "unexpected answer %u",
			   message->type);
}

int loader_do(struct loader_channel *loader, struct ipc_message *message, struct ipc_message *ret_done,
	      struct failure *ret_failure)
{
	struct ipc_message answer;
	int fds[IPC_FDS_MAX];
	size_t count = 0;
	int err = loader_ask(loader, message, ret_failure);

	if (!err)
		err = loader_answer(loader, &answer, fds, &count, ret_failure);
	if (err)
		return err;
	if (answer.type != IPC_DONE)
		return loader_unexpected(&answer, fds, count, ret_failure);
	close_fds(fds, count);
	*ret_done = answer;
	return 0;
}

static uint32_t ifindex_of(const struct ipc_message *message)
{
	return message->type == IPC_LINK_STATE ? message->state.ifindex : message->link.ifindex;
}

void loader_note(struct loader_channel *loader, const struct ipc_message *message)
{
	size_t i = 0;

	if (!is_unasked(message))
		return;
	if (message->type == IPC_NEXTHOP) {
		if (loader->on_nexthop)
			loader->on_nexthop(loader->ctx, &message->nexthop);
		return;
	}
	while (i < loader->unasked_count && ifindex_of(&loader->unasked[i]) != ifindex_of(message))
		i++;
	/* The loader has at most XESP_IFACES_MAX interfaces, and gets no other one while it answers. */
	if (i == XESP_IFACES_MAX)
		return;
	loader->unasked[i] = *message;
	if (i == loader->unasked_count)
		loader->unasked_count++;
}

bool loader_noted(struct loader_channel *loader, struct ipc_message *ret_message)
{
	if (!loader->unasked_count)
		return false;
	*ret_message = loader->unasked[--loader->unasked_count];
	return true;
}
