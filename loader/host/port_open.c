/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. */
#include "host/port_open.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* What may be on its way out of a socket, as the kernel reckons: some dozens of frames of 64 KB. The default
 * is less than four of them. */
#define SEND_BUFFER_BYTES (4 * 1024 * 1024)

/* It is bound to no protocol. But whoever has a packet socket can bind it to another one; the engine is not
 * trusted with what others receive, so a filter that it cannot take off lets nothing in. */
static int receive_nothing(int socket)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = {.len = 1, .filter = &nothing};
	const int on = 1;

	if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ||
	    setsockopt(socket, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)))
		return -errno;
	return 0;
}

static int set_up(int socket, uint32_t ifindex)
{
	const struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)ifindex};
	const int on = 1, bytes = SEND_BUFFER_BYTES;

	if (setsockopt(socket, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    bind(socket, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	/* Without CAP_NET_ADMIN here the default stays, and long bursts lose packets. */
	(void)setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	return 0;
}

int port_open(uint32_t ifindex, int *ret_socket, struct failure *ret_failure)
{
	CLEANUP_FD int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = fd < 0 ? -errno : receive_nothing(fd);

	if (!err)
		err = set_up(fd, ifindex);
	if (err)
		return failure_set(ret_failure, -err, "open packet socket",
				   err == -EAFNOSUPPORT ? "use a kernel with CONFIG_PACKET" : "run as root",
				   "no packet socket for interface %u", ifindex);
	*ret_socket = TAKE_FD(fd);
	return 0;
}
