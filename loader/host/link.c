/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. */
#include "host/link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_arp.h>
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

static int ethtool(const char *dev, void *command)
{
	struct ifreq ifr = {.ifr_data = command};
	CLEANUP_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	return fd < 0 || ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
}

/* Queues in use according to the driver, 0 if it does not say: netlink only knows how many there could be.
 * -ENODEV: nothing has this name (any more). */
static int ethtool_queues(const char *dev, uint32_t *ret_rx, uint32_t *ret_tx)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	int err = ethtool(dev, &channels);

	if (err == -ENODEV)
		return err;
	*ret_rx = err ? 0 : channels.combined_count + channels.rx_count;
	*ret_tx = err ? 0 : channels.combined_count + channels.tx_count;
	return 0;
}

bool link_has_driver(const char *dev, const char *driver)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

	return !ethtool(dev, &info) && !strncmp(info.driver, driver, sizeof(info.driver));
}

static void cleanup_nl_sock(struct nl_sock **sock)
{
	nl_socket_free(*sock);
}

static void cleanup_link(struct rtnl_link **link)
{
	rtnl_link_put(*link);
}

/* The link named `dev`, or of that number if `dev` is NULL. Returns what libnl says. */
static int get_link(int ifindex, const char *dev, struct rtnl_link **ret_link)
{
	CLEANUP(cleanup_nl_sock) struct nl_sock *sock = nl_socket_alloc();
	int err;

	if (!sock)
		return -NLE_NOMEM;
	err = nl_connect(sock, NETLINK_ROUTE);
	return err ? err : rtnl_link_get_kernel(sock, ifindex, dev, ret_link);
}

static int read_state(struct rtnl_link *link, struct ipc_link_state *ret_state)
{
	struct ipc_link_state state = {.ifindex = (uint32_t)rtnl_link_get_ifindex(link),
				       .up = !!(rtnl_link_get_flags(link) & IFF_UP),
				       .running = !!(rtnl_link_get_flags(link) & IFF_RUNNING),
				       .mtu = rtnl_link_get_mtu(link),
				       .master = (uint32_t)rtnl_link_get_master(link)};
	int err;

	snprintf(state.dev, sizeof(state.dev), "%s", rtnl_link_get_name(link));
	err = ethtool_queues(state.dev, &state.queues, &state.tx_queues);
	if (err)
		return err;
	if (!state.queues) {
		state.queues = rtnl_link_get_num_rx_queues(link);
		state.tx_queues = rtnl_link_get_num_tx_queues(link);
	}
	if (!state.queues)
		state.queues = 1;
	*ret_state = state;
	return 0;
}

static bool is_missing(int nl_error)
{
	return nl_error == -NLE_OBJ_NOTFOUND || nl_error == -NLE_NODEV;
}

int link_query(const char *dev, struct ipc_link_state *ret_state, struct failure *ret_failure)
{
	CLEANUP(cleanup_link) struct rtnl_link *link = NULL;
	struct ipc_link_state state;
	int err = get_link(0, dev, &link);

	if (err && !is_missing(err))
		return failure_set(ret_failure, ENOMEM, "query interface", "", "%s: %s", dev,
				   nl_geterror(err));
	if (err)
		return failure_set(ret_failure, ENODEV, "query interface",
				   "see `ip link` in the network namespace that xespd runs in", "%s", dev);
	if (rtnl_link_get_arptype(link) != ARPHRD_ETHER)
		return failure_set(ret_failure, EOPNOTSUPP, "query interface",
				   "attach to the Ethernet interface that the packets arrive on",
				   "%s is no Ethernet interface", dev);
	err = read_state(link, &state);
	if (err)
		return failure_set(ret_failure, -err, "query interface", "try again", "%s", dev);
	if (state.queues > XESP_QUEUES_MAX)
		return failure_set(ret_failure, EOPNOTSUPP, "query interface",
				   "reduce them with `ethtool -L IFACE combined N`",
				   "%s has %u receive queues, %u are supported", dev, state.queues,
				   XESP_QUEUES_MAX);
	*ret_state = state;
	return 0;
}

int link_query_index(uint32_t ifindex, struct ipc_link_state *ret_state)
{
	CLEANUP(cleanup_link) struct rtnl_link *link = NULL;
	int err = get_link((int)ifindex, NULL, &link);

	if (err)
		return is_missing(err) ? -ENODEV : -EIO;
	/* Renamed in between: the next look finds it. */
	return read_state(link, ret_state) ? -EIO : 0;
}

struct link_watch {
	struct nl_sock *sock;
	const struct link_watch_ops *ops;
	void *ctx;
};

static int on_message(struct nl_msg *msg, void *arg)
{
	struct link_watch *watch = arg;
	struct nlmsghdr *header = nlmsg_hdr(msg);
	const struct ifinfomsg *info;

	if (nlmsg_datalen(header) < (int)sizeof(*info))
		return NL_OK;
	info = nlmsg_data(header);
	/* A port that leaves a bridge is announced as RTM_DELLINK of family AF_BRIDGE. */
	if (info->ifi_family != AF_UNSPEC)
		return NL_OK;
	if (header->nlmsg_type == RTM_DELLINK)
		watch->ops->gone((uint32_t)info->ifi_index, watch->ctx);
	else if (header->nlmsg_type == RTM_NEWLINK)
		watch->ops->changed((uint32_t)info->ifi_index, watch->ctx);
	return NL_OK;
}

int link_watch_new(const struct link_watch_ops *ops, void *ctx, struct link_watch **ret_watch)
{
	struct link_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->ops = ops;
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
	if (err == -NLE_AGAIN)
		return;
	log_warning("netlink: %s; looking at all interfaces", nl_geterror(err));
	watch->ops->lost(watch->ctx);
}
