/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet sockets of the loader, on the loopback interface of a network namespace of the test's own: frames go
 * out, as segments too, and nothing comes in, whatever is done with the socket.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/port.h"
#include "host/port_open.h"
#include "tests/lib/packet.h"

#define LINK 14

static bool have_namespace;

static int set_up(void **state)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	(void)state;
	have_namespace = unshare(CLONE_NEWNET) == 0;
	if (!have_namespace)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
	return 0;
}

static void need_namespace(void)
{
	if (have_namespace)
		return;
	print_message("skipped: no network namespace can be made\n");
	skip();
}

static int open_lo(void)
{
	struct failure failure;
	int fd = -1;

	assert_int_equal(port_open(if_nametoindex("lo"), &fd, &failure), 0);
	return fd;
}

static int listener(void)
{
	const struct sockaddr_ll any = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(any)), 0);
	return fd;
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1;
}

/* A UDP packet behind a link-layer header. */
static uint32_t make_frame(uint8_t *frame, size_t data)
{
	memset(frame, 0, LINK);
	packet_put16(frame + 12, ETHERTYPE_IP);
	return LINK + (uint32_t)packet_udp4(frame + LINK, data);
}

static void test_sends(void **state)
{
	uint8_t bytes[PORT_FRONT + 2000], got[2000];
	struct port_frame frame = {.bytes = bytes + PORT_FRONT, .count = 1};
	struct port *port;
	int in;

	(void)state;
	need_namespace();
	in = listener();
	assert_int_equal(port_new(if_nametoindex("lo"), &port), 0);
	port_add(port, 0, open_lo());
	frame.len = make_frame(frame.bytes, 100);
	assert_true(port_send(port, 5, &frame, 1));
	assert_false(frame.failed);
	assert_int_equal(atomic_load(&port->sent), 1);
	assert_int_equal(read(in, got, sizeof(got)), frame.len);
	assert_memory_equal(got, frame.bytes, frame.len);
	port_free(port);
	close(in);
}

/* A frame that the kernel does not take is the only one that fails. */
static void test_refused_frame(void **state)
{
	uint8_t bytes[3][PORT_FRONT + 200];
	struct port_frame frames[3];
	struct port *port;

	(void)state;
	need_namespace();
	assert_int_equal(port_new(if_nametoindex("lo"), &port), 0);
	port_add(port, 0, open_lo());
	atomic_store(&port->segments, true);
	for (int i = 0; i < 3; i++) {
		frames[i] = (struct port_frame){.bytes = bytes[i] + PORT_FRONT, .count = 1};
		frames[i].len = make_frame(frames[i].bytes, 100);
	}
	frames[1].len = 5; /* not even a link-layer header */
	assert_true(port_send(port, 0, frames, 3));
	assert_false(frames[0].failed);
	assert_true(frames[1].failed);
	assert_false(frames[2].failed);
	assert_int_equal(atomic_load(&port->sent), 2);
	assert_int_equal(atomic_load(&port->failed), 1);
	assert_true(atomic_load(&port->segments));
	port_free(port);
}

static void test_receives_nothing(void **state)
{
	const struct sockaddr_ll everything = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	const struct sock_fprog program = {.len = 1, .filter = &all};
	uint8_t bytes[PORT_FRONT + 200];
	struct port_frame frame = {.bytes = bytes + PORT_FRONT, .count = 1};
	const int off = 0;
	struct port *port;
	int fd, in;

	(void)state;
	need_namespace();
	fd = open_lo();
	in = listener();
	/* What a bad engine would try. */
	assert_int_equal(bind(fd, (const struct sockaddr *)&everything, sizeof(everything)), 0);
	assert_int_not_equal(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &off, sizeof(off)), 0);
	assert_int_not_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
	assert_int_not_equal(setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &off, sizeof(off)), 0);
	assert_int_equal(port_new(if_nametoindex("lo"), &port), 0);
	port_add(port, 0, open_lo());
	frame.len = make_frame(frame.bytes, 100);
	assert_true(port_send(port, 0, &frame, 1) && !frame.failed);
	assert_true(is_readable(in));
	assert_false(is_readable(fd));
	port_free(port);
	close(fd);
	close(in);
}

static void test_no_interface(void **state)
{
	struct failure failure;
	int fd = 77;

	(void)state;
	need_namespace();
	assert_int_equal(port_open(9999, &fd, &failure), -ENODEV);
	assert_int_equal(fd, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sends),
		cmocka_unit_test(test_refused_frame),
		cmocka_unit_test(test_receives_nothing),
		cmocka_unit_test(test_no_interface),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
