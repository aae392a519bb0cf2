// SPDX-License-Identifier: BSD-2-Clause
/*
 * The kernel's and the native classifier say the same of 20,000 damaged frames: reason, verdict, metadata. So
 * does classifier_inner() of the IP packets in them, on the tables of either.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "tests/lib/classify.h"

#define FRAMES 20000
#define SEED 0x9e3779b97f4a7c15ull
#define LENGTH_MAX 2000
#define LENGTH_LONG 9400 /* in several buffers, and beyond the longest */

struct pair {
	struct classifier *native;
	struct classifier *kernel;
	uint64_t random;
	unsigned int seen[XESP_CLASSIFIER_REASON_END];
	unsigned int inner_seen[XESP_CLASSIFIER_REASON_END];
	unsigned int with_options; /* of those redirected */
	unsigned int in_buffers;   /* the same: that lie in several buffers */
	struct frame frame;
	uint8_t inner[1 + FRAME_ROOM];
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

/* IPv4 options, or one to four IPv6 extension headers: mostly those that can be skipped. */
static void add_options(struct pair *pair)
{
	static const uint8_t types[] = {0, 1, 5, 7, 0x1e, 0x44, 0x83, 0x94, 0xc2};
	uint32_t count = pair->frame.family == 4 ? 1 : 1 + draw(pair, 4);

	for (uint32_t i = 0; i < count; i++) {
		uint8_t bytes[48] = {0};
		size_t length = pair->frame.family == 4 ? 4 + 4 * draw(pair, 10) : 8 + 8 * draw(pair, 5);
		size_t at = pair->frame.family == 4 ? 0 : 2;

		if (pair->frame.family == 6)
			bytes[1] = (uint8_t)(length / 8 - 1);
		while (at + 2 < length && draw(pair, 4)) {
			bytes[at] = types[draw(pair, draw(pair, 4) ? 3 : sizeof(types))];
			bytes[at + 1] = (uint8_t)draw(pair, (uint32_t)(length - at + 1));
			at += draw(pair, 2) ? 1u : 2u + bytes[at + 1];
		}
		frame_insert(&pair->frame, i + 1 == count && draw(pair, 2) ? 0 : 60, bytes, length);
	}
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
			  draw(pair, draw(pair, 4) ? 1500 : LENGTH_LONG));
		if (draw(pair, 2))
			add_options(pair);
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
		uint32_t at = draw(pair, frame->len < 150 ? (uint32_t)frame->len : 150);

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
		uint32_t max = draw(pair, 8) && frame->len < LENGTH_MAX ? LENGTH_MAX : 2 * LENGTH_LONG;
		size_t more = draw(pair, max - (uint32_t)frame->len);

		memset(frame->bytes + frame->len, 0x5a, more);
		frame->len += more;
	}
}

/* The IP packet in the frame, of the version that the EtherType says; 0: there is none. */
static size_t find_ip(const struct frame *frame)
{
	size_t at = 12;

	while (at + 2 < frame->len && at < 20 &&
	       (frame_get16(frame, at) == 0x8100 || frame_get16(frame, at) == 0x88a8))
		at += 4;
	if (at + 2 >= frame->len)
		return 0;
	if (frame_get16(frame, at) == 0x0800 && frame->bytes[at + 2] >> 4 == 4)
		return at + 2;
	return frame_get16(frame, at) == 0x86dd && frame->bytes[at + 2] >> 4 == 6 ? at + 2 : 0;
}

static bool has_options(const struct frame *frame)
{
	const uint8_t *ip = frame->bytes + frame->l3;

	return frame->family == 4 ? ip[0] > 0x45 : ip[6] == 0 || ip[6] == 60;
}

/* What can be said before the SA table is asked, classifier_inner() says in fewer words. */
static bool in_fewer_words(enum xesp_reason reason)
{
	switch (reason) {
	case XESP_REASON_NO_PARSER:
	case XESP_REASON_TRUNCATED:
	case XESP_REASON_NOT_IPSEC:
	case XESP_REASON_IP_HEADER:
	case XESP_REASON_IP_LENGTH:
	case XESP_REASON_IP_OPTIONS:
	case XESP_REASON_FRAGMENT:
	case XESP_REASON_IPV6_EXT:
	case XESP_REASON_IP_CHECKSUM:
	case XESP_REASON_ESP_SHORT: return true;
	default: return false;
	}
}

static void check_inner(struct pair *pair, struct classifier *classifier,
			const struct classifier_result *outer)
{
	size_t ip = find_ip(&pair->frame);
	size_t len = pair->frame.len - ip;
	struct xesp_meta meta;
	enum xesp_reason reason;

	/* How long a frame may be is a matter of frames. */
	if (!ip || outer->reason == XESP_REASON_TOO_LONG)
		return;
	/* At any address, and nothing behind it. */
	memcpy(pair->inner + sizeof(pair->inner) - len, pair->frame.bytes + ip, len);
	reason = classifier_inner(classifier, pair->inner + sizeof(pair->inner) - len, len, &meta);
	/* Inside of a tunnel all keepalives are left to the kernel, whomever they are for. */
	if (outer->reason == XESP_REASON_KEEPALIVE_FOREIGN && reason == XESP_REASON_KEEPALIVE)
		return;
	if (reason != outer->reason && !(reason == XESP_REASON_NOT_IPSEC && in_fewer_words(outer->reason)))
		fail_msg("%s: frame %d, inner %d", classifier->ops->name, outer->reason, reason);
	pair->inner_seen[reason]++;
	if (reason != XESP_REASON_TO_ENGINE)
		return;
	meta.l3_offset += (uint16_t)ip;
	meta.esp_offset += (uint16_t)ip;
	assert_memory_equal(&meta, &outer->meta, sizeof(meta));
}

static void configure(struct pair *pair, uint32_t multi_buffer)
{
	const struct xesp_config config = {
		.enabled = 1, .packet_max = XESP_PACKET_JUMBO_MAX, .multi_buffer = multi_buffer};

	assert_int_equal(pair->native->ops->set_config(pair->native, &config), 0);
	assert_int_equal(pair->kernel->ops->set_config(pair->kernel, &config), 0);
}

static void test_agreement(void **state)
{
	struct pair *pair = *state;
	unsigned int kinds = 0;

	for (unsigned int i = 0; i < FRAMES; i++) {
		struct classifier_result native, kernel;

		if (i % 1000 == 0)
			configure(pair, i % 2000 ? 0 : 1);
		good_frame(pair);
		damage(pair);
		native = classify_run(pair->native, pair->frame.bytes, pair->frame.len);
		kernel = classify_run(pair->kernel, pair->frame.bytes, pair->frame.len);
		if (native.reason != kernel.reason)
			fail_msg("frame %u: native %d, kernel %d", i, native.reason, kernel.reason);
		if (native.redirected)
			assert_memory_equal(&native.meta, &kernel.meta, sizeof(native.meta));
		pair->seen[native.reason]++;
		pair->with_options += native.redirected && has_options(&pair->frame);
		pair->in_buffers += native.redirected && pair->frame.len > 3600;
		check_inner(pair, pair->native, &native);
		check_inner(pair, pair->kernel, &native);
	}
	/* The frames reach everything that a frame alone can lead to. */
	for (unsigned int reason = XESP_REASON_NOT_IP; reason <= XESP_REASON_TOO_LONG; reason++)
		kinds += pair->seen[reason] != 0;
	assert_true(kinds >= 18);
	assert_true(pair->seen[XESP_REASON_TO_ENGINE] > FRAMES / 20);
	assert_true(pair->inner_seen[XESP_REASON_TO_ENGINE] > FRAMES / 20);
	assert_true(pair->with_options > FRAMES / 100 && pair->in_buffers > FRAMES / 400);
	assert_true(pair->inner_seen[XESP_REASON_UDP_CHECKSUM] && pair->inner_seen[XESP_REASON_NO_SA] &&
		    pair->inner_seen[XESP_REASON_PARSER_MISMATCH] && pair->inner_seen[XESP_REASON_IKE] &&
		    pair->inner_seen[XESP_REASON_KEEPALIVE] && pair->inner_seen[XESP_REASON_FRAGMENT]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_agreement, setup, teardown),
	};

	return cmocka_run_group_tests_name("agreement", tests, NULL, NULL);
}
