/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What benchmarks of the classifier share: a program that does nothing to compare with, and the time of a
 * packet by BPF_PROG_TEST_RUN. Needs root.
 */
#ifndef XESP_TESTS_XDP_BENCH_H
#define XESP_TESTS_XDP_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "host/classifier.h"
#include "tests/lib/frame.h"

#define XDP_BENCH_REPEAT 1000000

struct xesp_bpf;

/* Descriptor of an XDP program that passes every packet, or -errno. */
int xdp_bench_empty(void);
/* Loads the classifier for `capacity` SAs of each family, switched on, with `socket` as what packets are
 * redirected to. -errno. */
int xdp_bench_classifier(uint32_t capacity, int socket, struct xesp_bpf **ret_object,
			 struct classifier_fds *ret_fds);
int xdp_bench_program(const struct xesp_bpf *object);
/* Nanoseconds a packet over XDP_BENCH_REPEAT runs; -EPROTO if the program does not end with `action`. */
int xdp_bench_run(int prog, const struct frame *frame, uint32_t action, double *ret_ns);

#endif
