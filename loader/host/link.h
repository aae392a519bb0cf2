/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network interfaces by netlink (libnl) and ethtool: what attaching needs to know of one, and word of
 * its changes. Loader process only.
 */
#ifndef XESP_HOST_LINK_H
#define XESP_HOST_LINK_H

#include <stdint.h>

#include "host/ipc.h"

/* The state of an interface that can be attached to; what the program is, the caller knows. */
int link_query(const char *dev, struct ipc_link_state *ret_state, struct failure *ret_failure);
/* The same of an interface that is attached, whatever its name is now. -ENODEV: there is none; other errors
 * say nothing about it. */
int link_query_index(uint32_t ifindex, struct ipc_link_state *ret_state);

bool link_has_driver(const char *dev, const char *driver);

struct link_watch;

struct link_watch_ops {
	void (*changed)(uint32_t ifindex, void *ctx); /* something of it; perhaps nothing that matters */
	void (*gone)(uint32_t ifindex, void *ctx);    /* removed, or moved to another namespace */
	void (*lost)(void *ctx);		      /* events were lost: anything may have changed */
};

/* Calls `ops` from link_watch_read(). */
int link_watch_new(const struct link_watch_ops *ops, void *ctx, struct link_watch **ret_watch);
void link_watch_free(struct link_watch *watch); /* NULL-safe */
int link_watch_fd(const struct link_watch *watch);
void link_watch_read(struct link_watch *watch);

#endif
