// SPDX-License-Identifier: BSD-2-Clause
/*
 * NAT keepalives, on both implementations: which ones end here, and which go on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/lib/classify.h"

static void test_keepalive(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	static const uint16_t ports[] = {CLASSIFY_PORT, CLASSIFY_PORT_DRAFT, CLASSIFY_PORT_BOTH};
	struct classifier *classifier = *state;
	struct xesp_config config = {.enabled = 1, .packet_max = CLASSIFY_PACKET_MAX, .pass_keepalives = 1};

	for (unsigned int i = 0; i < 3 * CLASSIFY_VARIANTS; i++) {
		struct frame_spec spec = classify_variant(i % CLASSIFY_VARIANTS);

		spec.dport = ports[i / CLASSIFY_VARIANTS];
		frame_udp(frame, &spec, "\xff", 1);
		classify_expect(classifier, frame, XESP_REASON_KEEPALIVE, "keepalive");
		frame_udp(frame, &spec, "\xfe", 1);
		classify_expect(classifier, frame, XESP_REASON_ESP_SHORT, "one other byte");
		frame_udp(frame, &spec, "\xff\xff", 2);
		classify_expect(classifier, frame, XESP_REASON_ESP_SHORT, "two bytes");
		frame_udp(frame, &spec, NULL, 0);
		classify_expect(classifier, frame, XESP_REASON_ESP_SHORT, "no byte");
		spec.dport = CLASSIFY_PORT_NONE;
		frame_udp(frame, &spec, "\xff", 1);
		classify_expect(classifier, frame, XESP_REASON_NO_PARSER, "keepalive elsewhere");
	}
	assert_int_equal(classifier->ops->set_config(classifier, &config), 0);
	frame_udp(frame,
		  &(struct frame_spec){.src = classify_spec4().src,
				       .dst = classify_spec4().dst,
				       .sport = 1,
				       .dport = CLASSIFY_PORT},
		  "\xff", 1);
	classify_expect(classifier, frame, XESP_REASON_KEEPALIVE_PASSED, "keepalive, interface passes them");
	classify_fill_config(classifier);
}

/* A keepalive that this host forwards, or that came to an address of no SA, goes on; also when the last SA
 * with an address is gone. */
static void test_keepalive_to_others(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct classifier *classifier = *state;
	const struct xesp_sa_ref ref = {.index = 900, .generation = 1};

	for (unsigned int i = 0; i < CLASSIFY_VARIANTS; i++) {
		struct frame_spec spec = classify_variant(i);
		struct ip_addr own = spec.dst;

		spec.dst.bytes[3] ^= 0x40;
		frame_udp(frame, &spec, "\xff", 1);
		classify_expect(classifier, frame, XESP_REASON_KEEPALIVE_FOREIGN,
				"keepalive to another address");
		for (uint32_t spi = 0x7000; spi < 0x7002; spi++)
			assert_int_equal(classifier->ops->add_sa(classifier, spi, &spec.dst, &ref), 0);
		classify_expect(classifier, frame, XESP_REASON_KEEPALIVE, "an SA has the address now");
		assert_int_equal(classifier->ops->del_sa(classifier, 0x7000, &spec.dst), 0);
		classify_expect(classifier, frame, XESP_REASON_KEEPALIVE, "one of two SAs is left");
		assert_int_equal(classifier->ops->del_sa(classifier, 0x7001, &spec.dst), 0);
		classify_expect(classifier, frame, XESP_REASON_KEEPALIVE_FOREIGN, "no SA is left");
		spec.dst = own;
		frame_udp(frame, &spec, "\xff", 1);
		classify_expect(classifier, frame, XESP_REASON_KEEPALIVE, "keepalive to an SA's address");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLASSIFY_TEST(test_keepalive),
		CLASSIFY_TEST(test_keepalive_to_others),
	};

	return cmocka_run_group_tests_name("keepalive", tests, NULL, NULL);
}
