/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/ipc.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int failure_set(struct failure *ret_failure, int error, const char *operation, const char *advice,
		const char *format, ...)
{
	struct failure failure = {.error = error};
	va_list args;
	size_t used;

	snprintf(failure.operation, sizeof(failure.operation), "%s", operation);
	snprintf(failure.advice, sizeof(failure.advice), "%s", advice);
	va_start(args, format);
	vsnprintf(failure.reason, sizeof(failure.reason), format, args);
	va_end(args);
	used = strlen(failure.reason);
	snprintf(failure.reason + used, sizeof(failure.reason) - used, ": %s", strerror(error));
	*ret_failure = failure;
	return -error;
}

int ipc_send(int socket, const struct ipc_message *message, const int *fds, size_t fd_count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)message, .iov_len = sizeof(*message)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd_count > IPC_FDS_MAX)
		return -EINVAL;
	if (fd_count) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * fd_count);
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
	}
	for (;;) {
		if (sendmsg(socket, &msg, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

/* Descriptors of a message that is refused must not stay open in this process. */
static int take_fds(struct msghdr *msg, int *fds, size_t *ret_count)
{
	size_t count = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t here;

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		here = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (count + here > IPC_FDS_MAX)
			return -EPROTO;
		memcpy(fds + count, CMSG_DATA(cmsg), here * sizeof(int));
		count += here;
	}
	*ret_count = count;
	return 0;
}

static int wait_readable(int socket, int timeout_ms)
{
	struct pollfd fd = {.fd = socket, .events = POLLIN};
	int n;

	do {
		n = poll(&fd, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -EAGAIN;
}

int ipc_receive(int socket, int timeout_ms, struct ipc_message *ret_message, int *ret_fds,
		size_t *ret_fd_count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
	} control;
	struct ipc_message message;
	struct iovec iov = {.iov_base = &message, .iov_len = sizeof(message)};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	int fds[IPC_FDS_MAX];
	size_t count = 0;
	ssize_t n;
	int err = wait_readable(socket, timeout_ms);

	if (err)
		return err;
	do {
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	err = take_fds(&msg, fds, &count);
	if (err || n != sizeof(message) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		return -EPROTO;
	}
	memcpy(ret_message, &message, sizeof(message));
	memcpy(ret_fds, fds, sizeof(int) * count);
	*ret_fd_count = count;
	return 0;
}
