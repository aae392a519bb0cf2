/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of XDP programs, measured.
 */
#include "tests/lib/xdp_bench.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpf/xesp.skel.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <xesp/limits.h>

#include "host/classifier_bpf.h"

int xdp_bench_empty(void)
{
	static const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_XDP_HAS_FRAGS);

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "empty", "Dual BSD/GPL", insns, 2, &opts);
}

static int configure(const struct classifier_fds *fds, int socket)
{
	struct xesp_config config = {
		.enabled = 1, .packet_max = XESP_PACKET_JUMBO_MAX, .audit_per_second = 10, .multi_buffer = 1};
	struct classifier *classifier;
	uint32_t queue = 0;
	int ret;

	ret = classifier_fds_new(fds, false, &classifier);
	if (ret)
		return ret;
	ret = classifier->ops->set_config(classifier, &config);
	if (!ret)
		ret = bpf_map_update_elem(fds->sockets, &queue, &socket, BPF_ANY);
	classifier_free(classifier);
	return ret;
}

int xdp_bench_classifier(uint32_t capacity, int socket, struct xesp_bpf **ret_object,
			 struct classifier_fds *ret_fds)
{
	struct xesp_bpf *object = NULL;
	struct classifier_fds fds;
	int ret;

	ret = classifier_bpf_open(capacity, &object);
	if (!ret)
		ret = xesp_bpf__load(object);
	if (!ret) {
		fds = classifier_bpf_fds(object);
		ret = configure(&fds, socket);
	}
	if (ret) {
		xesp_bpf__destroy(object);
		return ret;
	}
	*ret_object = object;
	*ret_fds = fds;
	return 0;
}

int xdp_bench_program(const struct xesp_bpf *object)
{
	return bpf_program__fd(object->progs.xesp_classify);
}

int xdp_bench_run(int prog, const struct frame *frame, uint32_t action, double *ret_ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes, .data_size_in = (uint32_t)frame->len,
		    .repeat = XDP_BENCH_REPEAT);
	int ret = bpf_prog_test_run_opts(prog, &opts);

	if (ret)
		return ret;
	if (opts.retval != action)
		return -EPROTO;
	*ret_ns = (double)opts.duration;
	return 0;
}
