// SPDX-License-Identifier: BSD-2-Clause
/*
 * See the header.
 */
#include "classify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct frame_spec classify_spec4(void)
{
	return (struct frame_spec){.src = {AF_INET, {192, 0, 2, 1}},
				   .dst = {AF_INET, {192, 0, 2, 2}},
				   .sport = 61000,
				   .dport = CLASSIFY_PORT};
}

struct frame_spec classify_spec6(void)
{
	return (struct frame_spec){.src = {AF_INET6, {0x20, 1, 0xd, 0xb8, [15] = 1}},
				   .dst = {AF_INET6, {0x20, 1, 0xd, 0xb8, [15] = 2}},
				   .sport = 61000,
				   .dport = CLASSIFY_PORT};
}

static void add_port(struct classifier *classifier, uint16_t port, uint32_t draft, uint32_t rfc3948)
{
	struct xesp_parser_slot slot = {.id = {[XESP_ENCAP_IKE] = draft, [XESP_ENCAP_RFC3948] = rfc3948}};

	assert_int_equal(classifier->ops->set_parser(classifier, port, &slot), 0);
}

static void add_sas(struct classifier *classifier, const struct ip_addr *dst, uint32_t first)
{
	static const uint32_t parsers[] = {CLASSIFY_PARSER, CLASSIFY_PARSER_DRAFT, 0};

	for (uint32_t i = 0; i < 3; i++) {
		struct xesp_sa_ref ref = {
			.index = first + i, .generation = CLASSIFY_GENERATION, .parser_id = parsers[i]};

		assert_int_equal(classifier->ops->add_sa(classifier, CLASSIFY_SPI + i, dst, &ref), 0);
	}
}

void classify_fill_config(struct classifier *classifier)
{
	struct xesp_config config = {.enabled = 1, .packet_max = CLASSIFY_PACKET_MAX};

	assert_int_equal(classifier->ops->set_config(classifier, &config), 0);
}

void classify_fill(struct classifier *classifier)
{
	struct frame_spec spec4 = classify_spec4(), spec6 = classify_spec6();

	classify_fill_config(classifier);
	add_port(classifier, CLASSIFY_PORT, 0, CLASSIFY_PARSER);
	add_port(classifier, CLASSIFY_PORT_DRAFT, CLASSIFY_PARSER_DRAFT, 0);
	add_port(classifier, CLASSIFY_PORT_BOTH, CLASSIFY_PARSER_DRAFT, CLASSIFY_PARSER);
	add_sas(classifier, &spec4.dst, 1);
	add_sas(classifier, &spec6.dst, 11);
}

struct classifier_result classify_run(struct classifier *classifier, const uint8_t *bytes, size_t len)
{
	uint64_t before[XESP_CLASSIFIER_REASON_END], after[XESP_CLASSIFIER_REASON_END];
	struct classifier_result result;

	assert_int_equal(classifier->ops->read_counters(classifier, before), 0);
	assert_int_equal(classifier->ops->run(classifier, bytes, len, &result), 0);
	assert_int_equal(classifier->ops->read_counters(classifier, after), 0);
	before[result.reason]++;
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(result.redirected, result.reason == XESP_REASON_TO_ENGINE);
	if (result.reason == XESP_REASON_KEEPALIVE) {
		assert_null(result.frame);
		return result;
	}
	assert_int_equal(result.frame_len, len);
	if (memcmp(result.frame, bytes, len))
		fail_msg("%s: reason %d changed the frame", classifier->ops->name, result.reason);
	return result;
}

struct classifier_result classify_expect(struct classifier *classifier, const struct frame *frame,
					 enum xesp_reason reason, const char *what)
{
	struct classifier_result result = classify_run(classifier, frame->bytes, frame->len);

	if (result.reason != reason)
		fail_msg("%s, %s: reason %d instead of %d", what, classifier->ops->name, result.reason,
			 reason);
	return result;
}

void classify_expect_meta(const struct classifier_result *result, const struct frame *frame, uint32_t index,
			  enum xesp_form form, size_t esp, size_t length)
{
	struct xesp_meta expected = {
		.sa_index = frame->family == 4 ? index : index + 10,
		.sa_generation = CLASSIFY_GENERATION,
		.l3_offset = (uint16_t)frame->l3,
		.esp_offset = (uint16_t)esp,
		.esp_length = (uint16_t)length,
		.family = frame->family,
		.form = (uint8_t)form,
		.magic = XESP_META_MAGIC,
	};

	assert_memory_equal(&result->meta, &expected, sizeof(expected));
}

struct frame_spec classify_variant(unsigned int i)
{
	struct frame_spec spec = i % 2 ? classify_spec6() : classify_spec4();

	spec.tags = i / 2;
	if (spec.tags == 2)
		spec.tpid[0] = 0x88a8;
	return spec;
}

int classify_setup_native(void **state)
{
	struct classifier *classifier;

	assert_int_equal(classifier_native_new(CLASSIFY_CAPACITY, &classifier), 0);
	classify_fill(classifier);
	*state = classifier;
	return 0;
}

int classify_setup_kernel(void **state)
{
	struct classifier *classifier;

	assert_int_equal(classifier_kernel_new(CLASSIFY_CAPACITY, &classifier), 0);
	classify_fill(classifier);
	*state = classifier;
	return 0;
}

int classify_teardown(void **state)
{
	classifier_free(*state);
	return 0;
}
