/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network interfaces by netlink (libnl) and ethtool: what attaching needs to know of one, and word of
 * its end. Loader process only.
 */
#ifndef XESP_HOST_LINK_H
#define XESP_HOST_LINK_H

#include <stdint.h>

#include "host/ipc.h"

struct link_info {
	uint32_t ifindex;
	uint32_t queues; /* receive queues in use, at least 1 */
};

int link_query(const char *dev, struct link_info *ret_info, struct failure *ret_failure);

struct link_watch;
typedef void (*link_gone_fn)(uint32_t ifindex, void *ctx);

/* Calls `gone` from link_watch_read() for each interface that is removed or leaves this namespace. */
int link_watch_new(link_gone_fn gone, void *ctx, struct link_watch **ret_watch);
void link_watch_free(struct link_watch *watch); /* NULL-safe */
int link_watch_fd(const struct link_watch *watch);
void link_watch_read(struct link_watch *watch);

#endif
