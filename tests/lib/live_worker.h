/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One interface as xespd has it, in the caller's process: the classifier, an SA store, and a worker behind
 * AF_XDP. The caller is the control thread. Needs root.
 */
#ifndef XESP_TESTS_LIVE_WORKER_H
#define XESP_TESTS_LIVE_WORKER_H

#include "control/sadb.h"
#include "dataplane/worker.h"
#include "host/xsk_open.h"

struct xesp_bpf;

struct live_worker_config {
	const struct ipc_link_state *link; /* of the interface */
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto;
	uint32_t capacity; /* SAs */
	const struct sink_ops *sink;
	const char *tun;       /* device of the sink; NULL: it has none */
	struct inside *inside; /* of the sink `dev` */
	int cpu;	       /* the worker's; the caller stays where it is */
};

struct live_worker {
	uint32_t ifindex;
	struct xsk_opened opened;
	struct xesp_bpf *object;
	struct classifier *classifier;
	struct sadb *db;
	struct worker_group *group;
};

/* -errno, said on standard error if the loader's part fails. To be stopped also on failure. */
int live_worker_start(const struct live_worker_config *config, struct live_worker *worker);
void live_worker_stop(struct live_worker *worker);

/* Packets that ended under `reason` in the data plane. */
uint64_t live_worker_count(const struct live_worker *worker, enum xesp_reason reason);

#endif
