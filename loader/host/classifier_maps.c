// SPDX-License-Identifier: BSD-2-Clause
/*
 * Map operations on a loaded classifier, and the classifier made of nothing but them. Control thread.
 */
#include "host/classifier_maps.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct classifier_maps *maps_of(struct classifier *classifier)
{
	return (struct classifier_maps *)((char *)classifier - offsetof(struct classifier_maps, classifier));
}

int classifier_maps_init(struct classifier_maps *maps, const struct classifier_ops *ops,
			 const struct classifier_fds *fds)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *percpu;

	if (cpus < 0)
		return cpus;
	percpu = calloc((size_t)cpus * XESP_CLASSIFIER_REASON_END, sizeof(*percpu));
	if (!percpu)
		return -ENOMEM;
	*maps = (struct classifier_maps){.classifier.ops = ops, .fds = *fds, .cpus = cpus, .percpu = percpu};
	return 0;
}

void classifier_maps_cleanup(struct classifier_maps *maps)
{
	free(maps->percpu);
}

int classifier_maps_set_config(struct classifier *classifier, const struct xesp_config *config)
{
	uint32_t key = 0;

	return bpf_map_update_elem(maps_of(classifier)->fds.config, &key, config, BPF_ANY);
}

int classifier_maps_set_parser(struct classifier *classifier, uint16_t port,
			       const struct xesp_parser_slot *slot)
{
	uint32_t key = port;

	return bpf_map_update_elem(maps_of(classifier)->fds.parsers, &key, slot, BPF_ANY);
}

/* Key of either family; the first member of both is the SPI. */
union sa_key {
	struct xesp_sa4_key sa4;
	struct xesp_sa6_key sa6;
};

/* Descriptor of the table for the family of `dst`, or -EINVAL. */
static int sa_table(const struct classifier_maps *maps, uint32_t spi, const struct ip_addr *dst,
		    union sa_key *ret_key)
{
	union sa_key key = {0};

	if (dst->family == AF_INET) {
		key.sa4.spi = htonl(spi);
		memcpy(&key.sa4.daddr, dst->bytes, sizeof(key.sa4.daddr));
		*ret_key = key;
		return maps->fds.sa4;
	}
	if (dst->family == AF_INET6) {
		key.sa6.spi = htonl(spi);
		memcpy(key.sa6.daddr, dst->bytes, sizeof(key.sa6.daddr));
		*ret_key = key;
		return maps->fds.sa6;
	}
	return -EINVAL;
}

int classifier_maps_add_sa(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst,
			   const struct xesp_sa_ref *ref)
{
	union sa_key key;
	int fd = sa_table(maps_of(classifier), spi, dst, &key);
	int ret;

	if (fd < 0)
		return fd;
	ret = bpf_map_update_elem(fd, &key, ref, BPF_NOEXIST);
	/* A full hash table says E2BIG. */
	return ret == -E2BIG ? -ENOSPC : ret;
}

int classifier_maps_del_sa(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst)
{
	union sa_key key;
	int fd = sa_table(maps_of(classifier), spi, dst, &key);

	return fd < 0 ? fd : bpf_map_delete_elem(fd, &key);
}

int classifier_maps_read_counters(struct classifier *classifier, uint64_t *counters)
{
	struct classifier_maps *maps = maps_of(classifier);
	uint32_t keys[XESP_CLASSIFIER_REASON_END], count = XESP_CLASSIFIER_REASON_END, position;
	int ret;

	/* One call for all; at the end of the map it says ENOENT, with everything in place. */
	ret = bpf_map_lookup_batch(maps->fds.counters, NULL, &position, keys, maps->percpu, &count, NULL);
	if (ret && ret != -ENOENT)
		return ret;
	memset(counters, 0, XESP_CLASSIFIER_REASON_END * sizeof(*counters));
	for (uint32_t i = 0; i < count; i++) {
		for (int cpu = 0; cpu < maps->cpus; cpu++)
			counters[keys[i]] += maps->percpu[i * (uint32_t)maps->cpus + (uint32_t)cpu];
	}
	return 0;
}

static int no_run(struct classifier *classifier, const uint8_t *frame, size_t frame_len,
		  struct classifier_result *ret_result)
{
	(void)classifier;
	(void)frame;
	(void)frame_len;
	(void)ret_result;
	return -EOPNOTSUPP;
}

static void fds_free(struct classifier *classifier)
{
	struct classifier_maps *maps = maps_of(classifier);

	classifier_maps_cleanup(maps);
	free(maps);
}

static const struct classifier_ops fds_ops = {
	.name = "attached",
	.free = fds_free,
	.set_config = classifier_maps_set_config,
	.set_parser = classifier_maps_set_parser,
	.add_sa = classifier_maps_add_sa,
	.del_sa = classifier_maps_del_sa,
	.read_counters = classifier_maps_read_counters,
	.run = no_run,
};

int classifier_fds_new(const struct classifier_fds *fds, struct classifier **ret_classifier)
{
	struct classifier_maps *maps = malloc(sizeof(*maps));
	int ret;

	if (!maps)
		return -ENOMEM;
	ret = classifier_maps_init(maps, &fds_ops, fds);
	if (ret) {
		free(maps);
		return ret;
	}
	*ret_classifier = &maps->classifier;
	return 0;
}
