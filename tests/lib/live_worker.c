/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts are put together as control/iface.c does, but without loader process, events and timers.
 */
#include "tests/lib/live_worker.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpf/xesp.skel.h>
#include <linux/if_link.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/tun.h"
#include "tests/lib/cable.h"
#include "tests/lib/xdp_bench.h"

static int make_store(const struct live_worker_config *config, struct live_worker *worker)
{
	struct sadb_config store = {.provider = config->provider,
				    .crypto = config->crypto,
				    .capacity = config->capacity,
				    .quiesce = worker_group_quiesce,
				    .forget = worker_group_forget,
				    .workers = worker->group};
	struct classifier_fds fds;
	int err = xdp_bench_classifier(config->capacity, worker->opened.socket, &worker->object, &fds);

	if (!err)
		err = classifier_fds_new(&fds, false, &worker->classifier);
	store.classifier = worker->classifier;
	return err ? err : sadb_new(&store, &worker->db);
}

/* Workers get the CPUs that the thread may use that adds them. */
static int add_queue(const struct live_worker_config *config, struct live_worker *worker)
{
	struct worker_queue queue = {.info = worker->opened.info,
				     .socket = worker->opened.socket,
				     .umem = worker->opened.umem,
				     .sink = -1};
	struct failure failure;
	cpu_set_t own;
	int err = 0;

	if (config->tun)
		err = tun_open_queue(config->tun, &queue.sink, &failure);
	if (err)
		return err;
	sched_getaffinity(0, sizeof(own), &own);
	cable_stay_on(config->cpu);
	err = worker_group_add(worker->group, &queue);
	sched_setaffinity(0, sizeof(own), &own);
	if (err) {
		cleanup_fd(&queue.sink);
		return err;
	}
	worker->opened.socket = worker->opened.umem = -1;
	worker_group_set_inside(worker->group, config->inside);
	return 0;
}

int live_worker_start(const struct live_worker_config *config, struct live_worker *worker)
{
	struct failure failure;
	int err;

	*worker =
		(struct live_worker){.ifindex = config->link->ifindex, .opened = {.socket = -1, .umem = -1}};
	err = xsk_open(config->link, 0, false, 1000, &worker->opened, &failure);
	if (err) {
		fprintf(stderr, "no AF_XDP socket: %s\n", failure.reason);
		return err;
	}
	err = worker_group_new(1, config->provider, config->sink, &worker->group);
	if (!err)
		err = make_store(config, worker);
	if (!err)
		err = add_queue(config, worker);
	if (!err)
		err = worker_group_start(worker->group, worker->db);
	if (!err)
		err = bpf_xdp_attach((int)worker->ifindex, xdp_bench_program(worker->object),
				     XDP_FLAGS_DRV_MODE, NULL);
	return err;
}

void live_worker_stop(struct live_worker *worker)
{
	bpf_xdp_detach((int)worker->ifindex, XDP_FLAGS_DRV_MODE, NULL);
	if (worker->group)
		worker_group_stop(worker->group);
	sadb_free(worker->db);
	worker_group_free(worker->group);
	classifier_free(worker->classifier);
	xesp_bpf__destroy(worker->object);
	xsk_opened_close(&worker->opened);
}

uint64_t live_worker_count(const struct live_worker *worker, enum xesp_reason reason)
{
	uint64_t counters[XESP_REASON_END] = {0};

	worker_group_counters(worker->group, counters);
	return counters[reason];
}
