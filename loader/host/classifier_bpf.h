/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF object: opening it with a capacity, and the map descriptors of one that is loaded. Loading and
 * attaching are the caller's, through the skeleton <bpf/xesp.skel.h>.
 */
#ifndef XESP_HOST_CLASSIFIER_BPF_H
#define XESP_HOST_CLASSIFIER_BPF_H

#include "host/classifier.h"

struct xesp_bpf;

/* Opens the embedded object and gives both SA tables room for `capacity` SAs; destroy it with
 * xesp_bpf__destroy(). -EINVAL for a capacity of 0 or above XESP_SA_CAPACITY_MAX, -ENOMEM. Needs no
 * privileges yet. */
int classifier_bpf_open(uint32_t capacity, struct xesp_bpf **ret_object);
/* Before it is loaded: it is for the inside interface of a gateway, with this MAC address. `tun`: number of
 * the TUN device, 0: it is not. `pieces`: segments that are to be cut can come in one piece. -EINVAL: the
 * object has no such data. */
int classifier_bpf_set_inside(struct xesp_bpf *object, uint32_t tun, const uint8_t mac[6], bool pieces);
/* All descriptors of a loaded object; they stay the object's. */
struct classifier_fds classifier_bpf_fds(const struct xesp_bpf *object);

#endif
