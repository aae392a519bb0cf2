/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. */
#include "host/link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "base/log.h"

/* Queues in use according to the driver; 0 if it does not say. Netlink only knows how many there could be. */
static uint32_t ethtool_queues(const char *dev)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq ifr = {.ifr_data = (void *)&channels};
	CLEANUP_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &ifr))
		return 0;
	return channels.combined_count + channels.rx_count;
}

static void cleanup_nl_sock(struct nl_sock **sock)
{
	nl_socket_free(*sock);
}

static void cleanup_link(struct rtnl_link **link)
{
	rtnl_link_put(*link);
}

int link_query(const char *dev, struct link_info *ret_info, struct failure *ret_failure)
{
	CLEANUP(cleanup_nl_sock) struct nl_sock *sock = nl_socket_alloc();
	CLEANUP(cleanup_link) struct rtnl_link *link = NULL;
	struct link_info info;
	int err;

	if (!sock || nl_connect(sock, NETLINK_ROUTE))
		return failure_set(ret_failure, ENOMEM, "query interface", "", "no netlink socket for %s",
				   dev);
	err = rtnl_link_get_kernel(sock, 0, dev, &link);
	if (err)
		return failure_set(ret_failure, ENODEV, "query interface",
				   "see `ip link` in the network namespace that xespd runs in", "%s", dev);
	if (rtnl_link_get_arptype(link) != 1 /* ARPHRD_ETHER */)
		return failure_set(ret_failure, EOPNOTSUPP, "query interface",
				   "attach to the Ethernet interface that the packets arrive on",
				   "%s is no Ethernet interface", dev);
	info.ifindex = (uint32_t)rtnl_link_get_ifindex(link);
	info.queues = ethtool_queues(dev);
	if (!info.queues)
		info.queues = rtnl_link_get_num_rx_queues(link);
	if (!info.queues)
		info.queues = 1;
	if (info.queues > XESP_QUEUES_MAX)
		return failure_set(ret_failure, EOPNOTSUPP, "query interface",
				   "reduce them with `ethtool -L IFACE combined N`",
				   "%s has %u receive queues, %u are supported", dev, info.queues,
				   XESP_QUEUES_MAX);
	*ret_info = info;
	return 0;
}

struct link_watch {
	struct nl_sock *sock;
	link_gone_fn gone;
	void *ctx;
};

static int on_message(struct nl_msg *msg, void *arg)
{
	struct link_watch *watch = arg;
	struct nlmsghdr *header = nlmsg_hdr(msg);

	if (header->nlmsg_type == RTM_DELLINK && nlmsg_datalen(header) >= (int)sizeof(struct ifinfomsg)) {
		const struct ifinfomsg *info = nlmsg_data(header);

		/* A port that leaves a bridge is announced as RTM_DELLINK of family AF_BRIDGE. */
		if (info->ifi_family == AF_UNSPEC)
			watch->gone((uint32_t)info->ifi_index, watch->ctx);
	}
	return NL_OK;
}

int link_watch_new(link_gone_fn gone, void *ctx, struct link_watch **ret_watch)
{
	struct link_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->gone = gone;
	watch->ctx = ctx;
	watch->sock = nl_socket_alloc();
	if (!watch->sock)
		goto no_memory;
	nl_socket_disable_seq_check(watch->sock);
	nl_socket_modify_cb(watch->sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, watch);
	if (nl_connect(watch->sock, NETLINK_ROUTE) || nl_socket_add_membership(watch->sock, RTNLGRP_LINK) ||
	    nl_socket_set_nonblocking(watch->sock)) {
		link_watch_free(watch);
		return -EIO;
	}
	*ret_watch = watch;
	return 0;

no_memory:
	link_watch_free(watch);
	return -ENOMEM;
}

void link_watch_free(struct link_watch *watch)
{
	if (!watch)
		return;
	nl_socket_free(watch->sock);
	free(watch);
}

int link_watch_fd(const struct link_watch *watch)
{
	return nl_socket_get_fd(watch->sock);
}

void link_watch_read(struct link_watch *watch)
{
	int err;

	do {
		err = nl_recvmsgs_default(watch->sock);
	} while (!err);
	if (err != -NLE_AGAIN)
		log_warning("netlink: %s; an interface event may be lost", nl_geterror(err));
}
