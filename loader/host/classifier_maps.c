// SPDX-License-Identifier: BSD-2-Clause
/*
 * Map operations on a loaded classifier, and the classifier made of nothing but them. Control thread.
 */
#include "host/classifier_maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <xesp/limits.h>

#define CONFIG_BYTES sizeof(struct xesp_config)
#define PARSERS_BYTES (XESP_PORTS * sizeof(struct xesp_parser_slot))

static struct classifier_maps *maps_of(struct classifier *classifier)
{
	return (struct classifier_maps *)((char *)classifier - offsetof(struct classifier_maps, classifier));
}

/* An RCU grace period, which XDP programs delay: without privileges, and only when an SA has to be moved,
 * that is hardly ever. Kernels with nohz_full refuse; no packet takes as long as the pause instead. */
static void settle(void)
{
	struct timespec pause = {.tv_nsec = 50000000};

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&pause, NULL);
}

static int map_table(int fd, uint8_t family, uint32_t capacity, bool clear,
		     struct classifier_table *ret_table)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);
	size_t bytes;
	void *elements;
	int ret;

	ret = bpf_obj_get_info_by_fd(fd, &info, &length);
	if (ret)
		return ret;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != sizeof(union xesp_sa_element))
		return -EINVAL;
	bytes = (size_t)info.max_entries * sizeof(union xesp_sa_element);
	elements = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (elements == MAP_FAILED)
		return -errno;
	if (clear)
		memset(elements, 0, bytes);
	if (!capacity)
		capacity = classifier_table_capacity(family, info.max_entries);
	classifier_table_init(ret_table, family, elements, info.max_entries, capacity, settle);
	return 0;
}

/* For the look-ups of classifier_inner(); the kernel's copy is the only one. */
static int map_readable(int fd, size_t bytes, const void **ret_memory)
{
	void *memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*ret_memory = memory;
	return 0;
}

static void unmap_readable(const void *memory, size_t bytes)
{
	if (memory)
		munmap((void *)memory, bytes);
}

static int map_all(struct classifier_maps *maps, uint32_t capacity, bool clear)
{
	const void *config = NULL, *parsers = NULL;
	int ret;

	ret = map_table(maps->fds.sa4, 4, capacity, clear, &maps->sa4);
	if (!ret)
		ret = map_table(maps->fds.sa6, 6, capacity, clear, &maps->sa6);
	if (!ret)
		ret = map_readable(maps->fds.config, CONFIG_BYTES, &config);
	if (!ret)
		ret = map_readable(maps->fds.parsers, PARSERS_BYTES, &parsers);
	maps->config = config;
	maps->parsers = parsers;
	return ret;
}

static void unmap_table(struct classifier_table *table)
{
	if (table->elements)
		munmap(table->elements, (table->buckets + 1) * sizeof(*table->elements));
}

static int clear_parsers(const struct classifier_maps *maps)
{
	static const struct xesp_parser_slot none;

	if (!maps->parsers)
		return -EINVAL;
	for (uint32_t port = 0; port < XESP_PORTS; port++)
		if (memcmp(&maps->parsers[port], &none, sizeof(none)) != 0 &&
		    bpf_map_update_elem(maps->fds.parsers, &port, &none, BPF_ANY))
			return -errno;
	return 0;
}

static int clear_destinations(const struct classifier_maps *maps)
{
	struct xesp_destination key;

	/* None twice, unless the map is broken. */
	for (unsigned int i = 0; i <= XESP_DESTINATIONS_MAX; i++) {
		if (bpf_map_get_next_key(maps->fds.destinations, NULL, &key))
			return errno == ENOENT ? 0 : -errno;
		if (bpf_map_delete_elem(maps->fds.destinations, &key))
			return -errno;
	}
	return -EIO;
}

int classifier_maps_init(struct classifier_maps *maps, const struct classifier_ops *ops,
			 const struct classifier_fds *fds, uint32_t capacity, bool clear)
{
	struct classifier_maps made = {.classifier.ops = ops, .fds = *fds};
	int ret;

	ret = libbpf_num_possible_cpus();
	if (ret < 0)
		return ret;
	made.cpus = ret;
	made.percpu = calloc((size_t)made.cpus * XESP_CLASSIFIER_REASON_END, sizeof(*made.percpu));
	if (!made.percpu)
		return -ENOMEM;
	ret = map_all(&made, capacity, clear);
	if (!ret && clear)
		ret = clear_parsers(&made);
	if (!ret && clear)
		ret = clear_destinations(&made);
	if (ret) {
		classifier_maps_cleanup(&made);
		return ret;
	}
	*maps = made;
	maps->classifier.tables = (struct classifier_tables){
		.config = made.config, .parsers = made.parsers, .sa4 = &maps->sa4, .sa6 = &maps->sa6};
	return 0;
}

void classifier_maps_cleanup(struct classifier_maps *maps)
{
	unmap_table(&maps->sa4);
	unmap_table(&maps->sa6);
	unmap_readable(maps->config, CONFIG_BYTES);
	unmap_readable(maps->parsers, PARSERS_BYTES);
	classifier_dsts_clear(&maps->dsts);
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

int classifier_maps_add_sa(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst,
			   const struct xesp_sa_ref *ref)
{
	struct classifier_maps *maps = maps_of(classifier);

	int ret = classifier_table_add(dst->family == AF_INET ? &maps->sa4 : &maps->sa6, spi, dst, ref);

	/* With the map full, keepalives to this address pass: no reason to refuse the SA. */
	if (!ret && classifier_dsts_take(&maps->dsts, dst)) {
		struct xesp_destination key = classifier_dsts_key(dst);
		uint32_t value = 1;

		bpf_map_update_elem(maps->fds.destinations, &key, &value, BPF_ANY);
	}
	return ret;
}

int classifier_maps_del_sa(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst)
{
	struct classifier_maps *maps = maps_of(classifier);

	int ret = classifier_table_del(dst->family == AF_INET ? &maps->sa4 : &maps->sa6, spi, dst);

	if (!ret && classifier_dsts_give(&maps->dsts, dst)) {
		struct xesp_destination key = classifier_dsts_key(dst);

		bpf_map_delete_elem(maps->fds.destinations, &key);
	}
	return ret;
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

int classifier_fds_new(const struct classifier_fds *fds, bool clear, struct classifier **ret_classifier)
{
	struct classifier_maps *maps = malloc(sizeof(*maps));
	int ret;

	if (!maps)
		return -ENOMEM;
	ret = classifier_maps_init(maps, &fds_ops, fds, 0, clear);
	if (ret) {
		free(maps);
		return ret;
	}
	*ret_classifier = &maps->classifier;
	return 0;
}
