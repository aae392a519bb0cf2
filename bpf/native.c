// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The classifier without a kernel: the same steps as the BPF program, for `xesp explain` on machines
 * without privileges, for tests and for fuzzing. One thread at a time.
 */
#define XESP_NATIVE

#include "host/classifier.h"

#include <errno.h>
#include <stdlib.h>

#include "classify.h"
#include "count.h"

static struct native *native_of(struct classifier *classifier)
{
	return (struct native *)((char *)classifier - offsetof(struct native, classifier));
}

static int native_set_config(struct classifier *classifier, const struct xesp_config *config)
{
	native_of(classifier)->config = *config;
	return 0;
}

static int native_set_parser(struct classifier *classifier, uint16_t port,
			     const struct xesp_parser_slot *slot)
{
	struct xesp_parser_slot *to = &native_of(classifier)->parsers[port];

	/* classifier_inner() may be looking. */
	for (int type = 0; type < XESP_ENCAP_TYPES; type++)
		__atomic_store_n(&to->id[type], slot->id[type], __ATOMIC_RELAXED);
	return 0;
}

static int native_add_sa(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst,
			 const struct xesp_sa_ref *ref)
{
	struct native *native = native_of(classifier);
	int ret = classifier_table_add(dst->family == AF_INET ? &native->sa4 : &native->sa6, spi, dst, ref);

	if (!ret)
		classifier_dsts_take(&native->dsts, dst);
	return ret;
}

static int native_del_sa(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst)
{
	struct native *native = native_of(classifier);
	int ret = classifier_table_del(dst->family == AF_INET ? &native->sa4 : &native->sa6, spi, dst);

	if (!ret)
		classifier_dsts_give(&native->dsts, dst);
	return ret;
}

static int native_read_counters(struct classifier *classifier, uint64_t *counters)
{
	memcpy(counters, native_of(classifier)->counters, sizeof(native_of(classifier)->counters));
	return 0;
}

/* In blocks of their own size: what reads beyond is caught by a sanitizer. */
static int native_load(struct native *native, const uint8_t *frame, size_t frame_len)
{
	size_t first = frame_len < NATIVE_BUFFER_MAX ? frame_len : NATIVE_BUFFER_MAX;
	uint8_t *buffer = malloc(NATIVE_ALIGN + first);
	uint8_t *copy = malloc(frame_len);

	if (!buffer || !copy) {
		free(buffer);
		free(copy);
		return -ENOMEM;
	}
	memcpy(buffer + NATIVE_ALIGN, frame, first);
	memcpy(copy, frame, frame_len);
	free(native->buffer);
	free(native->frame);
	native->buffer = buffer;
	native->buffer_len = first;
	native->frame = copy;
	native->frame_len = frame_len;
	native->has_meta = false;
	return 0;
}

/* The frame as the steps left it. */
static const uint8_t *native_frame(struct native *native)
{
	memcpy(native->frame, frame_begin(native), native->buffer_len);
	return native->frame;
}

static int native_run(struct classifier *classifier, const uint8_t *frame, size_t frame_len,
		      struct classifier_result *ret_result)
{
	struct native *native = native_of(classifier);
	struct classifier_result result = {0};
	int action, ret;

	if (frame_len < ETH_HLEN || frame_len > CLASSIFIER_FRAME_MAX)
		return -EINVAL;
	ret = native_load(native, frame, frame_len);
	if (ret)
		return ret;
	result.reason = classify(native);
	count(native, result.reason);
	action = verdict(result.reason);
	result.redirected = action == XDP_REDIRECT && native->has_meta;
	if (result.redirected)
		result.meta = native->meta;
	if (action != XDP_DROP) {
		result.frame = native_frame(native);
		result.frame_len = frame_len;
	}
	*ret_result = result;
	return 0;
}

static void native_free(struct classifier *classifier)
{
	struct native *native = native_of(classifier);

	classifier_dsts_clear(&native->dsts);
	free(native->sa4.elements);
	free(native->sa6.elements);
	free(native->buffer);
	free(native->frame);
	free(native);
}

static const struct classifier_ops native_ops = {
	.name = "native",
	.free = native_free,
	.set_config = native_set_config,
	.set_parser = native_set_parser,
	.add_sa = native_add_sa,
	.del_sa = native_del_sa,
	.read_counters = native_read_counters,
	.run = native_run,
};

static int native_table_new(struct classifier_table *table, uint8_t family, uint32_t capacity)
{
	uint32_t entries = classifier_table_entries(family, capacity);
	union xesp_sa_element *elements;

	if (!entries)
		return -EINVAL;
	elements = calloc(entries, sizeof(*elements));
	if (!elements)
		return -ENOMEM;
	classifier_table_init(table, family, elements, entries, capacity, NULL);
	return 0;
}

int classifier_native_new(uint32_t capacity, struct classifier **ret_classifier)
{
	struct native *native = calloc(1, sizeof(*native));
	int ret;

	if (!native)
		return -ENOMEM;
	native->classifier = (struct classifier){.ops = &native_ops,
						 .tables = {.config = &native->config,
							    .parsers = native->parsers,
							    .sa4 = &native->sa4,
							    .sa6 = &native->sa6}};
	ret = native_table_new(&native->sa4, 4, capacity);
	if (!ret)
		ret = native_table_new(&native->sa6, 6, capacity);
	if (ret) {
		native_free(&native->classifier);
		return ret;
	}
	*ret_classifier = &native->classifier;
	return 0;
}
