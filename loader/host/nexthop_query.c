/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. Each request has exactly one answer, which is there when sending returns. */
#include "host/nexthop_query.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct nexthop_query {
	struct nl_sock *sock;
	/* Of the request under way. */
	int (*take)(struct nlmsghdr *header, void *ret);
	void *ret;
	bool taken;
	int error; /* libnl's word for the kernel's */
};

static int on_answer(struct nl_msg *msg, void *arg)
{
	struct nexthop_query *query = arg;

	if (query->take && !query->take(nlmsg_hdr(msg), query->ret))
		query->taken = true;
	return NL_OK;
}

int nexthop_query_new(struct nexthop_query **ret_query)
{
	struct nexthop_query *query = calloc(1, sizeof(*query));

	if (!query)
		return -ENOMEM;
	query->sock = nl_socket_alloc();
	if (!query->sock) {
		free(query);
		return -ENOMEM;
	}
	nl_socket_disable_auto_ack(query->sock);
	nl_socket_modify_cb(query->sock, NL_CB_VALID, NL_CB_CUSTOM, on_answer, query);
	if (nl_connect(query->sock, NETLINK_ROUTE)) {
		nexthop_query_free(query);
		return -EIO;
	}
	*ret_query = query;
	return 0;
}

void nexthop_query_free(struct nexthop_query *query)
{
	if (!query)
		return;
	nl_socket_free(query->sock);
	free(query);
}

/* Sends `msg`, frees it, and gives the answer to `take`. 1: the kernel says no; -EIO: it says nothing. */
static int ask(struct nexthop_query *query, struct nl_msg *msg,
	       int (*take)(struct nlmsghdr *header, void *ret), void *ret)
{
	int err;

	query->take = take;
	query->ret = ret;
	query->taken = false;
	err = nl_send_auto(query->sock, msg);
	nlmsg_free(msg);
	if (err < 0)
		return -EIO;
	err = query->error = nl_recvmsgs_default(query->sock);
	if (err == -NLE_NOMEM || err == -NLE_SEQ_MISMATCH || err == -NLE_AGAIN)
		return -EIO;
	return err || (take && !query->taken) ? 1 : 0;
}

/* A message of `type` with its fixed header, and an address of `attribute` unless that is 0. */
static struct nl_msg *message(int type, int flags, const void *header, size_t header_bytes, int attribute,
			      const struct ip_addr *addr)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (!msg)
		return NULL;
	if (nlmsg_append(msg, (void *)header, header_bytes, NLMSG_ALIGNTO) ||
	    (attribute && nla_put(msg, attribute, (int)ip_addr_size(addr->family), addr->bytes))) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static void take_addr(const struct nlattr *attribute, uint8_t family, struct ip_addr *ret_addr)
{
	size_t bytes = ip_addr_size(family);

	if (!attribute || !bytes || (size_t)nla_len(attribute) != bytes)
		return;
	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->family = family;
	memcpy(ret_addr->bytes, nla_data(attribute), bytes);
}

/* ---- route ------------------------------------------------------------------------------------------ */

static uint32_t route_mtu(struct nlattr *metrics)
{
	struct nlattr *attributes[RTAX_MAX + 1];

	if (!metrics || nla_parse_nested(attributes, RTAX_MAX, metrics, NULL) || !attributes[RTAX_MTU] ||
	    nla_len(attributes[RTAX_MTU]) != sizeof(uint32_t))
		return 0;
	return nla_get_u32(attributes[RTAX_MTU]);
}

static int take_route(struct nlmsghdr *header, void *ret)
{
	struct nexthop_route *route = ret;
	struct nlattr *attributes[RTA_MAX + 1];
	const struct rtmsg *rtm = nlmsg_data(header);
	const struct rtvia *via;

	if (header->nlmsg_type != RTM_NEWROUTE ||
	    nlmsg_parse(header, sizeof(*rtm), attributes, RTA_MAX, NULL) || rtm->rtm_type != RTN_UNICAST ||
	    !attributes[RTA_OIF] || nla_len(attributes[RTA_OIF]) != sizeof(uint32_t))
		return -ENETUNREACH;
	route->ifindex = nla_get_u32(attributes[RTA_OIF]);
	take_addr(attributes[RTA_GATEWAY], rtm->rtm_family, &route->gateway);
	/* An IPv4 route by way of an IPv6 neighbour (RFC 8950). */
	if (attributes[RTA_VIA] && nla_len(attributes[RTA_VIA]) == (int)sizeof(*via) + 16) {
		via = nla_data(attributes[RTA_VIA]);
		if (via->rtvia_family == AF_INET6) {
			route->gateway = (struct ip_addr){.family = AF_INET6};
			memcpy(route->gateway.bytes, via->rtvia_addr, 16);
		}
	}
	route->mtu = route_mtu(attributes[RTA_METRICS]);
	return 0;
}

int nexthop_query_route(struct nexthop_query *query, const struct ip_addr *dst,
			struct nexthop_route *ret_route)
{
	struct rtmsg rtm = {.rtm_family = dst->family, .rtm_dst_len = dst->family == AF_INET ? 32 : 128};
	struct nl_msg *msg = message(RTM_GETROUTE, 0, &rtm, sizeof(rtm), RTA_DST, dst);
	struct nexthop_route route = {.gateway = *dst};
	int err = msg ? ask(query, msg, take_route, &route) : -EIO;

	if (err)
		return err < 0 ? err : -ENETUNREACH;
	*ret_route = route;
	return 0;
}

static int take_length(struct nlmsghdr *header, void *ret)
{
	const struct rtmsg *rtm = nlmsg_data(header);

	if (header->nlmsg_type != RTM_NEWROUTE || nlmsg_datalen(header) < (int)sizeof(*rtm))
		return -ENETUNREACH;
	*(uint8_t *)ret = rtm->rtm_dst_len;
	return 0;
}

int nexthop_query_match(struct nexthop_query *query, const struct ip_addr *addr, uint8_t *ret_length)
{
	struct rtmsg rtm = {.rtm_family = addr->family,
			    .rtm_dst_len = addr->family == AF_INET ? 32 : 128,
			    .rtm_flags = RTM_F_FIB_MATCH};
	struct nl_msg *msg = message(RTM_GETROUTE, 0, &rtm, sizeof(rtm), RTA_DST, addr);
	uint8_t length = 0;
	int err = msg ? ask(query, msg, take_length, &length) : -EIO;

	if (err)
		return err < 0 ? err : -ENETUNREACH;
	*ret_length = length;
	return 0;
}

/* Of ours, as /etc/iproute2/rt_protos has numbers for others; and behind routes that somebody else set. */
#define ROUTE_PROTOCOL 114
#define ROUTE_METRIC 50

static struct nl_msg *route_message(int type, int flags, uint32_t ifindex, const struct ip_prefix *dst)
{
	struct rtmsg rtm = {.rtm_family = dst->addr.family,
			    .rtm_dst_len = dst->length,
			    .rtm_table = RT_TABLE_MAIN,
			    .rtm_protocol = ROUTE_PROTOCOL,
			    .rtm_scope = RT_SCOPE_LINK,
			    .rtm_type = RTN_UNICAST};
	struct nl_msg *msg;

	if (dst->addr.family == AF_INET6)
		rtm.rtm_scope = RT_SCOPE_UNIVERSE;
	msg = message(type, flags | NLM_F_ACK, &rtm, sizeof(rtm), RTA_DST, &dst->addr);
	if (msg && (nla_put_u32(msg, RTA_OIF, ifindex) || nla_put_u32(msg, RTA_PRIORITY, ROUTE_METRIC))) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

int nexthop_query_add_route(struct nexthop_query *query, uint32_t ifindex, const struct ip_prefix *dst,
			    const struct ip_addr *src)
{
	struct nl_msg *msg = route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, ifindex, dst);
	int err;

	if (!msg)
		return -EIO;
	if (src->family == dst->addr.family &&
	    nla_put(msg, RTA_PREFSRC, (int)ip_addr_size(src->family), src->bytes)) {
		nlmsg_free(msg);
		return -EIO;
	}
	err = ask(query, msg, NULL, NULL);
	if (err > 0)
		return query->error == -NLE_EXIST ? -EEXIST : -EINVAL;
	return err;
}

int nexthop_query_remove_route(struct nexthop_query *query, uint32_t ifindex, const struct ip_prefix *dst)
{
	struct nl_msg *msg = route_message(RTM_DELROUTE, 0, ifindex, dst);

	return msg && !ask(query, msg, NULL, NULL) ? 0 : -EIO;
}

/* ---- neighbour -------------------------------------------------------------------------------------- */

static int take_neighbour(struct nlmsghdr *header, void *ret)
{
	struct nexthop_neighbour *neighbour = ret;
	struct nlattr *attributes[NDA_MAX + 1];
	const struct ndmsg *ndm = nlmsg_data(header);

	if (header->nlmsg_type != RTM_NEWNEIGH ||
	    nlmsg_parse(header, sizeof(*ndm), attributes, NDA_MAX, NULL))
		return -ENOENT;
	neighbour->state = ndm->ndm_state;
	if (attributes[NDA_LLADDR] && nla_len(attributes[NDA_LLADDR]) == NEXTHOP_MAC_BYTES)
		memcpy(neighbour->mac, nla_data(attributes[NDA_LLADDR]), NEXTHOP_MAC_BYTES);
	return 0;
}

int nexthop_query_neighbour(struct nexthop_query *query, uint32_t ifindex, const struct ip_addr *addr,
			    struct nexthop_neighbour *ret_neighbour)
{
	struct ndmsg ndm = {.ndm_family = addr->family, .ndm_ifindex = (int)ifindex};
	struct nl_msg *msg = message(RTM_GETNEIGH, 0, &ndm, sizeof(ndm), NDA_DST, addr);
	struct nexthop_neighbour neighbour = {0};
	int err = msg ? ask(query, msg, take_neighbour, &neighbour) : -EIO;

	if (err < 0)
		return err;
	*ret_neighbour = neighbour;
	return 0;
}

int nexthop_query_use(struct nexthop_query *query, uint32_t ifindex, const struct ip_addr *addr)
{
	struct ndmsg ndm = {.ndm_family = addr->family, .ndm_ifindex = (int)ifindex, .ndm_flags = NTF_USE};
	struct nl_msg *msg =
		message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, &ndm, sizeof(ndm), NDA_DST, addr);

	return msg && !ask(query, msg, NULL, NULL) ? 0 : -EIO;
}

/* ---- interface -------------------------------------------------------------------------------------- */

static int take_link(struct nlmsghdr *header, void *ret)
{
	struct nexthop_link *link = ret;
	struct nlattr *attributes[IFLA_MAX + 1];
	const struct ifinfomsg *info = nlmsg_data(header);

	if (header->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse(header, sizeof(*info), attributes, IFLA_MAX, NULL) || !attributes[IFLA_ADDRESS] ||
	    nla_len(attributes[IFLA_ADDRESS]) != NEXTHOP_MAC_BYTES || !attributes[IFLA_MTU])
		return -ENODEV;
	link->up = info->ifi_flags & IFF_UP;
	link->mtu = nla_get_u32(attributes[IFLA_MTU]);
	memcpy(link->mac, nla_data(attributes[IFLA_ADDRESS]), NEXTHOP_MAC_BYTES);
	return 0;
}

int nexthop_query_link(struct nexthop_query *query, uint32_t ifindex, struct nexthop_link *ret_link)
{
	struct ifinfomsg info = {.ifi_index = (int)ifindex};
	struct nl_msg *msg = message(RTM_GETLINK, 0, &info, sizeof(info), 0, NULL);
	struct nexthop_link link = {0};
	int err = msg ? ask(query, msg, take_link, &link) : -EIO;

	if (err)
		return err < 0 ? err : -ENODEV;
	*ret_link = link;
	return 0;
}
