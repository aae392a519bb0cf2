// SPDX-License-Identifier: BSD-2-Clause
/*
 * What only the kernel's classifier has: sockets, metadata of others, audit events, the verifier's bill, and
 * descriptors handed to a process that did not load it.
 */
#include <bpf/bpf.h>
#include <bpf/xesp.skel.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "host/classifier_bpf.h"
#include "tests/lib/classify.h"

/* Instructions that the verifier may go through: a third more than 6.18 takes. The kernel's limit is a
 * million; what comes near it loads on one kernel and not on the next. */
#define VERIFIER_BOUND 52000

#define METADATA_MAX 64
#define EVENTS_MAX 64

struct rig {
	struct xesp_bpf *object;
	struct classifier_fds fds;
	struct classifier *classifier; /* by descriptors only */
	struct ring_buffer *ring;
	int socket;
	struct xesp_audit_event events[EVENTS_MAX];
	size_t event_count;
	struct frame frame;
	uint8_t output[FRAME_ROOM + METADATA_MAX];
	struct xdp_md out; /* of the last run */
};

static int take_event(void *ctx, void *data, size_t size)
{
	struct rig *rig = ctx;

	assert_int_equal(size, sizeof(rig->events[0]));
	assert_true(rig->event_count < EVENTS_MAX);
	memcpy(&rig->events[rig->event_count++], data, size);
	return 0;
}

static void set_config(struct rig *rig, uint32_t audit_per_second)
{
	struct xesp_config config = {
		.enabled = 1, .packet_max = CLASSIFY_PACKET_MAX, .audit_per_second = audit_per_second};

	assert_int_equal(rig->classifier->ops->set_config(rig->classifier, &config), 0);
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	uint32_t queue = 0;

	assert_non_null(rig);
	assert_int_equal(classifier_bpf_open(CLASSIFY_CAPACITY, &rig->object), 0);
	assert_int_equal(xesp_bpf__load(rig->object), 0);
	rig->fds = classifier_bpf_fds(rig->object);
	assert_int_equal(classifier_fds_new(&rig->fds, false, &rig->classifier), 0);
	classify_fill(rig->classifier);
	rig->ring = ring_buffer__new(rig->fds.audit, take_event, rig, NULL);
	assert_non_null(rig->ring);
	rig->socket = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_true(rig->socket >= 0);
	assert_int_equal(bpf_map_update_elem(rig->fds.sockets, &queue, &rig->socket, BPF_ANY), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	ring_buffer__free(rig->ring);
	classifier_free(rig->classifier);
	xesp_bpf__destroy(rig->object);
	close(rig->socket);
	free(rig);
	return 0;
}

/* Runs the frame behind `metadata` bytes of 0x77, and returns the XDP action. */
static uint32_t run(struct rig *rig, uint32_t metadata, int repeat)
{
	uint8_t input[FRAME_ROOM + METADATA_MAX];
	uint32_t size = metadata + (uint32_t)rig->frame.len;
	struct xdp_md in = {.data = metadata, .data_end = size};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = input, .data_size_in = size, .data_out = rig->output,
		    .data_size_out = sizeof(rig->output), .ctx_in = &in, .ctx_size_in = sizeof(in),
		    .ctx_out = &rig->out, .ctx_size_out = sizeof(rig->out), .repeat = repeat);

	memset(input, 0x77, metadata);
	memcpy(input + metadata, rig->frame.bytes, rig->frame.len);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(rig->object->progs.xesp_classify), &opts), 0);
	/* Whatever became of it, the frame is as it was. */
	assert_int_equal(opts.data_size_out - rig->out.data, rig->frame.len);
	assert_memory_equal(rig->output + rig->out.data, rig->frame.bytes, rig->frame.len);
	return opts.retval;
}

static uint64_t counter(struct rig *rig, enum xesp_reason reason)
{
	uint64_t counters[XESP_CLASSIFIER_REASON_END];

	assert_int_equal(rig->classifier->ops->read_counters(rig->classifier, counters), 0);
	return counters[reason];
}

static void test_no_socket(void **state)
{
	struct rig *rig = *state;
	struct frame_spec spec = classify_spec4();
	uint32_t queue = 0;

	frame_esp(&rig->frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	assert_int_equal(run(rig, 0, 1), XDP_REDIRECT);
	assert_int_equal(bpf_map_delete_elem(rig->fds.sockets, &queue), 0);
	assert_int_equal(run(rig, 0, 1), XDP_PASS);
	assert_int_equal(rig->out.data, 0);
	/* Metadata of others stays. */
	assert_int_equal(run(rig, 8, 1), XDP_PASS);
	assert_int_equal(rig->out.data, 8);
	assert_memory_equal(rig->output, "\x77\x77\x77\x77\x77\x77\x77\x77", 8);
	assert_int_equal(counter(rig, XESP_REASON_NO_SOCKET), 2);
	assert_int_equal(counter(rig, XESP_REASON_TO_ENGINE), 1);
}

static void test_metadata_replaced(void **state)
{
	static const uint32_t present[] = {0, 4, 20, 24, 32};
	struct rig *rig = *state;
	struct frame_spec spec = classify_spec6();
	struct xesp_meta meta;

	frame_esp(&rig->frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	for (size_t i = 0; i < ARRAY_SIZE(present); i++) {
		assert_int_equal(run(rig, present[i], 1), XDP_REDIRECT);
		assert_int_equal(rig->out.data, sizeof(meta));
		memcpy(&meta, rig->output, sizeof(meta));
		assert_int_equal(meta.magic, XESP_META_MAGIC);
		assert_int_equal(meta.sa_index, 11);
	}
}

/* Metadata does not grow if the program sees its own again. */
static void test_repeated(void **state)
{
	struct rig *rig = *state;
	struct frame_spec spec = classify_spec4();

	frame_esp(&rig->frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	assert_int_equal(run(rig, 0, 1000), XDP_REDIRECT);
	assert_int_equal(rig->out.data, sizeof(struct xesp_meta));
	assert_int_equal(counter(rig, XESP_REASON_TO_ENGINE), 1000);
}

static void expect_event(struct rig *rig, const struct frame_spec *spec, enum xesp_form form, bool options)
{
	struct xesp_audit_event expected = {
		.reason = XESP_REASON_NO_SA,
		.spi = htobe32(CLASSIFY_SPI_UNKNOWN),
		.seq = htobe32(1),
		.family = spec->dst.family == AF_INET ? 4 : 6,
		.form = (uint8_t)form,
		.sport = form == XESP_FORM_NATIVE ? 0 : htobe16(spec->sport),
		.dport = form == XESP_FORM_NATIVE ? 0 : htobe16(spec->dport),
	};
	struct timespec now;
	uint64_t now_ns;

	memcpy(expected.saddr, spec->src.bytes, sizeof(expected.saddr));
	memcpy(expected.daddr, spec->dst.bytes, sizeof(expected.daddr));
	rig->event_count = 0;
	frame_esp(&rig->frame, spec, form, CLASSIFY_SPI_UNKNOWN, 40);
	if (options)
		frame_insert(&rig->frame, IPPROTO_DSTOPTS, "\1\0\1\4\0\0\0\0", 8);
	assert_int_equal(run(rig, 0, 1), XDP_PASS);
	assert_int_equal(ring_buffer__consume(rig->ring), 1);
	assert_int_equal(rig->event_count, 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	expected.time_ns = rig->events[0].time_ns;
	assert_in_range(expected.time_ns, now_ns - 1000000000, now_ns);
	assert_memory_equal(&rig->events[0], &expected, sizeof(expected));
}

static void test_audit_event(void **state)
{
	struct frame_spec specs[] = {classify_spec4(), classify_spec6()};

	set_config(*state, 1000);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(specs); i++) {
		struct frame_spec spec = specs[i % 2];
		bool options = i / 2;

		spec.tags = (unsigned int)i % 2;
		expect_event(*state, &spec, XESP_FORM_UDP, options);
		expect_event(*state, &spec, XESP_FORM_NATIVE, options);
		spec.dport = CLASSIFY_PORT_DRAFT;
		expect_event(*state, &spec, XESP_FORM_UDP_IKE, options);
	}
}

/* The limit is one for each CPU. */
static void stay_on_this_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	assert_int_equal(sched_setaffinity(0, sizeof(cpus), &cpus), 0);
}

static size_t events_of(struct rig *rig, int packets)
{
	rig->event_count = 0;
	assert_int_equal(run(rig, 0, packets), XDP_PASS);
	assert_true(ring_buffer__consume(rig->ring) >= 0);
	return rig->event_count;
}

static void test_audit_limit(void **state)
{
	struct rig *rig = *state;
	struct frame_spec spec = classify_spec4();
	struct timespec more_than_a_second = {.tv_sec = 1, .tv_nsec = 50000000};
	cpu_set_t all;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	stay_on_this_cpu();
	frame_esp(&rig->frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI_UNKNOWN, 40);
	set_config(rig, 0);
	assert_int_equal(events_of(rig, 100), 0);
	set_config(rig, 5);
	assert_int_equal(events_of(rig, 100), 5);
	assert_int_equal(events_of(rig, 100), 0);
	nanosleep(&more_than_a_second, NULL);
	assert_int_equal(events_of(rig, 3), 3);
	assert_int_equal(events_of(rig, 100), 2);
	/* All were counted. */
	assert_int_equal(counter(rig, XESP_REASON_NO_SA), 100 + 100 + 100 + 3 + 100);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

/* A full ring loses events, not packets. */
static void test_audit_full(void **state)
{
	struct rig *rig = *state;
	struct frame_spec spec = classify_spec4();

	set_config(rig, UINT32_MAX);
	frame_esp(&rig->frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI_UNKNOWN, 40);
	assert_int_equal(run(rig, 0, 5000), XDP_PASS);
	assert_int_equal(counter(rig, XESP_REASON_NO_SA), 5000);
}

/* SAs stay in the tables when the process that added them is gone, and the next one finds them. */
static void test_taken_over(void **state)
{
	struct rig *rig = *state;
	struct frame_spec spec = classify_spec4();
	struct xesp_sa_ref ref = {.index = 99};

	classifier_free(rig->classifier);
	assert_int_equal(classifier_fds_new(&rig->fds, false, &rig->classifier), 0);
	frame_esp(&rig->frame, &spec, XESP_FORM_UDP, CLASSIFY_SPI, 40);
	assert_int_equal(run(rig, 0, 1), XDP_REDIRECT);
	assert_int_equal(rig->classifier->ops->add_sa(rig->classifier, CLASSIFY_SPI, &spec.dst, &ref),
			 -EEXIST);
	assert_int_equal(rig->classifier->ops->del_sa(rig->classifier, CLASSIFY_SPI, &spec.dst), 0);
	assert_int_equal(run(rig, 0, 1), XDP_PASS);
	assert_int_equal(rig->classifier->ops->run(rig->classifier, rig->frame.bytes, rig->frame.len, NULL),
			 -EOPNOTSUPP);
}

/* The descriptors tell the capacity that the object was opened with. */
static void test_capacity_of_descriptors(void **state)
{
	struct rig *rig = *state;
	struct frame_spec specs[] = {classify_spec4(), classify_spec6()};
	struct xesp_sa_ref ref = {0};

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		uint32_t added = 0;

		while (!rig->classifier->ops->add_sa(rig->classifier, 0x5000 + added, &specs[i].dst, &ref))
			added++;
		/* classify_fill() added three. */
		assert_int_equal(added + 3, CLASSIFY_CAPACITY);
	}
}

static int without_privileges(struct rig *rig)
{
	struct frame_spec spec = classify_spec4();
	struct xesp_sa_ref ref = {.index = 99};
	struct xesp_config config = {.enabled = 1};
	struct classifier *classifier;
	uint64_t counters[XESP_CLASSIFIER_REASON_END];

	if (setuid(65534))
		return 1;
	if (classifier_kernel_new(CLASSIFY_CAPACITY, &classifier) != -EPERM)
		return 2;
	if (classifier_fds_new(&rig->fds, false, &classifier))
		return 3;
	if (classifier->ops->add_sa(classifier, CLASSIFY_SPI_UNKNOWN, &spec.dst, &ref))
		return 4;
	if (classifier->ops->set_config(classifier, &config) ||
	    classifier->ops->read_counters(classifier, counters))
		return 5;
	return 0;
}

/* The engine has the descriptors and no capability. */
static void test_unprivileged(void **state)
{
	struct rig *rig = *state;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(without_privileges(rig));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_capacity(void **state)
{
	struct classifier *classifier;
	struct frame_spec spec = classify_spec4();
	struct xesp_sa_ref ref = {0};
	int (*const create[])(uint32_t, struct classifier **) = {classifier_native_new,
								 classifier_kernel_new};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(create); i++) {
		assert_int_equal(create[i](0, &classifier), -EINVAL);
		for (uint32_t capacity = 1; capacity < 20; capacity++) {
			assert_int_equal(create[i](capacity, &classifier), 0);
			for (uint32_t spi = 256; spi < 256 + capacity; spi++)
				assert_int_equal(classifier->ops->add_sa(classifier, spi, &spec.dst, &ref),
						 0);
			assert_int_equal(classifier->ops->add_sa(classifier, 999, &spec.dst, &ref), -ENOSPC);
			assert_int_equal(classifier->ops->del_sa(classifier, 256, &spec.dst), 0);
			assert_int_equal(classifier->ops->add_sa(classifier, 999, &spec.dst, &ref), 0);
			classifier_free(classifier);
		}
	}
}

static void test_verifier(void **state)
{
	static char log[64 * 1024];
	struct xesp_bpf *object;
	const char *processed;
	unsigned int instructions;

	(void)state;
	assert_int_equal(classifier_bpf_open(CLASSIFY_CAPACITY, &object), 0);
	/* 4: statistics only. */
	assert_int_equal(bpf_program__set_log_level(object->progs.xesp_classify, 4), 0);
	assert_int_equal(bpf_program__set_log_buf(object->progs.xesp_classify, log, sizeof(log)), 0);
	assert_int_equal(xesp_bpf__load(object), 0);
	processed = strstr(log, "processed ");
	assert_non_null(processed);
	assert_int_equal(sscanf(processed, "processed %u insns", &instructions), 1);
	print_message("# the verifier processed %u instructions, bound %u\n", instructions, VERIFIER_BOUND);
	assert_in_range(instructions, 1, VERIFIER_BOUND);
	xesp_bpf__destroy(object);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_socket),
		TEST(test_metadata_replaced),
		TEST(test_repeated),
		TEST(test_audit_event),
		TEST(test_audit_limit),
		TEST(test_audit_full),
		TEST(test_taken_over),
		TEST(test_capacity_of_descriptors),
		TEST(test_unprivileged),
		cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_verifier),
	};

	return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
