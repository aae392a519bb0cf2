// SPDX-License-Identifier: BSD-2-Clause
/*
 * The native classifier on hostile frames. With the sanitizers: no read outside the frame, which lies in a
 * buffer of its own size. Here: what passes is unchanged, and metadata stays inside the frame.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/classifier.h"

#define FRAME_MIN 14
#define CAPACITY 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static struct classifier *filled(void)
{
	static const struct ip_addr addrs[] = {{AF_INET, {192, 0, 2, 2}},
					       {AF_INET6, {0x20, 1, 0xd, 0xb8, [15] = 2}}};
	/* As long as can be, also in several buffers, so that sums of every length are reached. */
	struct xesp_config config = {.enabled = 1, .packet_max = UINT16_MAX, .multi_buffer = 1};
	struct classifier *classifier;

	require(!classifier_native_new(CAPACITY, &classifier));
	require(!classifier->ops->set_config(classifier, &config));
	for (uint32_t i = 0; i < 3; i++) {
		static const uint16_t ports[] = {4500, 500, 4501};
		struct xesp_parser_slot slot = {.id = {i ? 2 : 0, i == 1 ? 0 : 1}};
		struct xesp_sa_ref ref = {.index = i, .generation = 1, .parser_id = i};

		require(!classifier->ops->set_parser(classifier, ports[i], &slot));
		for (size_t a = 0; a < sizeof(addrs) / sizeof(addrs[0]); a++)
			require(!classifier->ops->add_sa(classifier, 0x1001 + i, &addrs[a], &ref));
	}
	return classifier;
}

static void check_meta(const struct classifier_result *result, size_t size)
{
	const struct xesp_meta *meta = &result->meta;

	require(meta->magic == XESP_META_MAGIC && meta->sa_index < 3 && meta->sa_generation == 1);
	require(meta->family == 4 || meta->family == 6);
	require(meta->form <= XESP_FORM_UDP_IKE);
	require(meta->l3_offset >= FRAME_MIN && meta->l3_offset < meta->esp_offset);
	require(meta->esp_length > 8 && (size_t)meta->esp_offset + meta->esp_length <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct classifier *classifier; /* kept: filling it takes longer than a run */
	uint64_t before[XESP_CLASSIFIER_REASON_END], after[XESP_CLASSIFIER_REASON_END];
	struct classifier_result result;
	int ret;

	if (!classifier)
		classifier = filled();
	require(!classifier->ops->read_counters(classifier, before));
	ret = classifier->ops->run(classifier, data, size, &result);
	require(ret == (size < FRAME_MIN || size > UINT16_MAX ? -EINVAL : 0));
	if (!ret) {
		require(!classifier->ops->read_counters(classifier, after));
		require(result.reason > 0 && result.reason < XESP_CLASSIFIER_REASON_END);
		before[result.reason]++;
		require(!memcmp(before, after, sizeof(before)));
		require(result.redirected == (result.reason == XESP_REASON_TO_ENGINE));
		require(!result.frame == (result.reason == XESP_REASON_KEEPALIVE));
		if (result.frame)
			require(result.frame_len == size && !memcmp(result.frame, data, size));
		if (result.redirected)
			check_meta(&result, size);
	}
	return 0;
}
