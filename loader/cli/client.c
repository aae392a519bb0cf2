/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the socket and both message buffers. Runs on the CLI's only thread.
 */
#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <xesp/limits.h>

#include "base/cleanup.h"

#define RX_SIZE_FIRST 16384

struct client {
	int fd;
	unsigned int timeout_s;
	char *rx; /* replies as they came: bytes from rx_start to rx_end are unread */
	size_t rx_size;
	size_t rx_start;
	size_t rx_end;
	size_t rx_scanned; /* no NUL between rx_start and here */
	size_t tx_len;
	char tx[XESP_MESSAGE_MAX]; /* a fixed array: growing one would leave copies of keys in the heap */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for `events` until the deadline. */
static int wait_for(const struct client *client, short events, int64_t deadline_ms)
{
	struct pollfd pollfd = {.fd = client->fd, .events = events};
	int64_t left_ms = deadline_ms - now_ms();
	int ready;

	do {
		if (left_ms <= 0)
			return -ETIMEDOUT;
		ready = poll(&pollfd, 1, (int)left_ms);
		left_ms = deadline_ms - now_ms();
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return -errno;
	return ready ? 0 : -ETIMEDOUT;
}

static int64_t deadline_of(const struct client *client)
{
	return now_ms() + (int64_t)client->timeout_s * 1000;
}

int client_new(int fd, unsigned int timeout_s, struct client **ret_client)
{
	CLEANUP_CLIENT struct client *client = calloc(1, sizeof(*client));
	int flags;

	if (!client) {
		close(fd);
		return -ENOMEM;
	}
	client->fd = fd;
	client->timeout_s = timeout_s;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	client->rx = malloc(RX_SIZE_FIRST);
	if (!client->rx)
		return -ENOMEM;
	client->rx_size = RX_SIZE_FIRST;
	*ret_client = TAKE_PTR(client);
	return 0;
}

int client_open(const char *path, unsigned int timeout_s, struct client **ret_client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = timeout_s};
	CLEANUP_FD int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* A full backlog blocks connect(); the send timeout bounds it, and then it says EAGAIN. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return client_new(TAKE_FD(fd), timeout_s, ret_client);
}

void client_free(struct client *client)
{
	if (!client)
		return;
	close(client->fd);
	free(client->rx);
	free(client);
}

static int append_to_tx(const char *bytes, size_t len, void *ctx)
{
	struct client *client = ctx;

	/* One byte stays free for the NUL. */
	if (len >= sizeof(client->tx) - client->tx_len)
		return -1;
	memcpy(client->tx + client->tx_len, bytes, len);
	client->tx_len += len;
	return 0;
}

/* Writes a call into `tx`. */
static int encode_call(struct client *client, const char *method, json_t *parameters, bool more)
{
	json_t *call = json_pack("{s:s, s:O}", "method", method, "parameters", parameters);
	int err = 0;

	if (!call || (more && json_object_set_new(call, "more", json_true()) < 0))
		err = -ENOMEM;
	client->tx_len = 0;
	if (!err && json_dump_callback(call, append_to_tx, client, JSON_COMPACT) < 0)
		err = -EMSGSIZE;
	json_decref(call);
	if (!err)
		client->tx[client->tx_len++] = '\0';
	return err;
}

static int flush_tx(const struct client *client)
{
	int64_t deadline_ms = deadline_of(client);
	size_t done = 0;

	while (done < client->tx_len) {
		ssize_t sent = send(client->fd, client->tx + done, client->tx_len - done, MSG_NOSIGNAL);
		int err;

		if (sent >= 0) {
			done += (size_t)sent;
			continue;
		}
		if (errno == EPIPE)
			return -ECONNRESET;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		err = wait_for(client, POLLOUT, deadline_ms);
		if (err)
			return err;
	}
	return 0;
}

int client_send(struct client *client, const char *method, json_t *parameters, bool more)
{
	int err = encode_call(client, method, parameters, more);

	if (!err)
		err = flush_tx(client);
	explicit_bzero(client->tx, sizeof(client->tx));
	return err;
}

/* Makes room behind rx_end, moving or growing the buffer. */
static int make_room(struct client *client)
{
	size_t unread = client->rx_end - client->rx_start;
	char *larger;

	if (client->rx_end < client->rx_size)
		return 0;
	if (client->rx_start) {
		memmove(client->rx, client->rx + client->rx_start, unread);
		client->rx_scanned -= client->rx_start;
		client->rx_start = 0;
		client->rx_end = unread;
		return 0;
	}
	if (client->rx_size >= CLIENT_REPLY_MAX)
		return -EMSGSIZE;
	larger = realloc(client->rx, client->rx_size * 2);
	if (!larger)
		return -ENOMEM;
	client->rx = larger;
	client->rx_size *= 2;
	return 0;
}

/* Reads what there is, at least one byte. */
static int fill_rx(struct client *client, int64_t deadline_ms)
{
	int err = make_room(client);
	ssize_t got;

	if (err)
		return err;
	for (;;) {
		got = recv(client->fd, client->rx + client->rx_end, client->rx_size - client->rx_end, 0);
		if (got > 0)
			break;
		if (!got)
			return -ECONNRESET;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		err = wait_for(client, POLLIN, deadline_ms);
		if (err)
			return err;
	}
	client->rx_end += (size_t)got;
	return 0;
}

/* A Varlink reply is an object with nothing but parameters, error and continues. */
static int decode_reply(const char *text, size_t len, struct client_reply *ret_reply)
{
	struct client_reply reply = {0};
	json_t *parameters = NULL;
	int continues = 0;

	reply.message = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!reply.message ||
	    json_unpack_ex(reply.message, NULL, JSON_STRICT, "{s?o, s?s, s?b}", "parameters", &parameters,
			   "error", &reply.error, "continues", &continues) < 0) {
		json_decref(reply.message);
		return -EBADMSG;
	}
	/* Parameters may be missing or null where there are none. */
	if (!parameters || json_is_null(parameters)) {
		parameters = json_object();
		if (!parameters || json_object_set_new(reply.message, "parameters", parameters) < 0) {
			json_decref(reply.message);
			return -ENOMEM;
		}
	}
	if (!json_is_object(parameters)) {
		json_decref(reply.message);
		return -EBADMSG;
	}
	reply.parameters = parameters;
	reply.continues = continues;
	*ret_reply = reply;
	return 0;
}

int client_wait(const struct client *client, int other)
{
	struct pollfd fds[2] = {{.fd = client->fd, .events = POLLIN}, {.fd = other, .events = POLLIN}};

	/* What is buffered already must not keep `other` from being seen. */
	while (poll(fds, 2, client->rx_end > client->rx_start ? 0 : -1) < 0)
		if (errno != EINTR)
			return -errno;
	return fds[1].revents ? 1 : 0;
}

int client_receive(struct client *client, struct client_reply *ret_reply)
{
	int64_t deadline_ms = deadline_of(client);
	const char *message, *end;
	int err;

	for (;;) {
		size_t unscanned = client->rx_end - client->rx_scanned;

		end = unscanned ? memchr(client->rx + client->rx_scanned, '\0', unscanned) : NULL;
		if (end)
			break;
		client->rx_scanned = client->rx_end;
		err = fill_rx(client, deadline_ms);
		if (err)
			return err;
	}
	message = client->rx + client->rx_start;
	err = decode_reply(message, (size_t)(end - message), ret_reply);
	client->rx_start = (size_t)(end - client->rx) + 1;
	if (client->rx_start == client->rx_end)
		client->rx_start = client->rx_end = 0;
	client->rx_scanned = client->rx_start;
	return err;
}

void client_reply_clear(struct client_reply *reply)
{
	json_decref(reply->message);
	memset(reply, 0, sizeof(*reply));
}
