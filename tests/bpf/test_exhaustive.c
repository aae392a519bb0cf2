// SPDX-License-Identifier: BSD-2-Clause
/*
 * Header fields through all their values, and frames through all their lengths, on both implementations.
 * What the runs come to is counted here and compared with the classifier's own counters at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/lib/classify.h"

struct sweep {
	struct classifier *classifier;
	uint64_t expected[XESP_CLASSIFIER_REASON_END];
	struct frame frame;
};

static struct sweep *sweep_new(int (*create)(uint32_t capacity, struct classifier **ret_classifier))
{
	struct sweep *sweep = calloc(1, sizeof(*sweep));

	assert_non_null(sweep);
	assert_int_equal(create(CLASSIFY_CAPACITY, &sweep->classifier), 0);
	classify_fill(sweep->classifier);
	return sweep;
}

static int setup_native(void **state)
{
	*state = sweep_new(classifier_native_new);
	return 0;
}

static int setup_kernel(void **state)
{
	*state = sweep_new(classifier_kernel_new);
	return 0;
}

static int teardown(void **state)
{
	struct sweep *sweep = *state;
	uint64_t counters[XESP_CLASSIFIER_REASON_END];

	assert_int_equal(sweep->classifier->ops->read_counters(sweep->classifier, counters), 0);
	assert_memory_equal(counters, sweep->expected, sizeof(counters));
	classifier_free(sweep->classifier);
	free(sweep);
	return 0;
}

/* Runs the first `len` bytes of the frame. */
static void expect(struct sweep *sweep, size_t len, enum xesp_reason reason, const char *what,
		   unsigned int value)
{
	struct classifier_result result;

	assert_int_equal(sweep->classifier->ops->run(sweep->classifier, sweep->frame.bytes, len, &result), 0);
	if (result.reason != reason)
		fail_msg("%s %u: reason %d instead of %d", what, value, result.reason, reason);
	if (result.frame_len != len || memcmp(result.frame, sweep->frame.bytes, len))
		fail_msg("%s %u: frame changed", what, value);
	sweep->expected[reason]++;
}

static void test_ethertypes(void **state)
{
	struct sweep *sweep = *state;
	struct frame_spec spec = classify_spec4();

	frame_esp(&sweep->frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	for (unsigned int type = 0; type <= UINT16_MAX; type++) {
		/* Behind a tag type, the tag would be made of IP header bytes; IPv6 finds version 4. */
		enum xesp_reason reason = type == 0x0800   ? XESP_REASON_TO_ENGINE
					  : type == 0x86dd ? XESP_REASON_IP_HEADER
							   : XESP_REASON_NOT_IP;

		frame_put16(&sweep->frame, 12, (uint16_t)type);
		expect(sweep, sweep->frame.len, reason, "EtherType", type);
	}
}

static void test_ports(void **state)
{
	struct sweep *sweep = *state;
	struct frame_spec spec = classify_spec4();

	frame_esp(&sweep->frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	for (unsigned int port = 0; port <= UINT16_MAX; port++) {
		enum xesp_reason reason = port == CLASSIFY_PORT || port == CLASSIFY_PORT_BOTH
						  ? XESP_REASON_TO_ENGINE
					  : port == CLASSIFY_PORT_DRAFT ? XESP_REASON_IKE
									: XESP_REASON_NO_PARSER;

		frame_put16(&sweep->frame, sweep->frame.l4 + 2, (uint16_t)port);
		expect(sweep, sweep->frame.len, reason, "port", port);
	}
}

static void test_protocols(void **state)
{
	struct sweep *sweep = *state;
	struct frame_spec spec = classify_spec4();

	frame_esp(&sweep->frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	for (unsigned int protocol = 0; protocol <= UINT8_MAX; protocol++) {
		/* As ESP, ports are the SPI. */
		enum xesp_reason reason = protocol == 17   ? XESP_REASON_TO_ENGINE
					  : protocol == 50 ? XESP_REASON_NO_SA
							   : XESP_REASON_NOT_IPSEC;

		sweep->frame.bytes[sweep->frame.l3 + 9] = (uint8_t)protocol;
		frame_fix_ipv4(&sweep->frame);
		expect(sweep, sweep->frame.len, reason, "protocol", protocol);
	}
}

static enum xesp_reason next_header_reason(unsigned int next)
{
	switch (next) {
	case 17: return XESP_REASON_TO_ENGINE;
	case 50: return XESP_REASON_NO_SA;
	case 44: return XESP_REASON_FRAGMENT;
	case 0:	 /* hop-by-hop options and */
	case 60: /* destination options, whose length, the UDP source port's second byte, is too long */
		return XESP_REASON_IP_LENGTH;
	case 43:  /* routing */
	case 51:  /* AH */
	case 135: /* mobility */
	case 139: /* HIP */
	case 140: /* shim6 */ return XESP_REASON_IPV6_EXT;
	default: return XESP_REASON_NOT_IPSEC;
	}
}

static void test_next_headers(void **state)
{
	struct sweep *sweep = *state;
	struct frame_spec spec = classify_spec6();

	frame_esp(&sweep->frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	for (unsigned int next = 0; next <= UINT8_MAX; next++) {
		sweep->frame.bytes[sweep->frame.l3 + 6] = (uint8_t)next;
		expect(sweep, sweep->frame.len, next_header_reason(next), "next header", next);
	}
}

/* The first byte of IPv4: version and header length. */
static void test_version_ihl(void **state)
{
	struct sweep *sweep = *state;
	struct frame_spec spec = classify_spec4();

	frame_esp(&sweep->frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	for (unsigned int byte = 0; byte <= UINT8_MAX; byte++) {
		unsigned int ihl = byte & 15;
		enum xesp_reason reason = byte >> 4 != 4 || ihl < 5 ? XESP_REASON_IP_HEADER
					  : ihl > 5		    ? XESP_REASON_IP_OPTIONS
								    : XESP_REASON_TO_ENGINE;

		sweep->frame.bytes[sweep->frame.l3] = (uint8_t)byte;
		frame_fix_ipv4(&sweep->frame);
		expect(sweep, sweep->frame.len, reason, "first byte", byte);
	}
}

static void truncate_all(struct sweep *sweep)
{
	const struct frame *frame = &sweep->frame;

	for (size_t len = 14; len < frame->len; len++) {
		bool header = len >= frame->l3 + (frame->family == 4 ? 20 : 40);

		expect(sweep, len, header ? XESP_REASON_IP_LENGTH : XESP_REASON_TRUNCATED, "length",
		       (unsigned int)len);
	}
	expect(sweep, frame->len, XESP_REASON_TO_ENGINE, "length", (unsigned int)frame->len);
}

static void test_truncated(void **state)
{
	struct sweep *sweep = *state;

	for (unsigned int i = 0; i < 6; i++) {
		struct frame_spec spec = i % 2 ? classify_spec6() : classify_spec4();

		spec.tags = i / 2;
		spec.checksum = FRAME_CHECKSUM_RIGHT;
		frame_esp(&sweep->frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 60);
		truncate_all(sweep);
		frame_esp(&sweep->frame, &spec, XESP_FORM_NATIVE, CLASSIFY_SPI_NATIVE, 60);
		truncate_all(sweep);
		spec.dport = CLASSIFY_PORT_DRAFT;
		frame_esp(&sweep->frame, &spec, XESP_FORM_UDP_IKE, CLASSIFY_SPI_DRAFT, 60);
		truncate_all(sweep);
	}
}

/* The same cut with IP and UDP lengths that know of it. */
static void test_short(void **state)
{
	struct sweep *sweep = *state;
	struct frame_spec spec = classify_spec4();

	for (unsigned int length = 0; length <= 16; length++) {
		uint8_t bytes[16] = {0, 0, 0x10, 1};
		enum xesp_reason reason = length > 8 ? XESP_REASON_TO_ENGINE : XESP_REASON_ESP_SHORT;

		frame_udp(&sweep->frame, &spec, bytes, length);
		expect(sweep, sweep->frame.len, reason, "UDP payload", length);
		frame_ip(&sweep->frame, &spec, IPPROTO_ESP, bytes, length);
		expect(sweep, sweep->frame.len, reason, "IP payload", length);
		frame_ip(&sweep->frame, &spec, IPPROTO_UDP, bytes, length);
		/* As UDP: ports 0 and 4097. */
		expect(sweep, sweep->frame.len, length < 8 ? XESP_REASON_IP_LENGTH : XESP_REASON_NO_PARSER,
		       "IP payload of UDP", length);
	}
}

#define BOTH(function) \
	{"native: " #function, function, setup_native, teardown, NULL}, \
	{ \
		"kernel: " #function, function, setup_kernel, teardown, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_ethertypes),	BOTH(test_ports),     BOTH(test_protocols), BOTH(test_next_headers),
		BOTH(test_version_ihl), BOTH(test_truncated), BOTH(test_short),
	};

	return cmocka_run_group_tests_name("exhaustive", tests, NULL, NULL);
}
