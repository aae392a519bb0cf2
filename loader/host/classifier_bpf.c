// SPDX-License-Identifier: BSD-2-Clause
/*
 * The BPF object, see the header. Loader process, and tools that load it for test runs.
 */
#include "host/classifier_bpf.h"

#include <bpf/xesp.skel.h>
#include <string.h>

#include "host/classifier_table.h"
#include <errno.h>

int classifier_bpf_open(uint32_t capacity, struct xesp_bpf **ret_object)
{
	struct xesp_bpf *object;
	int ret;

	if (!classifier_table_entries(4, capacity))
		return -EINVAL;
	object = xesp_bpf__open();
	if (!object)
		return -errno;
	ret = bpf_map__set_max_entries(object->maps.xesp_sa4, classifier_table_entries(4, capacity));
	if (!ret)
		ret = bpf_map__set_max_entries(object->maps.xesp_sa6, classifier_table_entries(6, capacity));
	if (ret) {
		xesp_bpf__destroy(object);
		return ret;
	}
	*ret_object = object;
	return 0;
}

int classifier_bpf_set_inside(struct xesp_bpf *object, uint32_t tun, const uint8_t mac[6], bool pieces)
{
	if (!object->rodata)
		return -EINVAL;
	object->rodata->xesp_inside_tun = tun;
	object->rodata->xesp_inside_pieces = pieces;
	memcpy(object->rodata->xesp_inside_mac, mac, sizeof(object->rodata->xesp_inside_mac));
	return 0;
}

struct classifier_fds classifier_bpf_fds(const struct xesp_bpf *object)
{
	return (struct classifier_fds){
		.config = bpf_map__fd(object->maps.xesp_config),
		.parsers = bpf_map__fd(object->maps.xesp_parsers),
		.sa4 = bpf_map__fd(object->maps.xesp_sa4),
		.sa6 = bpf_map__fd(object->maps.xesp_sa6),
		.counters = bpf_map__fd(object->maps.xesp_counters),
		.sockets = bpf_map__fd(object->maps.xesp_sockets),
		.audit = bpf_map__fd(object->maps.xesp_audit),
		.destinations = bpf_map__fd(object->maps.xesp_destinations),
	};
}
