// SPDX-License-Identifier: BSD-2-Clause
/*
 * Frames in several buffers (XDP fragments), on both implementations: which of them fit a socket, with the
 * switch on and off, and their UDP checksum wherever its bytes lie; then the kernel's alone with first
 * buffers of any size.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpf/xesp.skel.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xesp/limits.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "host/classifier_bpf.h"
#include "tests/lib/classify.h"

/* What the first buffer of a test run holds: a page without headroom and the end that is the kernel's. */
#define FIRST_BUFFER (4096 - 256 - 320)

static void configure(struct classifier *classifier, uint32_t packet_max, uint32_t multi_buffer)
{
	const struct xesp_config config = {
		.enabled = 1, .packet_max = packet_max, .multi_buffer = multi_buffer};

	assert_int_equal(classifier->ops->set_config(classifier, &config), 0);
}

/* ESP in UDP such that the frame has `frame_len` bytes. */
static void long_frame(struct frame *frame, const struct frame_spec *spec, size_t frame_len)
{
	frame_esp(frame, spec, XESP_FORM_UDP, CLASSIFY_SPI, 0);
	frame_esp(frame, spec, XESP_FORM_UDP, CLASSIFY_SPI, frame_len - frame->len);
	assert_int_equal(frame->len, frame_len);
}

/* As long as IP can say. */
static size_t longest(const struct frame_spec *spec)
{
	return 14 + 4 * spec->tags + 65535 + (spec->dst.family == AF_INET6 ? 40 : 0);
}

static void expect_redirected(struct classifier *classifier, const struct frame *frame, const char *what)
{
	struct classifier_result result = classify_expect(classifier, frame, XESP_REASON_TO_ENGINE, what);

	classify_expect_meta(&result, frame, 1, XESP_FORM_UDP, frame->payload, frame->len - frame->payload);
}

/* From one buffer to eighteen: taken if the switch is on, else passed. */
static void test_lengths(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));

	for (size_t len = 3000; len < 65530; len += len < 3600 ? 1 : 457) {
		struct frame_spec spec = classify_variant((unsigned int)len % CLASSIFY_VARIANTS);

		long_frame(frame, &spec, len);
		configure(*state, XESP_PACKET_JUMBO_MAX, 1);
		expect_redirected(*state, frame, "switch on");
		configure(*state, XESP_PACKET_JUMBO_MAX, 0);
		if (len <= FIRST_BUFFER)
			expect_redirected(*state, frame, "switch off, one buffer");
		else
			classify_expect(*state, frame, XESP_REASON_TOO_LONG, "switch off");
	}
}

/* No packet is too long; with a trailer a frame may be. */
static void test_longest(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));

	configure(*state, XESP_PACKET_JUMBO_MAX, 1);
	for (unsigned int i = 0; i < CLASSIFY_VARIANTS; i++) {
		struct frame_spec spec = classify_variant(i);
		struct classifier_result result;
		size_t len = longest(&spec);

		spec.checksum = FRAME_CHECKSUM_RIGHT;
		long_frame(frame, &spec, len);
		expect_redirected(*state, frame, "longest packet");
		memset(frame->bytes + len, 0, sizeof(frame->bytes) - len);
		frame->len = XESP_PACKET_JUMBO_MAX;
		result = classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "longest frame");
		classify_expect_meta(&result, frame, 1, XESP_FORM_UDP, frame->payload, len - frame->payload);
		frame->len++;
		classify_expect(*state, frame, XESP_REASON_TOO_LONG, "one byte longer");
	}
}

/* Any limit is one on all buffers together. */
static void test_limits(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	static const uint32_t limits[] = {100, 1535, 1536, 1537, FIRST_BUFFER, FIRST_BUFFER + 1, 8000};
	struct frame_spec spec = classify_spec6();

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		configure(*state, limits[i], 1);
		long_frame(frame, &spec, limits[i]);
		expect_redirected(*state, frame, "as long as may be");
		long_frame(frame, &spec, limits[i] + 1);
		classify_expect(*state, frame, XESP_REASON_TOO_LONG, "one byte longer");
	}
}

/* What follows the IP packet belongs to the frame, also if the first buffer ends with the one. */
static void test_trailers(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	static const size_t lengths[] = {100, 1500, 2000, FIRST_BUFFER - 1, FIRST_BUFFER, FIRST_BUFFER + 1};

	for (unsigned int i = 0; i < 6 * ARRAY_SIZE(lengths); i++) {
		struct frame_spec spec = classify_variant(i % 6);
		struct classifier_result result;
		size_t len = lengths[i / 6];

		long_frame(frame, &spec, len);
		memset(frame->bytes + len, 0, 4000);
		frame->len = len + 4000;
		configure(*state, XESP_PACKET_JUMBO_MAX, 0);
		classify_expect(*state, frame, XESP_REASON_TOO_LONG, "trailer in further buffers");
		configure(*state, XESP_PACKET_JUMBO_MAX, 1);
		result = classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "trailer in further buffers");
		classify_expect_meta(&result, frame, 1, XESP_FORM_UDP, frame->payload, len - frame->payload);
		configure(*state, (uint32_t)len + 3999, 1);
		classify_expect(*state, frame, XESP_REASON_TOO_LONG, "trailer, one byte too long");
	}
}

/* UDP or IP may say less than the frame has, and more. */
static void test_lies(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));

	configure(*state, XESP_PACKET_JUMBO_MAX, 1);
	for (unsigned int i = 0; i < 2; i++) {
		struct frame_spec spec = classify_variant(i);
		struct classifier_result result;
		size_t udp_length = 5000;

		spec.checksum = FRAME_CHECKSUM_RIGHT;
		long_frame(frame, &spec, 9000);
		frame_put16(frame, frame->l4 + 4, (uint16_t)udp_length);
		frame_fix_udp(frame, FRAME_CHECKSUM_RIGHT);
		result =
			classify_expect(*state, frame, XESP_REASON_TO_ENGINE, "UDP length in another buffer");
		classify_expect_meta(&result, frame, 1, XESP_FORM_UDP, frame->payload, udp_length - 8);
		frame_put16(frame, frame->l4 + 4, (uint16_t)(9001 - frame->l4));
		classify_expect(*state, frame, XESP_REASON_UDP_LENGTH, "UDP length beyond the packet");
		frame_put16(frame, frame->l3 + (i ? 4 : 2), (uint16_t)(9001 - frame->l3 - (i ? 40 : 0)));
		frame_fix_ipv4(frame);
		classify_expect(*state, frame, XESP_REASON_IP_LENGTH, "IP length beyond the frame");
	}
}

/* Each remainder of a chunk of the sum, the last byte in each buffer, and a damaged byte in each. */
static void test_udp_checksum(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));
	static const enum frame_checksum checksums[] = {FRAME_CHECKSUM_NONE, FRAME_CHECKSUM_RIGHT,
							FRAME_CHECKSUM_PARTIAL, FRAME_CHECKSUM_WRONG};
	static const size_t damaged[] = {
		FIRST_BUFFER - 1, FIRST_BUFFER, 7615, 7616, 8000, 32767, 32768, 40000, 65000};

	configure(*state, XESP_PACKET_JUMBO_MAX, 1);
	for (size_t len = FIRST_BUFFER - 2; len < 65530;
	     len += len < 4200 || len / 70 == 32800 / 70 ? 1 : 1009) {
		struct frame_spec spec = classify_variant((unsigned int)len % CLASSIFY_VARIANTS);

		for (size_t i = 0; i < ARRAY_SIZE(checksums); i++) {
			spec.checksum = checksums[i];
			long_frame(frame, &spec, len);
			if (spec.checksum == FRAME_CHECKSUM_WRONG)
				classify_expect(*state, frame, XESP_REASON_UDP_CHECKSUM, "wrong checksum");
			else
				expect_redirected(*state, frame, "checksum");
		}
		spec.checksum = FRAME_CHECKSUM_RIGHT;
		long_frame(frame, &spec, len);
		frame->bytes[len - 1] ^= 1;
		classify_expect(*state, frame, XESP_REASON_UDP_CHECKSUM, "last byte");
		frame->bytes[len - 1] ^= 1;
		for (size_t i = 0; i < ARRAY_SIZE(damaged) && damaged[i] < len; i++) {
			frame->bytes[damaged[i]] ^= 0x10;
			classify_expect(*state, frame, XESP_REASON_UDP_CHECKSUM, "some byte");
			frame->bytes[damaged[i]] ^= 0x10;
		}
		expect_redirected(*state, frame, "undamaged");
	}
}

static void test_options(void **state)
{
	CLEANUP_FREE struct frame *frame = malloc(sizeof(*frame));

	configure(*state, XESP_PACKET_JUMBO_MAX, 1);
	for (unsigned int i = 0; i < CLASSIFY_VARIANTS; i++) {
		struct frame_spec spec = classify_variant(i);

		spec.checksum = FRAME_CHECKSUM_RIGHT;
		long_frame(frame, &spec, 9000);
		frame_insert(frame, IPPROTO_DSTOPTS, "\1\0\1\4\0\0\0\0", 8);
		expect_redirected(*state, frame, "with options");
		frame->bytes[frame->len - 1] ^= 1;
		classify_expect(*state, frame, XESP_REASON_UDP_CHECKSUM, "with options, last byte");
	}
}

/* ---- first buffers of any size ------------------------------------------------------------------------- */

struct split {
	struct xesp_bpf *object;
	struct classifier_fds fds;
	struct classifier *classifier;
	int socket;
	struct frame frame;
	uint8_t output[FRAME_ROOM + 256];
};

static int setup(void **state)
{
	struct split *split = calloc(1, sizeof(*split));
	uint32_t queue = 0;

	assert_non_null(split);
	assert_int_equal(classifier_bpf_open(CLASSIFY_CAPACITY, &split->object), 0);
	assert_int_equal(xesp_bpf__load(split->object), 0);
	split->fds = classifier_bpf_fds(split->object);
	assert_int_equal(classifier_fds_new(&split->fds, false, &split->classifier), 0);
	classify_fill(split->classifier);
	split->socket = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_true(split->socket >= 0);
	assert_int_equal(bpf_map_update_elem(split->fds.sockets, &queue, &split->socket, BPF_ANY), 0);
	*state = split;
	return 0;
}

static int teardown(void **state)
{
	struct split *split = *state;

	classifier_free(split->classifier);
	xesp_bpf__destroy(split->object);
	close(split->socket);
	free(split);
	return 0;
}

static uint64_t counter(struct split *split, enum xesp_reason reason)
{
	uint64_t counters[XESP_CLASSIFIER_REASON_END];

	assert_int_equal(split->classifier->ops->read_counters(split->classifier, counters), 0);
	return counters[reason];
}

/* Runs the frame with `first` bytes in the first buffer. -EINVAL: this kernel cannot. */
static int run_split(struct split *split, size_t first, uint32_t *ret_action)
{
	struct xdp_md in = {.data_end = (uint32_t)first}, out = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = split->frame.bytes,
		    .data_size_in = (uint32_t)split->frame.len, .data_out = split->output,
		    .data_size_out = sizeof(split->output), .ctx_in = &in, .ctx_size_in = sizeof(in),
		    .ctx_out = &out, .ctx_size_out = sizeof(out), .repeat = 1);
	int ret = bpf_prog_test_run_opts(bpf_program__fd(split->object->progs.xesp_classify), &opts);

	if (ret)
		return ret;
	assert_int_equal(opts.data_size_out - out.data, split->frame.len);
	assert_memory_equal(split->output + out.data, split->frame.bytes, split->frame.len);
	*ret_action = opts.retval;
	return 0;
}

static void need_split(struct split *split)
{
	struct frame_spec spec = classify_spec4();
	uint32_t action;
	int ret;

	long_frame(&split->frame, &spec, 300);
	ret = run_split(split, 100, &action);
	assert_true(!ret || ret == -EINVAL);
	if (ret) {
		print_message("# skipped: before Linux 6.18 a test run fills the first buffer\n");
		skip();
	}
}

static void expect_split(struct split *split, size_t first, enum xesp_reason reason)
{
	uint64_t before = counter(split, reason);
	uint32_t action;

	assert_int_equal(run_split(split, first, &action), 0);
	if (counter(split, reason) != before + 1)
		fail_msg("first buffer of %zu bytes, of %zu: not reason %d", first, split->frame.len, reason);
	assert_int_equal(action, reason == XESP_REASON_TO_ENGINE ? XDP_REDIRECT : XDP_PASS);
}

/* The headers up to the sequence number must lie in the first buffer; the rest may be anywhere. */
static void test_split_anywhere(void **state)
{
	struct split *split = *state;

	need_split(split);
	configure(split->classifier, XESP_PACKET_JUMBO_MAX, 1);
	for (unsigned int i = 0; i < 2 * CLASSIFY_VARIANTS; i++) {
		struct frame_spec spec = classify_variant(i / 2);
		size_t headers;

		spec.checksum = i % 2 ? FRAME_CHECKSUM_RIGHT : FRAME_CHECKSUM_NONE;
		long_frame(&split->frame, &spec, 700);
		if (i / 2 % 3 == 2)
			frame_insert(&split->frame, IPPROTO_DSTOPTS, "\1\0\1\4\0\0\0\0", 8);
		headers = split->frame.payload + 8;
		for (size_t first = 14; first < split->frame.len; first++)
			expect_split(split, first,
				     first < headers ? XESP_REASON_TRUNCATED : XESP_REASON_TO_ENGINE);
		split->frame.bytes[split->frame.len - 1] ^= 1;
		for (size_t first = headers; i % 2 && first < split->frame.len; first++)
			expect_split(split, first, XESP_REASON_UDP_CHECKSUM);
	}
}

/* With the switch off, whatever lies in several buffers passes; but see fits_socket() of one that ends with a
 * small first buffer. */
static void test_split_with_the_switch_off(void **state)
{
	struct split *split = *state;
	struct frame_spec spec = classify_spec4();

	need_split(split);
	configure(split->classifier, XESP_PACKET_JUMBO_MAX, 0);
	for (size_t len = 1500; len < 3000; len += 13) {
		long_frame(&split->frame, &spec, len);
		for (size_t first = 50; first < len; first += 101)
			expect_split(split, first, XESP_REASON_TOO_LONG);
		memset(split->frame.bytes + len, 0, 20);
		split->frame.len += 20;
		if (len > 1536)
			expect_split(split, len, XESP_REASON_TOO_LONG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLASSIFY_TEST(test_lengths),
		CLASSIFY_TEST(test_longest),
		CLASSIFY_TEST(test_limits),
		CLASSIFY_TEST(test_trailers),
		CLASSIFY_TEST(test_lies),
		CLASSIFY_TEST(test_udp_checksum),
		CLASSIFY_TEST(test_options),
		cmocka_unit_test_setup_teardown(test_split_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_with_the_switch_off, setup, teardown),
	};

	return cmocka_run_group_tests_name("buffers", tests, NULL, NULL);
}
