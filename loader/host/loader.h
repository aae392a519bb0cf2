/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader process: keeps the privileges, does what the engine asks (attach, detach), watches the
 * interfaces and the engine. It parses no packet and no request of a client.
 */
#ifndef XESP_HOST_LOADER_H
#define XESP_HOST_LOADER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loader_config {
	/* Makes an engine process, which ends when the socket to it is closed; the loader owns both. */
	int (*start)(void *ctx, pid_t *ret_pid, int *ret_ipc);
	void *start_ctx;
	uint32_t capacity; /* SAs of one interface */
	const char *tun;   /* device to create; NULL: the null sink */
	bool transmit;	   /* AF_XDP sockets get transmit rings */
	bool routes;	   /* the engine may have routes set into it */
	bool disabled;	   /* the first engine begins switched off */
	/* Name of the interface that the hosts of a gateway are behind: attached, it has that role. NULL:
	 * there is none. */
	const char *inside;
};

/* Runs until SIGTERM, SIGINT or SIGHUP (returns 0), or until engines cannot begin or end too often (-ECHILD,
 * or what the last one did: -EPROTO, -EAGAIN). On return every interface is detached and no engine is left.
 */
int loader_run(const struct loader_config *config);

#endif
