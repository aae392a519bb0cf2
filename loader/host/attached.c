/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs in the loader process. */
#include "host/attached.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "host/link.h"

/* The kernel frees a queue of a socket that was closed a moment later, by a work item
 * (xp_release_deferred()). */
#define ORPHAN_PATIENCE_MS 2000

static struct xesp_config classifier_config(bool enabled, bool pass_keepalives)
{
	return (struct xesp_config){.enabled = enabled,
				    .pass_keepalives = pass_keepalives,
				    /* Until the engine has the sockets. */
				    .packet_max = XESP_PACKET_MAX,
				    .audit_per_second = XESP_AUDIT_PER_SECOND};
}

static int read_mac(const char *dev, uint8_t *ret_mac, struct failure *ret_failure)
{
	CLEANUP_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ifr))
		return failure_set(ret_failure, errno, "attach XDP program", "", "%s: no MAC address", dev);
	memcpy(ret_mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	return 0;
}

/* Linux 6.9: XDP in generic mode takes packets in several buffers, and so pieces of segments of up to 64 KB
 * as they are. */
static bool has_generic_buffers(void)
{
	struct utsname name;
	long major, minor;
	char *end;

	if (uname(&name))
		return false;
	major = strtol(name.release, &end, 10);
	minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	return major > 6 || (major == 6 && minor >= 9);
}

/* A program in native mode costs a veth device its segmentation offload: all that is sent to it on this host
 * is cut into packets in software, which the kernel's own traffic pays for as well. */
static bool is_better_generic(const struct ipc_attach *request, const struct ipc_link_state *state,
			      bool inside)
{
	return request->mode == IPC_XDP_AUTO && !inside && link_has_driver(state->dev, "veth") &&
	       has_generic_buffers();
}

/* Whatever keeps it from generic mode, another program for instance, native may do. */
static int attach_best(const struct ipc_attach *request, const struct ipc_link_state *state,
		       struct xdp_attach_request *xdp, struct xdp_attachment **ret_attachment,
		       struct failure *ret_failure)
{
	if (is_better_generic(request, state, xdp->inside_tun != 0)) {
		xdp->mode = IPC_XDP_GENERIC;
		if (!xdp_attach(xdp, ret_attachment, ret_failure))
			return 0;
		xdp->mode = request->mode;
	}
	return xdp_attach(xdp, ret_attachment, ret_failure);
}

int attached_new(const struct ipc_attach *request, const struct ipc_link_state *state, uint32_t capacity,
		 uint32_t tun, struct attached *ret_attached, struct failure *ret_failure)
{
	struct xdp_attach_request xdp = {.dev = state->dev,
					 .ifindex = state->ifindex,
					 .mode = request->mode,
					 .capacity = capacity,
					 .config = classifier_config(true, request->pass_keepalives),
					 .inside_tun = tun};
	struct attached attached = {.used = true,
				    .state = *state,
				    .pass_keepalives = request->pass_keepalives,
				    .inside = tun != 0,
				    .claim = {.fd = -1}};
	int err = tun ? read_mac(state->dev, xdp.inside_mac, ret_failure) : 0;

	if (err)
		return err;

	/* Native programs of a bond run on its ports, whose packets no AF_XDP socket of the bond gets. */
	if (link_has_driver(state->dev, "bonding")) {
		if (request->mode == IPC_XDP_NATIVE)
			return failure_set(ret_failure, EOPNOTSUPP, "attach XDP program",
					   "attach to its ports, or with --mode generic", "%s is a bond",
					   state->dev);
		xdp.mode = IPC_XDP_GENERIC;
	}
	err = claim_take(state->dev, state->ifindex, &attached.claim, ret_failure);

	if (err)
		return err;
	err = attach_best(request, state, &xdp, &attached.xdp, ret_failure);
	if (err) {
		attached_release(&attached, false);
		return err;
	}
	*ret_attached = attached;
	return 0;
}

void attached_release(struct attached *attached, bool interface_gone)
{
	xdp_detach(attached->xdp, interface_gone);
	claim_release(&attached->claim);
	memset(attached, 0, sizeof(*attached));
}

/* The whole of it is written: an engine that was taken over may have changed it. */
void attached_suspend(struct attached *attached)
{
	const struct xesp_config config = classifier_config(false, attached->pass_keepalives);

	attached->orphan = true;
	attached->queues = 0;
	if (xdp_set_config(attached->xdp, &config))
		log_error("%s: the classifier cannot be switched off", attached->state.dev);
}

int attached_open_queues(const struct attached *attached, uint32_t from, uint32_t count,
			 struct xsk_opened *opened, struct failure *ret_failure)
{
	for (uint32_t i = 0; i < XESP_QUEUES_MAX; i++)
		opened[i].socket = opened[i].umem = -1;
	for (uint32_t i = from; i < count; i++) {
		int err = xsk_open(&attached->state, i, attached->transmit,
				   attached->orphan ? ORPHAN_PATIENCE_MS : 0, &opened[i], ret_failure);

		if (err)
			return err;
	}
	return 0;
}

void attached_close_queues(struct xsk_opened *opened)
{
	for (size_t i = 0; i < XESP_QUEUES_MAX; i++)
		xsk_opened_close(&opened[i]);
}

int attached_look(struct attached *attached, bool *ret_news)
{
	struct ipc_link_state state;
	int err = link_query_index(attached->state.ifindex, &state);
	bool changed;

	if (err)
		return err;
	/* Those above stay the kernel's. */
	if (state.queues > XESP_QUEUES_MAX)
		state.queues = XESP_QUEUES_MAX;
	xdp_check(attached->xdp, &state);
	changed = memcmp(&state, &attached->state, sizeof(state)) != 0;
	if (strcmp(state.dev, attached->state.dev) != 0)
		xdp_rename(attached->xdp, state.dev);
	attached->state = state;
	*ret_news = changed || state.queues != attached->queues;
	return 0;
}
