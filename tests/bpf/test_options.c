// SPDX-License-Identifier: BSD-2-Clause
/*
 * IPv4 options and IPv6 extension headers, on both implementations: every type, every length, every cut. What
 * is expected is worked out here by other means than the classifier's.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/lib/classify.h"

#define OPTIONS_MAX 40
#define EXTENSION_MAX 64

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

struct option_case {
	const char *what;
	const uint8_t *bytes;
	size_t length;
	enum xesp_reason reason;
};

/* ESP of the SA in the frame's form, behind `length` bytes of IPv4 options. */
static struct classifier_result run4(void **state, struct frame *frame, const struct frame_spec *spec,
				     enum xesp_form form, const uint8_t *options, size_t length)
{
	uint32_t spi = form == XESP_FORM_UDP_IKE ? CLASSIFY_SPI_DRAFT : CLASSIFY_SPI;

	frame_esp(frame, spec, form, spi, 40);
	frame_insert(frame, 0, options, length);
	return classify_run(*state, frame->bytes, frame->len);
}

/* ---- IPv4 ---------------------------------------------------------------------------------------------- */

static const struct option_case options4[] = {
	{"no operation", BYTES("\1\1\1\1"), XESP_REASON_TO_ENGINE},
	{"end", BYTES("\0\0\0\0"), XESP_REASON_TO_ENGINE},
	{"a source route behind the end is none", BYTES("\0\x83\7\4"), XESP_REASON_TO_ENGINE},
	{"loose source route", BYTES("\x83\7\4\xc0\0\2\2\0"), XESP_REASON_IP_OPTIONS},
	{"loose source route, at its end", BYTES("\x83\7\x8\xc0\0\2\2\0"), XESP_REASON_IP_OPTIONS},
	{"strict source route", BYTES("\x89\7\4\xc0\0\2\2\0"), XESP_REASON_IP_OPTIONS},
	{"a source route behind others", BYTES("\1\x94\4\0\0\x83\3\4"), XESP_REASON_IP_OPTIONS},
	{"security", BYTES("\x82\3\1\0"), XESP_REASON_IP_OPTIONS},
	{"extended security", BYTES("\x85\3\1\0"), XESP_REASON_IP_OPTIONS},
	{"CIPSO", BYTES("\x86\6\0\0\0\1\0\0"), XESP_REASON_IP_OPTIONS},
	{"router alert", BYTES("\x94\4\0\0"), XESP_REASON_TO_ENGINE},
	{"router alert, longer", BYTES("\x94\5\0\0\0\0\0\0"), XESP_REASON_IP_OPTIONS},
	{"stream identifier", BYTES("\x88\4\0\1"), XESP_REASON_TO_ENGINE},
	{"record route", BYTES("\7\7\4\0\0\0\0\0"), XESP_REASON_TO_ENGINE},
	{"record route, full", BYTES("\7\7\x8\xc0\0\2\7\0"), XESP_REASON_TO_ENGINE},
	{"record route without room", BYTES("\7\3\4\0"), XESP_REASON_TO_ENGINE},
	{"record route without pointer", BYTES("\7\2\1\1"), XESP_REASON_IP_OPTIONS},
	{"record route, pointer into its head", BYTES("\7\7\3\0\0\0\0\0"), XESP_REASON_IP_OPTIONS},
	{"record route, pointer into an address", BYTES("\7\7\5\0\0\0\0\0"), XESP_REASON_IP_OPTIONS},
	{"time stamps", BYTES("\x44\x8\5\0\0\0\0\0"), XESP_REASON_TO_ENGINE},
	{"time stamps, full", BYTES("\x44\x8\x9\0\0\0\0\7"), XESP_REASON_TO_ENGINE},
	{"time stamps without flags", BYTES("\x44\3\5\0"), XESP_REASON_IP_OPTIONS},
	{"time stamps, pointer into its head", BYTES("\x44\x8\4\0\0\0\0\0"), XESP_REASON_IP_OPTIONS},
	{"length 0", BYTES("\x1e\0\1\1"), XESP_REASON_IP_OPTIONS},
	{"length 1", BYTES("\x1e\1\1\1"), XESP_REASON_IP_OPTIONS},
	{"no length", BYTES("\1\1\1\x1e"), XESP_REASON_IP_OPTIONS},
	{"beyond the header", BYTES("\1\1\x1e\3"), XESP_REASON_IP_OPTIONS},
	{"to the end of the header", BYTES("\1\1\x1e\2"), XESP_REASON_TO_ENGINE},
	{"as far as can be",
	 BYTES("\x1e\x28"
	       "0123456789012345678901234567890123456789"
	       "\0"),
	 XESP_REASON_TO_ENGINE},
};

static void test_ipv4_options(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	static const uint16_t ports[] = {0, CLASSIFY_PORT, CLASSIFY_PORT_DRAFT};

	for (unsigned int i = 0; i < 9 * ARRAY_SIZE(options4); i++) {
		const struct option_case *row = &options4[i / 9];
		struct frame_spec spec = classify_variant(2 * (i / 3 % 3));
		size_t length = row->length < OPTIONS_MAX ? row->length : OPTIONS_MAX, marker;
		struct classifier_result result;

		spec.dport = ports[i % 3];
		result = run4(state, frame, &spec, (enum xesp_form)(i % 3), row->bytes, length);
		if (result.reason != row->reason)
			fail_msg("%s: reason %d instead of %d", row->what, result.reason, row->reason);
		marker = i % 3 == XESP_FORM_UDP_IKE ? 8 : 0;
		if (result.redirected)
			classify_expect_meta(&result, frame, marker ? 2 : 1, (enum xesp_form)(i % 3),
					     frame->payload + marker, 48);
	}
}

/* One option of any type and length, with any pointer into it, behind and in front of others. */
static bool ignorable4(uint8_t type, uint8_t size, uint8_t pointer, size_t room)
{
	static const uint8_t of_the_kernel[] = {130, 131, 133, 134, 137};
	unsigned int first = type == 7 ? 4 : 5;

	if (type == 0 || type == 1)
		return true;
	if (size < 2 || size > room || memchr(of_the_kernel, type, sizeof(of_the_kernel)))
		return false;
	if (type == 148)
		return size == 4;
	if (type != 7 && type != 68)
		return true;
	return size >= first - 1 && pointer >= first && (pointer > size || pointer + 3 <= size);
}

static void test_ipv4_types_and_lengths(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct frame_spec spec = classify_spec4();

	for (unsigned int type = 0; type < 256; type++) {
		for (unsigned int size = 0; size < 48; size++) {
			/* Type 1 is followed by no length, so by options that end at once. */
			uint8_t options[OPTIONS_MAX] = {1, 1, 1, (uint8_t)type, (uint8_t)size, 0};
			uint8_t pointer = (uint8_t)((type + size) % 48);
			bool good;
			struct classifier_result result;

			if (type == 1)
				options[4] = 0;
			if (type > 1 && size > 2)
				options[5] = pointer;
			good = ignorable4((uint8_t)type, (uint8_t)size, size > 2 ? pointer : 0,
					  OPTIONS_MAX - 3);
			/* A short one is followed by its pointer, which is 0: the end. */
			result = run4(state, frame, &spec, XESP_FORM_UDP, options, sizeof(options));
			if (result.reason != (good ? XESP_REASON_TO_ENGINE : XESP_REASON_IP_OPTIONS))
				fail_msg("type %u, length %u, pointer %u: reason %d", type, size, pointer,
					 result.reason);
		}
	}
}

/* Each header length, full of options of one byte, of two, and of one that is a byte too long. */
static void test_ipv4_header_lengths(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct frame_spec spec = classify_spec4();
	struct classifier_result result;
	uint8_t options[OPTIONS_MAX];

	spec.checksum = FRAME_CHECKSUM_RIGHT;
	for (size_t length = 4; length <= OPTIONS_MAX; length += 4) {
		memset(options, 1, length);
		result = run4(state, frame, &spec, XESP_FORM_UDP, options, length);
		assert_int_equal(result.reason, XESP_REASON_TO_ENGINE);
		classify_expect_meta(&result, frame, 1, XESP_FORM_UDP, frame->payload, 48);
		frame->bytes[frame->len - 1] ^= 1;
		classify_expect(*state, frame, XESP_REASON_UDP_CHECKSUM, "UDP checksum behind options");
		for (size_t i = 0; i < length; i++)
			options[i] = i % 2 ? 2 : 0x1e;
		result = run4(state, frame, &spec, XESP_FORM_UDP, options, length);
		assert_int_equal(result.reason, XESP_REASON_TO_ENGINE);
		for (size_t at = 0; at < length - 1; at++) {
			memset(options, 1, length);
			options[at] = 0x1e;
			for (size_t size = 0; size < 256; size++) {
				options[at + 1] = (uint8_t)size;
				result = run4(state, frame, &spec, XESP_FORM_UDP, options, length);
				assert_int_equal(result.reason, size >= 2 && at + size <= length
									? XESP_REASON_TO_ENGINE
									: XESP_REASON_IP_OPTIONS);
				size += size > 48 ? 50 : 0;
			}
		}
	}
}

/* What else is said of a header without options is said of one with them. */
static void test_ipv4_rest(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct frame_spec spec = classify_spec4();
	uint8_t options[OPTIONS_MAX];

	memset(options, 1, sizeof(options));
	run4(state, frame, &spec, XESP_FORM_UDP, options, sizeof(options));
	for (size_t bit = 0; bit < 8 * sizeof(options); bit++) {
		frame->bytes[frame->l3 + 20 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		classify_expect(*state, frame, XESP_REASON_IP_CHECKSUM, "one bit of the options");
		frame->bytes[frame->l3 + 20 + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 14; len < frame->len; len++) {
		struct classifier_result result = classify_run(*state, frame->bytes, len);

		assert_int_equal(result.reason,
				 len < frame->l3 + 20 ? XESP_REASON_TRUNCATED : XESP_REASON_IP_LENGTH);
	}
	frame_put16(frame, frame->l3 + 6, 0x2000);
	frame_fix_ipv4(frame);
	classify_expect(*state, frame, XESP_REASON_FRAGMENT, "a fragment with options");
	frame_put16(frame, frame->l3 + 6, 0x4000);
	for (unsigned int total = 0; total < 200; total++) {
		size_t right = frame->len - frame->l3;
		enum xesp_reason reason = total < 68 || total > right ? XESP_REASON_IP_LENGTH
					  : total < right	      ? XESP_REASON_UDP_LENGTH
								      : XESP_REASON_TO_ENGINE;

		frame_put16(frame, frame->l3 + 2, (uint16_t)total);
		frame_fix_ipv4(frame);
		classify_expect(*state, frame, reason, "total length of a header of 60 bytes");
	}
}

/* ---- IPv6 ---------------------------------------------------------------------------------------------- */

/* The options of one header, in destination and in hop-by-hop options. */
static const struct option_case options6[] = {
	{"Pad1", BYTES("\0\0\0\0\0\0"), XESP_REASON_TO_ENGINE},
	{"PadN", BYTES("\1\4\0\0\0\0"), XESP_REASON_TO_ENGINE},
	{"PadN of two bytes", BYTES("\1\0\1\0\1\0"), XESP_REASON_TO_ENGINE},
	{"PadN, beyond the header", BYTES("\1\5\0\0\0\0"), XESP_REASON_IPV6_EXT},
	{"no length", BYTES("\0\0\0\0\0\1"), XESP_REASON_IPV6_EXT},
	{"router alert", BYTES("\5\2\0\0\1\0"), XESP_REASON_TO_ENGINE},
	{"router alert without value", BYTES("\5\0\0\0\0\0"), XESP_REASON_IPV6_EXT},
	{"router alert, longer", BYTES("\5\3\0\0\0\0"), XESP_REASON_IPV6_EXT},
	{"CALIPSO", BYTES("\7\4\0\0\0\0"), XESP_REASON_IPV6_EXT},
	{"tunnel encapsulation limit", BYTES("\4\1\4\1\1\0"), XESP_REASON_TO_ENGINE},
	{"jumbo payload", BYTES("\xc2\4\0\1\0\0"), XESP_REASON_IPV6_EXT},
	{"performance and diagnostic metrics", BYTES("\xf\xa\0\0\0\0\0\0\0\0\0\0\1\0"),
	 XESP_REASON_TO_ENGINE},
	{"home address",
	 BYTES("\1\2\0\0\xc9\x10"
	       "0123456789abcdef"),
	 XESP_REASON_IPV6_EXT},
	{"unknown: skip", BYTES("\x1e\4\0\0\0\0"), XESP_REASON_TO_ENGINE},
	{"unknown: skip, may change", BYTES("\x3e\4\0\0\0\0"), XESP_REASON_TO_ENGINE},
	{"unknown: discard", BYTES("\x5e\4\0\0\0\0"), XESP_REASON_IPV6_EXT},
	{"unknown: discard and tell", BYTES("\x9e\4\0\0\0\0"), XESP_REASON_IPV6_EXT},
	{"unknown: discard and tell unicast", BYTES("\xde\4\0\0\0\0"), XESP_REASON_IPV6_EXT},
	{"the last of several", BYTES("\0\1\0\0\x5e\0"), XESP_REASON_IPV6_EXT},
};

/* Puts an extension header in front, of these options. */
static void add_header(struct frame *frame, uint8_t type, const uint8_t *options, size_t length)
{
	uint8_t header[256 * 8] = {0};

	header[1] = (uint8_t)((length + 2) / 8 - 1);
	memcpy(header + 2, options, length);
	frame_insert(frame, type, header, length + 2);
}

/* One of `eights` times 8 bytes, padded. */
static void add_padded(struct frame *frame, uint8_t type, unsigned int eights)
{
	uint8_t options[256 * 8] = {0};

	add_header(frame, type, options, eights * 8 - 2);
}

static void test_ipv6_options(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	static const uint16_t ports[] = {0, CLASSIFY_PORT, CLASSIFY_PORT_DRAFT};
	static const uint8_t types[] = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS};

	for (unsigned int i = 0; i < 18 * ARRAY_SIZE(options6); i++) {
		const struct option_case *row = &options6[i / 18];
		struct frame_spec spec = classify_variant(1 + 2 * (i / 6 % 3));
		enum xesp_form form = (enum xesp_form)(i % 3);
		size_t marker = form == XESP_FORM_UDP_IKE ? 8 : 0;
		struct classifier_result result;

		spec.dport = ports[i % 3];
		frame_esp(frame, &spec, form, marker ? CLASSIFY_SPI_DRAFT : CLASSIFY_SPI, 40);
		add_header(frame, types[i / 3 % 2], row->bytes, row->length);
		result = classify_expect(*state, frame, row->reason, row->what);
		if (result.redirected)
			classify_expect_meta(&result, frame, marker ? 2 : 1, form, frame->payload + marker,
					     48);
	}
}

/* Each option type, of each length, in a header of 16 bytes. */
static void test_ipv6_types_and_lengths(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct frame_spec spec = classify_spec6();

	for (unsigned int type = 0; type < 256; type++) {
		for (unsigned int length = 0; length < 20; length++) {
			uint8_t options[14] = {0, 0, (uint8_t)type, (uint8_t)length};
			bool good = type < 64 && type != 7 && (type != 5 || length == 2) && length <= 10;

			/* Pad1 has no length: that is the type of the next option. */
			if (type == 0)
				good = length <= 1 || (length < 64 && length != 5 && length != 7);
			frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
			add_header(frame, IPPROTO_DSTOPTS, options, sizeof(options));
			if (classify_run(*state, frame->bytes, frame->len).reason !=
			    (good ? XESP_REASON_TO_ENGINE : XESP_REASON_IPV6_EXT))
				fail_msg("type %u, length %u: not %d", type, length, good);
		}
	}
}

/* Chains: which headers, in which order, how many, how long. */
static void test_ipv6_chains(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	static const struct {
		uint8_t types[4]; /* from the last to the first; 255: none */
		uint8_t eights[4];
		enum xesp_reason reason;
	} cases[] = {
		{{0, 255, 255, 255}, {1}, XESP_REASON_TO_ENGINE},
		{{0, 255, 255, 255}, {8}, XESP_REASON_TO_ENGINE},
		{{0, 255, 255, 255}, {9}, XESP_REASON_IPV6_EXT},
		{{60, 255, 255, 255}, {8}, XESP_REASON_TO_ENGINE},
		{{60, 255, 255, 255}, {9}, XESP_REASON_IPV6_EXT},
		{{60, 0, 255, 255}, {1, 1}, XESP_REASON_TO_ENGINE},
		{{60, 0, 255, 255}, {4, 4}, XESP_REASON_TO_ENGINE},
		{{60, 0, 255, 255}, {4, 5}, XESP_REASON_IPV6_EXT},
		{{60, 0, 255, 255}, {5, 4}, XESP_REASON_IPV6_EXT},
		{{0, 60, 255, 255}, {1, 1}, XESP_REASON_IPV6_EXT},
		{{0, 0, 255, 255}, {1, 1}, XESP_REASON_IPV6_EXT},
		{{60, 60, 0, 255}, {1, 1, 1}, XESP_REASON_TO_ENGINE},
		{{60, 60, 0, 255}, {4, 3, 1}, XESP_REASON_TO_ENGINE},
		{{60, 60, 0, 255}, {4, 3, 2}, XESP_REASON_IPV6_EXT},
		{{60, 60, 60, 255}, {1, 1, 1}, XESP_REASON_TO_ENGINE},
		{{60, 60, 60, 0}, {1, 1, 1, 1}, XESP_REASON_IPV6_EXT},
		{{60, 255, 255, 255}, {200}, XESP_REASON_IPV6_EXT},
	};

	for (unsigned int i = 0; i < 3 * ARRAY_SIZE(cases); i++) {
		struct frame_spec spec = classify_variant(1 + 2 * (i % 3));
		struct classifier_result result;

		spec.checksum = FRAME_CHECKSUM_RIGHT;
		frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
		for (size_t j = 0; j < 4; j++)
			if (cases[i / 3].types[j] != 255)
				add_padded(frame, cases[i / 3].types[j], cases[i / 3].eights[j]);
		result = classify_expect(*state, frame, cases[i / 3].reason, "chain");
		if (!result.redirected)
			continue;
		classify_expect_meta(&result, frame, 1, XESP_FORM_UDP, frame->payload, 48);
		frame->bytes[frame->len - 1] ^= 1;
		classify_expect(*state, frame, XESP_REASON_UDP_CHECKSUM, "UDP checksum behind headers");
	}
}

static enum xesp_reason second_header_reason(unsigned int next)
{
	switch (next) {
	case 17: return XESP_REASON_TO_ENGINE;
	case 50: return XESP_REASON_NO_SA;
	case 44: return XESP_REASON_FRAGMENT;
	case 60: return XESP_REASON_IP_LENGTH; /* the UDP ports as a header, which is too long */
	case 0:
	case 43:
	case 51:
	case 135:
	case 139:
	case 140: return XESP_REASON_IPV6_EXT;
	default: return XESP_REASON_NOT_IPSEC;
	}
}

static void test_ipv6_second_header(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct frame_spec spec = classify_spec6();

	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	add_padded(frame, IPPROTO_HOPOPTS, 1);
	for (unsigned int next = 0; next < 256; next++) {
		frame->bytes[frame->l3 + 40] = (uint8_t)next;
		if (classify_run(*state, frame->bytes, frame->len).reason != second_header_reason(next))
			fail_msg("next header %u", next);
	}
}

/* Lengths that lie, and frames that end early. */
static void test_ipv6_rest(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct frame_spec spec = classify_spec6();
	size_t right;

	frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	add_padded(frame, IPPROTO_DSTOPTS, 2);
	add_padded(frame, IPPROTO_HOPOPTS, 1);
	right = frame->len - frame->l3 - 40;
	for (size_t len = 14; len < frame->len; len++) {
		struct classifier_result result = classify_run(*state, frame->bytes, len);

		assert_int_equal(result.reason,
				 len < frame->l3 + 40 ? XESP_REASON_TRUNCATED : XESP_REASON_IP_LENGTH);
	}
	for (unsigned int payload = 0; payload < 200; payload++) {
		enum xesp_reason reason = payload < 24 + 8 || payload > right ? XESP_REASON_IP_LENGTH
					  : payload < right		      ? XESP_REASON_UDP_LENGTH
									      : XESP_REASON_TO_ENGINE;

		frame_put16(frame, frame->l3 + 4, (uint16_t)payload);
		classify_expect(*state, frame, reason, "payload length behind 24 bytes of headers");
	}
	frame_put16(frame, frame->l3 + 4, (uint16_t)right);
	for (unsigned int eights = 0; eights < 256; eights++) {
		enum xesp_reason reason = eights == 0			   ? XESP_REASON_TO_ENGINE
					  : eights * 8 + 8 > right	   ? XESP_REASON_IP_LENGTH
					  : eights * 8 + 8 > EXTENSION_MAX ? XESP_REASON_IPV6_EXT
									   : XESP_REASON_NONE;

		frame->bytes[frame->l3 + 41] = (uint8_t)eights;
		if (reason)
			classify_expect(*state, frame, reason, "length of the first header");
	}
}

/* ---- both ---------------------------------------------------------------------------------------------- */

/* Keepalives and IKE are told behind options, too; and all is as with the switch off. */
static void test_others_behind_options(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	struct classifier *classifier = *state;
	const struct xesp_config off = {.enabled = 0, .packet_max = CLASSIFY_PACKET_MAX};

	for (unsigned int i = 0; i < CLASSIFY_VARIANTS; i++) {
		struct frame_spec spec = classify_variant(i);

		frame_udp(frame, &spec, "\xff", 1);
		frame_insert(frame, IPPROTO_DSTOPTS, "\1\0\1\0\0\0\0\0", 8);
		classify_expect(classifier, frame, XESP_REASON_KEEPALIVE, "keepalive");
		spec.dst.bytes[1] ^= 1;
		frame_udp(frame, &spec, "\xff", 1);
		frame_insert(frame, IPPROTO_DSTOPTS, "\1\0\1\0\0\0\0\0", 8);
		classify_expect(classifier, frame, XESP_REASON_KEEPALIVE_FOREIGN, "keepalive to another");
		frame_udp(frame, &spec, "\0\0\0\0IKE", 7);
		frame_insert(frame, IPPROTO_DSTOPTS, "\1\0\1\0\0\0\0\0", 8);
		classify_expect(classifier, frame, XESP_REASON_IKE, "IKE");
		spec = classify_variant(i);
		frame_esp(frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI_UNKNOWN, 40);
		frame_insert(frame, IPPROTO_DSTOPTS, "\1\0\1\0\0\0\0\0", 8);
		classify_expect(classifier, frame, XESP_REASON_NO_SA, "no SA");
		assert_int_equal(classifier->ops->set_config(classifier, &off), 0);
		classify_expect(classifier, frame, XESP_REASON_DISABLED, "switched off");
		classify_fill_config(classifier);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLASSIFY_TEST(test_ipv4_options),	 CLASSIFY_TEST(test_ipv4_types_and_lengths),
		CLASSIFY_TEST(test_ipv4_header_lengths), CLASSIFY_TEST(test_ipv4_rest),
		CLASSIFY_TEST(test_ipv6_options),	 CLASSIFY_TEST(test_ipv6_types_and_lengths),
		CLASSIFY_TEST(test_ipv6_chains),	 CLASSIFY_TEST(test_ipv6_second_header),
		CLASSIFY_TEST(test_ipv6_rest),		 CLASSIFY_TEST(test_others_behind_options),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
