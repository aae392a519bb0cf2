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
	int ipc;	   /* socket to the engine; the loader closes it */
	pid_t engine;	   /* its process */
	uint32_t capacity; /* SAs of one interface */
	const char *tun;   /* device to create; NULL: the null sink */
	bool routes;	   /* the engine may have routes set into it */
};

/* Runs until SIGTERM, SIGINT or SIGHUP (returns 0), or until the engine ends or breaks the protocol (-errno).
 * On return every interface is detached and the engine is gone. */
int loader_run(const struct loader_config *config);

#endif
