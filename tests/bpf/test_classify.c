// SPDX-License-Identifier: BSD-2-Clause
/*
 * Each kind of packet, on both implementations: verdict, bytes, metadata, and the one counter that moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/lib/classify.h"

/* Steps through 16-bit lengths: natively all of them, in the kernel all up to 300, then every 61st. */
static uint32_t next_length(const struct classifier *classifier, uint32_t length)
{
	return strcmp(classifier->ops->name, "kernel") || length < 300 ? length + 1 : length + 61;
}

static void test_esp(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct classifier_result result;

	for (unsigned int i = 0; i < CLASSIFY_VARIANTS; i++) {
		struct frame_spec spec = classify_variant(i);

		for (size_t length = 1; length < 300; length += 37) {
			frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, length);
			result = classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "UDP");
			classify_expect_meta(&result, frame, 1, XESP_FORM_UDP, frame->payload, 8 + length);
			frame_esp(frame, &spec, XESP_FORM_NATIVE, CLASSIFY_SPI, length);
			result = classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "native");
			classify_expect_meta(&result, frame, 1, XESP_FORM_NATIVE, frame->l4, 8 + length);
		}
		spec.dport = CLASSIFY_PORT_DRAFT;
		frame_esp(frame, &spec, XESP_FORM_UDP_IKE, CLASSIFY_SPI_DRAFT, 40);
		result = classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "draft");
		classify_expect_meta(&result, frame, 2, XESP_FORM_UDP_IKE, frame->payload + 8, 48);
	}
}

/* The lengths of the headers count, not that of the frame: Ethernet pads, and UDP may be shorter than IP. */
static void test_surplus(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct classifier_result result;

	for (unsigned int i = 0; i < CLASSIFY_VARIANTS; i++) {
		struct frame_spec spec = classify_variant(i);

		frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 20);
		memset(frame->bytes + frame->len, 0xee, 30);
		frame->len += 30;
		result = classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "padded frame");
		classify_expect_meta(&result, frame, 1, XESP_FORM_UDP, frame->payload, 28);
		frame_put16(frame, frame->l4 + 4, 8 + 9);
		result = classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "short UDP length");
		classify_expect_meta(&result, frame, 1, XESP_FORM_UDP, frame->payload, 9);
		frame_put16(frame, frame->l4 + 4, 8 + 8);
		classify_expect(*state, frame, XESP_REASON_ESP_SHORT, "UDP length of an ESP header");
		frame_udp(frame, &spec, "\xff", 1);
		memset(frame->bytes + frame->len, 0, 40);
		frame->len += 40;
		classify_expect(*state, frame, XESP_REASON_KEEPALIVE, "padded keepalive");
	}
}

static void test_both_types(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct frame_spec spec = classify_spec4();

	spec.dport = CLASSIFY_PORT_BOTH;
	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "RFC 3948 on a port of both types");
	frame_esp(frame, &spec, XESP_FORM_UDP_IKE, CLASSIFY_SPI_DRAFT, 40);
	classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "draft on a port of both types");
	frame_put32(frame, frame->payload + 4, 1);
	classify_expect(*state, frame, XESP_REASON_IKE, "4 zero bytes only");
	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI_DRAFT, 40);
	classify_expect(*state, frame, XESP_REASON_PARSER_MISMATCH, "SA of the draft entry in RFC 3948 form");
	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI_NATIVE, 40);
	classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "SA of no entry");
	frame_esp(frame, &spec, XESP_FORM_NATIVE, CLASSIFY_SPI_DRAFT, 40);
	classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "native form of any SA");
}

/* M14 */
static void test_ike(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	static const uint8_t marker[32];

	for (unsigned int i = 0; i < CLASSIFY_VARIANTS; i++) {
		struct frame_spec spec = classify_variant(i);

		for (size_t length = 0; length <= sizeof(marker); length++) {
			frame_udp(frame, &spec, marker, length);
			classify_expect(*state, frame, length < 4 ? XESP_REASON_ESP_SHORT : XESP_REASON_IKE,
					"zeros on an RFC 3948 port");
		}
		spec.dport = CLASSIFY_PORT_DRAFT;
		for (size_t length = 0; length <= sizeof(marker); length++) {
			enum xesp_reason reason = length < 4	? XESP_REASON_ESP_SHORT
						  : length < 8	? XESP_REASON_IKE
						  : length < 17 ? XESP_REASON_ESP_SHORT
								: XESP_REASON_NO_SA;

			frame_udp(frame, &spec, marker, length);
			classify_expect(*state, frame, reason, "zeros on a draft port");
		}
		frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
		classify_expect(*state, frame, XESP_REASON_IKE, "no marker on a draft port");
	}
}

/* M15, M16: classify_run() compares the frame, and there are no metadata. */
static void test_no_sa(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));

	for (unsigned int i = 0; i < CLASSIFY_VARIANTS; i++) {
		struct frame_spec spec = classify_variant(i);
		struct frame_spec other = spec;

		for (int bit = 0; bit < 32; bit++) {
			uint32_t spi = CLASSIFY_SPI ^ 1u << bit;

			if (spi == CLASSIFY_SPI_DRAFT || spi == CLASSIFY_SPI_NATIVE)
				continue;
			frame_esp(frame, &spec, XESP_FORM_UDP, spi, 40);
			classify_expect(*state, frame, XESP_REASON_NO_SA, "one bit of the SPI");
			frame_esp(frame, &spec, XESP_FORM_NATIVE, spi, 40);
			classify_expect(*state, frame, XESP_REASON_NO_SA, "one bit of the SPI, native");
		}
		for (size_t bit = 0; bit < ip_addr_size(spec.dst.family) * 8; bit++) {
			other.dst = spec.dst;
			other.dst.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			frame_esp(frame, &other, XESP_FORM_UDP, CLASSIFY_SPI, 40);
			classify_expect(*state, frame, XESP_REASON_NO_SA, "one bit of the destination");
		}
		other = spec;
		other.src.bytes[1] ^= 1;
		frame_esp(frame, &other, XESP_FORM_UDP, CLASSIFY_SPI, 40);
		classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "another source");
		frame_esp(frame, &spec, XESP_FORM_NATIVE, 0, 40);
		classify_expect(*state, frame, XESP_REASON_NO_SA, "SPI 0, which marks free slots");
	}
}

/* M26 */
static void test_shapes4(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct frame_spec spec = classify_spec4();

	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	frame_put16(frame, frame->l3 + 6, 0x2000);
	frame_fix_ipv4(frame);
	classify_expect(*state, frame, XESP_REASON_FRAGMENT, "first fragment");
	frame_put16(frame, frame->l3 + 6, 1);
	frame_fix_ipv4(frame);
	classify_expect(*state, frame, XESP_REASON_FRAGMENT, "last fragment");
	frame_put16(frame, frame->l3 + 6, 0x4000);
	frame_fix_ipv4(frame);
	classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "do not fragment");
	frame->bytes[frame->l3 + 10] ^= 1;
	classify_expect(*state, frame, XESP_REASON_IP_CHECKSUM, "header checksum");
	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	for (uint32_t total = 0; total <= UINT16_MAX; total = next_length(*state, total)) {
		size_t right = frame->len - frame->l3;
		enum xesp_reason reason = total < 20 || total > right ? XESP_REASON_IP_LENGTH
					  : total < 28		      ? XESP_REASON_IP_LENGTH
					  : total < right	      ? XESP_REASON_UDP_LENGTH
								      : XESP_REASON_TO_ENGINE;

		frame_put16(frame, frame->l3 + 2, (uint16_t)total);
		frame_fix_ipv4(frame);
		classify_expect(*state, frame, reason, "IPv4 total length");
	}
}

/* M26 */
static void test_shapes6(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct frame_spec spec = classify_spec6();

	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	for (uint32_t payload = 0; payload <= UINT16_MAX; payload = next_length(*state, payload)) {
		size_t right = frame->len - frame->l4;
		enum xesp_reason reason = payload < 8 || payload > right ? XESP_REASON_IP_LENGTH
					  : payload < right		 ? XESP_REASON_UDP_LENGTH
									 : XESP_REASON_TO_ENGINE;

		frame_put16(frame, frame->l3 + 4, (uint16_t)payload);
		classify_expect(*state, frame, reason, "IPv6 payload length");
	}
	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	for (unsigned int version = 0; version < 16; version++) {
		frame->bytes[frame->l3] = (uint8_t)(version << 4);
		classify_expect(*state, frame, version == 6 ? XESP_REASON_TO_ENGINE : XESP_REASON_IP_HEADER,
				"IPv6 version");
	}
}

static void test_udp_length(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));

	for (unsigned int i = 0; i < 2; i++) {
		struct frame_spec spec = classify_variant(i);

		frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
		for (uint32_t length = 0; length <= UINT16_MAX; length = next_length(*state, length)) {
			enum xesp_reason reason = length < 8 || length > 56 ? XESP_REASON_UDP_LENGTH
						  : length <= 16	    ? XESP_REASON_ESP_SHORT
									    : XESP_REASON_TO_ENGINE;

			frame_put16(frame, frame->l4 + 4, (uint16_t)length);
			classify_expect(*state, frame, reason, "UDP length");
		}
	}
}

static void test_udp_checksum(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	static const struct {
		enum frame_checksum checksum;
		enum xesp_reason reason;
	} cases[] = {
		{FRAME_CHECKSUM_NONE, XESP_REASON_TO_ENGINE},
		{FRAME_CHECKSUM_RIGHT, XESP_REASON_TO_ENGINE},
		{FRAME_CHECKSUM_PARTIAL, XESP_REASON_TO_ENGINE},
		{FRAME_CHECKSUM_WRONG, XESP_REASON_UDP_CHECKSUM},
	};

	for (unsigned int i = 0; i < CLASSIFY_VARIANTS; i++) {
		struct frame_spec spec = classify_variant(i);

		/* Every remainder of the chunks, up to the longest that fits. */
		for (size_t length = 1; length < 1450; length += length < 80 ? 1 : 29) {
			for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
				spec.checksum = cases[c].checksum;
				frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, length);
				classify_expect(*state, frame, cases[c].reason, "UDP checksum");
			}
			spec.checksum = FRAME_CHECKSUM_RIGHT;
			frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, length);
			frame->bytes[frame->len - 1] ^= 0x40;
			classify_expect(*state, frame, XESP_REASON_UDP_CHECKSUM, "last byte changed");
		}
	}
}

/* Behind the checksum of others, nothing of theirs is looked at. */
static void test_checksum_of_others(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct frame_spec spec = classify_spec4();

	spec.checksum = FRAME_CHECKSUM_WRONG;
	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI_UNKNOWN, 40);
	classify_expect(*state, frame, XESP_REASON_NO_SA, "wrong UDP checksum without SA");
	frame_udp(frame, &spec, "\0\0\0\0\0\0\0\0", 8);
	classify_expect(*state, frame, XESP_REASON_IKE, "wrong UDP checksum of IKE");
}

static void test_too_long(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));

	for (unsigned int i = 0; i < CLASSIFY_VARIANTS; i++) {
		struct frame_spec spec = classify_variant(i);
		size_t headers;

		frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 0);
		headers = frame->len;
		frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, CLASSIFY_PACKET_MAX - headers);
		classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "longest");
		frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, CLASSIFY_PACKET_MAX - headers + 1);
		classify_expect(*state, frame, XESP_REASON_TOO_LONG, "one byte longer");
		frame_esp(frame, &spec, XESP_FORM_NATIVE, CLASSIFY_SPI, 9000);
		classify_expect(*state, frame, XESP_REASON_TOO_LONG, "several buffers");
		/* Short IP packet in a long frame. */
		frame_esp(frame, &spec, XESP_FORM_NATIVE, CLASSIFY_SPI, 100);
		memset(frame->bytes + frame->len, 0, 5000);
		frame->len += 5000;
		classify_expect(*state, frame, XESP_REASON_TOO_LONG, "long trailer");
	}
}

static void test_disabled(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct classifier *classifier = *state;
	struct xesp_config config = {.enabled = 0, .packet_max = CLASSIFY_PACKET_MAX};
	struct frame_spec spec = classify_spec4();

	assert_int_equal(classifier->ops->set_config(classifier, &config), 0);
	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	classify_expect(classifier, frame, XESP_REASON_DISABLED, "ESP");
	frame_udp(frame, &spec, "\xff", 1);
	classify_expect(classifier, frame, XESP_REASON_DISABLED, "keepalive");
	frame->bytes[12] = 0;
	classify_expect(classifier, frame, XESP_REASON_DISABLED, "not IP");
	classify_fill_config(classifier);
	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	classify_expect(classifier, frame, XESP_REASON_TO_ENGINE, "ESP, enabled again");
}

static void test_vlan_depth(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct frame_spec spec = classify_spec4();

	for (unsigned int i = 0; i < 8; i++) {
		spec.tags = 3;
		for (unsigned int tag = 0; tag < 3; tag++)
			spec.tpid[tag] = i >> tag & 1 ? 0x88a8 : 0x8100;
		frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
		classify_expect(*state, frame, XESP_REASON_VLAN_DEPTH, "three tags");
		spec.tags = 2;
		frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
		classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "two tags");
	}
}

/* Parser entries come and go with their ports. */
static void test_parser_removed(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct classifier *classifier = *state;
	struct frame_spec spec = classify_spec4();
	struct xesp_parser_slot slot = {.id = {0, CLASSIFY_PARSER}}, none = {0};

	spec.dport = CLASSIFY_PORT_NONE;
	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	classify_expect(classifier, frame, XESP_REASON_NO_PARSER, "no entry");
	assert_int_equal(classifier->ops->set_parser(classifier, CLASSIFY_PORT_NONE, &slot), 0);
	classify_expect(classifier, frame, XESP_REASON_TO_ENGINE, "entry");
	assert_int_equal(classifier->ops->set_parser(classifier, CLASSIFY_PORT_NONE, &none), 0);
	classify_expect(classifier, frame, XESP_REASON_NO_PARSER, "entry removed");
}

/* SPI 0 marks a free slot, and a slot that was freed still holds the address: here every bucket has one. */
static void test_spi_zero(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	const struct classifier *other = *state;
	bool kernel = !strcmp(other->ops->name, "kernel");
	struct frame_spec spec = classify_spec4();
	struct xesp_sa_ref ref = {.index = 1};
	struct classifier *classifier = NULL;

	assert_int_equal((kernel ? classifier_kernel_new : classifier_native_new)(1, &classifier), 0);
	classify_fill_config(classifier);
	for (uint32_t spi = 0x2000; spi < 0x3000; spi++) {
		assert_int_equal(classifier->ops->add_sa(classifier, spi, &spec.dst, &ref), 0);
		assert_int_equal(classifier->ops->del_sa(classifier, spi, &spec.dst), 0);
	}
	assert_int_equal(classifier->ops->add_sa(classifier, CLASSIFY_SPI, &spec.dst, &ref), 0);
	frame_esp(frame, &spec, XESP_FORM_NATIVE, CLASSIFY_SPI, 40);
	classify_expect(classifier, frame, XESP_REASON_TO_ENGINE, "the SA");
	assert_int_equal(classifier->ops->del_sa(classifier, CLASSIFY_SPI, &spec.dst), 0);
	classify_expect(classifier, frame, XESP_REASON_NO_SA, "the SA, deleted");
	frame_esp(frame, &spec, XESP_FORM_NATIVE, 0, 40);
	classify_expect(classifier, frame, XESP_REASON_NO_SA, "SPI 0");
	classifier_free(classifier);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLASSIFY_TEST(test_esp),	  CLASSIFY_TEST(test_surplus),
		CLASSIFY_TEST(test_both_types),	  CLASSIFY_TEST(test_ike),
		CLASSIFY_TEST(test_no_sa),	  CLASSIFY_TEST(test_shapes4),
		CLASSIFY_TEST(test_shapes6),	  CLASSIFY_TEST(test_udp_length),
		CLASSIFY_TEST(test_udp_checksum), CLASSIFY_TEST(test_checksum_of_others),
		CLASSIFY_TEST(test_too_long),	  CLASSIFY_TEST(test_disabled),
		CLASSIFY_TEST(test_vlan_depth),	  CLASSIFY_TEST(test_parser_removed),
		CLASSIFY_TEST(test_spi_zero),
	};

	return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}
