// SPDX-License-Identifier: BSD-2-Clause
/*
 * The kernel's and the native classifier say the same of 20,000 damaged frames: reason, verdict, metadata.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/lib/classify.h"

#define FRAMES 20000
#define SEED 0x9e3779b97f4a7c15ull
/* Longer ones come in several buffers in a test run. */
#define LENGTH_MAX 2000

struct pair {
	struct classifier *native;
	struct classifier *kernel;
	uint64_t random;
	unsigned int seen[XESP_CLASSIFIER_REASON_END];
	struct frame frame;
};

static int setup(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	assert_non_null(pair);
	pair->random = SEED;
	assert_int_equal(classifier_native_new(CLASSIFY_CAPACITY, &pair->native), 0);
	assert_int_equal(classifier_kernel_new(CLASSIFY_CAPACITY, &pair->kernel), 0);
	classify_fill(pair->native);
	classify_fill(pair->kernel);
	*state = pair;
	return 0;
}

static int teardown(void **state)
{
	struct pair *pair = *state;

	classifier_free(pair->native);
	classifier_free(pair->kernel);
	free(pair);
	return 0;
}

/* xorshift64*: 0 to `below` - 1. */
static uint32_t draw(struct pair *pair, uint32_t below)
{
	pair->random ^= pair->random >> 12;
	pair->random ^= pair->random << 25;
	pair->random ^= pair->random >> 27;
	return (uint32_t)((pair->random * 0x2545f4914f6cdd1dull >> 32) * below >> 32);
}

static void good_frame(struct pair *pair)
{
	static const uint16_t ports[] = {CLASSIFY_PORT, CLASSIFY_PORT, CLASSIFY_PORT_DRAFT,
					 CLASSIFY_PORT_BOTH};
	struct frame_spec spec = draw(pair, 2) ? classify_spec6() : classify_spec4();
	uint8_t bytes[64];

	spec.tags = draw(pair, 4);
	spec.dport = ports[draw(pair, 4)];
	spec.checksum = (enum frame_checksum)draw(pair, 4);
	if (draw(pair, 5)) {
		frame_esp(&pair->frame, &spec, (enum xesp_form)draw(pair, 3), CLASSIFY_SPI + draw(pair, 4),
			  draw(pair, 1500));
		return;
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = draw(pair, 3) ? 0 : 0xff;
	frame_udp(&pair->frame, &spec, bytes, draw(pair, 3) ? draw(pair, 12) : draw(pair, sizeof(bytes)));
}

static void damage(struct pair *pair)
{
	static const uint8_t values[] = {0, 1, 0x11, 0x32, 0x45, 0x7f, 0x80, 0xff};
	struct frame *frame = &pair->frame;
	uint32_t changes = draw(pair, 4);

	for (uint32_t i = 0; i < changes; i++) {
		uint32_t at = draw(pair, frame->len < 90 ? (uint32_t)frame->len : 90);

		if (draw(pair, 2))
			frame->bytes[at] ^= (uint8_t)(1 << draw(pair, 8));
		else
			frame->bytes[at] = values[draw(pair, sizeof(values))];
	}
	if (draw(pair, 2))
		frame_fix_ipv4(frame);
	if (!draw(pair, 8))
		frame->len = 14 + draw(pair, (uint32_t)frame->len - 13);
	if (!draw(pair, 8)) {
		size_t more = draw(pair, LENGTH_MAX - (uint32_t)frame->len);

		memset(frame->bytes + frame->len, 0x5a, more);
		frame->len += more;
	}
}

static void test_agreement(void **state)
{
	struct pair *pair = *state;
	unsigned int kinds = 0;

	for (unsigned int i = 0; i < FRAMES; i++) {
		struct classifier_result native, kernel;

		good_frame(pair);
		damage(pair);
		native = classify_run(pair->native, pair->frame.bytes, pair->frame.len);
		kernel = classify_run(pair->kernel, pair->frame.bytes, pair->frame.len);
		if (native.reason != kernel.reason)
			fail_msg("frame %u: native %d, kernel %d", i, native.reason, kernel.reason);
		if (native.redirected)
			assert_memory_equal(&native.meta, &kernel.meta, sizeof(native.meta));
		pair->seen[native.reason]++;
	}
	/* The frames reach everything that a frame alone can lead to. */
	for (unsigned int reason = XESP_REASON_NOT_IP; reason <= XESP_REASON_TOO_LONG; reason++)
		kinds += pair->seen[reason] != 0;
	assert_true(kinds >= 18);
	assert_true(pair->seen[XESP_REASON_TO_ENGINE] > FRAMES / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_agreement, setup, teardown),
	};

	return cmocka_run_group_tests_name("agreement", tests, NULL, NULL);
}
