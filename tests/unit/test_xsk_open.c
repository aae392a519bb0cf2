/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How AF_XDP sockets are bound on kernels and drivers that this machine does not have: this file stands in
 * for the socket calls. The kernel's rules are those of xp_assign_dev() in net/xdp/xsk_buff_pool.c.
 */
#include <errno.h>
#include <linux/if_xdp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <xesp/limits.h>

#include "base/cleanup.h"
#include "host/xsk_open.h"
#include "tests/lib/own_process.h"

#define USE_SG (1 << 4)
#define MTU_OF_ONE_FRAME 3814 /* the kernel adds 26 bytes and wants at most 3840 */

static const uint32_t mtus[] = {1280, 1500, MTU_OF_ONE_FRAME, MTU_OF_ONE_FRAME + 1, 4000, 9000, 9216};

/* The kernel and the driver. */
static struct {
	bool knows_sg;
	bool zero_copy;
	uint32_t segments; /* buffers of a packet that zero copy can have */
	uint32_t mtu;
	int error; /* of every bind */
	/* what became of it */
	bool bound;
	bool zero_copied;
	bool sg;
	size_t tries;
	struct xdp_umem_reg umem;
	uint32_t fill_size, completion_size, tx_size;
	bool no_ring; /* bind with a transmit ring fails */
	uint32_t tx_queues;
	bool transmit; /* what is asked for */
} kernel;

int socket(int domain, int type, int protocol)
{
	(void)domain;
	(void)type;
	(void)protocol;
	return eventfd(0, EFD_CLOEXEC);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	(void)fd;
	(void)len;
	if (level != SOL_XDP)
		return 0;
	if (name == XDP_UMEM_REG) { /* another socket */
		kernel.tx_size = 0;
		kernel.umem = *(const struct xdp_umem_reg *)value;
	}
	if (name == XDP_UMEM_FILL_RING)
		memcpy(&kernel.fill_size, value, sizeof(kernel.fill_size));
	if (name == XDP_UMEM_COMPLETION_RING)
		memcpy(&kernel.completion_size, value, sizeof(kernel.completion_size));
	if (name == XDP_TX_RING)
		memcpy(&kernel.tx_size, value, sizeof(kernel.tx_size));
	return 0;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct xdp_options options = {.flags = kernel.zero_copied ? XDP_OPTIONS_ZEROCOPY : 0};

	(void)fd;
	(void)level;
	assert_int_equal(name, XDP_OPTIONS);
	assert_int_equal(*len, sizeof(options));
	memcpy(value, &options, sizeof(options));
	return 0;
}

static int zero_copy_error(bool sg)
{
	if (!kernel.zero_copy || (sg && kernel.segments == 1))
		return EOPNOTSUPP;
	return kernel.mtu > MTU_OF_ONE_FRAME * (sg ? kernel.segments : 1) ? EINVAL : 0;
}

static int bind_error(uint16_t flags)
{
	bool sg = flags & USE_SG;
	int error = zero_copy_error(sg);

	if (sg && !kernel.knows_sg)
		return EINVAL;
	if (kernel.error || (kernel.no_ring && kernel.tx_size))
		return kernel.error ? kernel.error : EOPNOTSUPP;
	if (!(flags & XDP_COPY) && (flags & XDP_ZEROCOPY) && error)
		return error;
	kernel.bound = true;
	kernel.sg = sg;
	kernel.zero_copied = !(flags & XDP_COPY) && !error;
	return 0;
}

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
	struct sockaddr_xdp xdp;

	(void)fd;
	assert_false(kernel.bound);
	assert_int_equal(len, sizeof(xdp));
	memcpy(&xdp, address, sizeof(xdp));
	if (!xdp.sxdp_ifindex) { /* is asked to find out what the kernel knows */
		errno = (xdp.sxdp_flags & USE_SG) && !kernel.knows_sg ? EINVAL : ENODEV;
		return -1;
	}
	assert_int_equal(xdp.sxdp_ifindex, 7);
	assert_int_equal(xdp.sxdp_queue_id, 3);
	assert_true(xdp.sxdp_flags & XDP_USE_NEED_WAKEUP);
	kernel.tries++;
	errno = bind_error(xdp.sxdp_flags);
	return errno ? -1 : 0;
}

static int try_to_open(struct xsk_opened *ret_opened, struct failure *ret_failure)
{
	const struct ipc_link_state state = {
		.dev = "x0", .ifindex = 7, .mtu = kernel.mtu, .tx_queues = kernel.tx_queues};

	return xsk_open(&state, 3, kernel.transmit, 0, ret_opened, ret_failure);
}

static void expect(bool zero_copy, bool multi_buffer)
{
	struct xsk_opened opened;
	struct failure failure;
	size_t before = own_descriptors();

	kernel.bound = kernel.zero_copied = kernel.sg = false;
	assert_int_equal(try_to_open(&opened, &failure), 0);
	assert_int_equal(opened.info.bound, kernel.bound);
	assert_int_equal(opened.info.ifindex, 7);
	assert_int_equal(kernel.zero_copied, zero_copy);
	assert_int_equal(opened.info.zero_copy, zero_copy);
	assert_int_equal(kernel.sg, multi_buffer);
	assert_int_equal(opened.info.multi_buffer, multi_buffer);
	assert_int_equal(opened.info.number, 3);
	assert_int_equal(opened.info.fill_size, kernel.fill_size);
	/* What xsk_map() insists on. */
	assert_true(opened.info.fill_size >= 2 * opened.info.frames);
	xsk_opened_close(&opened);
	assert_int_equal(own_descriptors(), before);
}

/* veth, or generic mode. */
static void test_copying(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mtus); i++) {
		memset(&kernel, 0, sizeof(kernel));
		kernel.mtu = mtus[i];
		kernel.knows_sg = true;
		expect(false, true);
		assert_true(kernel.bound);
	}
}

/* Of a driver whose zero copy knows one buffer, jumbo frames must be copied, but nothing else. */
static void test_zero_copy_of_one_buffer(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.zero_copy = kernel.knows_sg = true;
	kernel.segments = 1;
	for (size_t i = 0; i < ARRAY_SIZE(mtus); i++) {
		kernel.mtu = mtus[i];
		expect(mtus[i] <= MTU_OF_ONE_FRAME, mtus[i] > MTU_OF_ONE_FRAME);
	}
}

static void test_zero_copy_of_several_buffers(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.zero_copy = kernel.knows_sg = true;
	kernel.segments = 8;
	kernel.mtu = MTU_OF_ONE_FRAME;
	expect(true, false); /* no packet needs more */
	kernel.mtu = MTU_OF_ONE_FRAME + 1;
	expect(true, true);
	kernel.mtu = 9000;
	expect(true, true);
}

static void expect_ring(bool ring)
{
	struct xsk_opened opened;
	struct failure failure;

	kernel.bound = false;
	assert_int_equal(try_to_open(&opened, &failure), 0);
	assert_true(kernel.bound && opened.info.bound);
	assert_int_equal(opened.info.tx_frames != 0, ring);
	assert_int_equal(kernel.tx_size, opened.info.tx_size);
	assert_int_equal(kernel.umem.len,
			 (uint64_t)(opened.info.frames + opened.info.tx_frames) * opened.info.frame_size);
	if (ring) {
		/* Putting a frame into either ring cannot fail. */
		assert_true(opened.info.tx_size >= opened.info.tx_frames);
		assert_int_equal(kernel.completion_size, opened.info.tx_size);
		assert_true(opened.info.tx_frames <= XESP_TX_FRAMES_PER_QUEUE);
	}
	xsk_opened_close(&opened);
}

/* Queue 3 has one only if the interface has four transmit queues, and who asks wants it; where it cannot be
 * had the socket receives all the same. */
static void test_transmit_ring(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.knows_sg = true;
	kernel.mtu = 1500;
	kernel.tx_queues = 4;
	expect_ring(false);
	kernel.transmit = true;
	expect_ring(true);
	kernel.tx_queues = 3;
	expect_ring(false);
	kernel.tx_queues = 4;
	kernel.no_ring = true;
	expect_ring(false);
}

/* Before Linux 6.6 the kernel knows no packets in several buffers, and may not map the rings of a bound
 * socket. */
static void test_left_to_the_engine(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(mtus); i++) {
		memset(&kernel, 0, sizeof(kernel));
		kernel.mtu = mtus[i / 2];
		kernel.zero_copy = i % 2;
		kernel.segments = 1;
		expect(false, false);
		assert_false(kernel.bound);
	}
}

static void test_refused(void **state)
{
	static const int errors[] = {EBUSY, EINVAL, ENODEV, ENETDOWN};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct xsk_opened opened;
		struct failure failure;
		size_t before = own_descriptors();

		memset(&kernel, 0, sizeof(kernel));
		kernel.error = errors[i];
		kernel.knows_sg = true;
		kernel.mtu = 1500;
		assert_int_equal(try_to_open(&opened, &failure), -errors[i]);
		assert_int_equal(failure.error, errors[i]);
		assert_non_null(strstr(failure.reason, "queue 3 of x0"));
		assert_int_equal(strstr(failure.advice, "other program") != NULL, errors[i] == EBUSY);
		assert_true(kernel.tries > 0);
		assert_int_equal(own_descriptors(), before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copying),
		cmocka_unit_test(test_zero_copy_of_one_buffer),
		cmocka_unit_test(test_zero_copy_of_several_buffers),
		cmocka_unit_test(test_transmit_ring),
		cmocka_unit_test(test_left_to_the_engine),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("xsk_open", tests, NULL, NULL);
}
