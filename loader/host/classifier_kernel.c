// SPDX-License-Identifier: BSD-2-Clause
/*
 * The classifier in the kernel, unattached: frames go through BPF_PROG_TEST_RUN. For `xesp explain` and
 * tests. One thread at a time.
 */
#include <bpf/bpf.h>
#include <bpf/xesp.skel.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/classifier_bpf.h"
#include "host/classifier_maps.h"

#define OUTPUT_MAX (CLASSIFIER_FRAME_MAX + 256) /* the frame and metadata in front of it */

struct kernel {
	struct classifier_maps maps;
	struct xesp_bpf *object;
	int socket; /* unbound; being in the XSKMAP is all that a test run asks of it */
	uint64_t counters[XESP_CLASSIFIER_REASON_END];
	uint8_t output[OUTPUT_MAX];
};

static struct kernel *kernel_of(struct classifier *classifier)
{
	return (struct kernel *)((char *)classifier - offsetof(struct kernel, maps.classifier));
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* The reason whose counter moved since the last look: exactly one, by one, or -EPROTO. */
static int counted_reason(struct kernel *kernel, enum xesp_reason *ret_reason)
{
	uint64_t now[XESP_CLASSIFIER_REASON_END];
	unsigned int reason = 0, moved = 0;
	int ret;

	ret = classifier_maps_read_counters(&kernel->maps.classifier, now);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < XESP_CLASSIFIER_REASON_END; i++) {
		if (now[i] == kernel->counters[i])
			continue;
		moved += now[i] - kernel->counters[i] == 1 ? 1 : 2;
		reason = i;
	}
	memcpy(kernel->counters, now, sizeof(now));
	if (moved != 1)
		return -EPROTO;
	*ret_reason = (enum xesp_reason)reason;
	return 0;
}

static int kernel_run(struct classifier *classifier, const uint8_t *frame, size_t frame_len,
		      struct classifier_result *ret_result)
{
	struct kernel *kernel = kernel_of(classifier);
	struct xdp_md in = {.data_end = (uint32_t)frame_len}, out = {0};
	struct classifier_result result = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)frame_len,
		    .data_out = kernel->output, .data_size_out = sizeof(kernel->output), .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out), .repeat = 1);
	int ret;

	if (frame_len < ETH_HLEN || frame_len > CLASSIFIER_FRAME_MAX)
		return -EINVAL;
	ret = bpf_prog_test_run_opts(bpf_program__fd(kernel->object->progs.xesp_classify), &opts);
	if (ret)
		return ret;
	ret = counted_reason(kernel, &result.reason);
	if (ret)
		return ret;
	/* The output begins with the metadata. */
	if (out.data > opts.data_size_out)
		return -EPROTO;
	result.redirected = opts.retval == XDP_REDIRECT;
	if (result.redirected) {
		if (out.data != sizeof(result.meta))
			return -EPROTO;
		memcpy(&result.meta, kernel->output, sizeof(result.meta));
	}
	if (opts.retval != XDP_DROP) {
		result.frame = kernel->output + out.data;
		result.frame_len = opts.data_size_out - out.data;
	}
	*ret_result = result;
	return 0;
}

static void kernel_free(struct classifier *classifier)
{
	struct kernel *kernel = kernel_of(classifier);

	classifier_maps_cleanup(&kernel->maps);
	if (kernel->socket >= 0)
		close(kernel->socket);
	xesp_bpf__destroy(kernel->object);
	free(kernel);
}

static const struct classifier_ops kernel_ops = {
	.name = "kernel",
	.free = kernel_free,
	.set_config = classifier_maps_set_config,
	.set_parser = classifier_maps_set_parser,
	.add_sa = classifier_maps_add_sa,
	.del_sa = classifier_maps_del_sa,
	.read_counters = classifier_maps_read_counters,
	.run = kernel_run,
};

/* Test runs come in on queue 0. */
static int add_socket(struct kernel *kernel)
{
	uint32_t queue = 0;

	kernel->socket = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (kernel->socket < 0)
		return -errno;
	return bpf_map_update_elem(kernel->maps.fds.sockets, &queue, &kernel->socket, BPF_ANY);
}

static int kernel_load(struct kernel *kernel, uint32_t capacity)
{
	struct classifier_fds fds;
	int ret;

	ret = classifier_bpf_open(capacity, &kernel->object);
	if (ret)
		return ret;
	ret = xesp_bpf__load(kernel->object);
	if (ret)
		return ret;
	fds = classifier_bpf_fds(kernel->object);
	ret = classifier_maps_init(&kernel->maps, &kernel_ops, &fds, capacity, false);
	return ret ? ret : add_socket(kernel);
}

int classifier_kernel_new(uint32_t capacity, struct classifier **ret_classifier)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	libbpf_print_fn_t print;
	int ret;

	if (!kernel)
		return -ENOMEM;
	kernel->socket = -1;
	/* libbpf explains failures on standard error; the caller explains them better. */
	print = libbpf_set_print(quiet);
	ret = kernel_load(kernel, capacity);
	libbpf_set_print(print);
	if (ret) {
		kernel_free(&kernel->maps.classifier);
		return ret;
	}
	*ret_classifier = &kernel->maps.classifier;
	return 0;
}
