/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cable ends with the namespace, which ends with the process.
 */
#include "tests/lib/cable.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link/veth.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SENDER "s0"
#define RECEIVER "r0"

static int set_up(const char *name)
{
	CLEANUP_FD int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_flags = IFF_UP};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	return control < 0 || ioctl(control, SIOCSIFFLAGS, &ifr) ? -errno : 0;
}

static int make_pair(void)
{
	struct nl_sock *sock = nl_socket_alloc();
	int err = sock ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;

	if (!err)
		err = rtnl_link_veth_add(sock, SENDER, RECEIVER, getpid());
	nl_socket_free(sock);
	return err ? -EIO : 0;
}

int cable_new(struct cable *ret_cable)
{
	int err = unshare(CLONE_NEWNET) ? -errno : make_pair();

	if (!err)
		err = set_up(SENDER);
	if (!err)
		err = set_up(RECEIVER);
	if (err)
		return err;
	*ret_cable = (struct cable){.sender = if_nametoindex(SENDER),
				    .link = {.dev = RECEIVER,
					     .ifindex = if_nametoindex(RECEIVER),
					     .up = 1,
					     .running = 1,
					     .mtu = 1500,
					     .queues = 1}};
	return 0;
}

void cable_stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}
